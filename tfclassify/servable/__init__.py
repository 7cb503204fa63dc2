"""The servable: a SavedModel from raw text to answers, proven before it ships, and what lies beside it."""
