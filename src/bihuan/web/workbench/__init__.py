"""The start page: one's open work."""
