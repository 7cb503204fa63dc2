"""From a location to batches: sources, checks, splits, the token store, and static-shape batches made of it."""
