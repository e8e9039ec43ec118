"""Use cases that join records and processes."""
