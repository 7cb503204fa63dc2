"""tfclassify."""
