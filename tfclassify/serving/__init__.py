"""The server: SavedModels behind TensorFlow Serving's REST and gRPC, with batching, keys, limits and metrics."""
