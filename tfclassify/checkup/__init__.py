"""The check-up: what is wrong with the data or with the installation, and what deals with it."""
