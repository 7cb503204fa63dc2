"""TensorFlow Serving's REST API: from bytes on a connection to tensors and back."""
