"""Planning: from what was asked, what the data look like and what the machine can do, to a complete configuration."""
