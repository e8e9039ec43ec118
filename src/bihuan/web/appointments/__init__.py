"""The appointment board."""
