"""Boards for a screen on the wall, opened by a token instead of a person."""
