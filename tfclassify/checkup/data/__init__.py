"""The check-up of data: rows as they were read, and functions from them to findings."""
