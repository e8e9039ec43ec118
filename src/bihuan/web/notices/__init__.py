"""The notice centre, the live bell, and one's own choices."""
