"""What each TensorFlow Serving release knows: the ops of its TensorFlow, and those of the TensorFlow Text it links."""
