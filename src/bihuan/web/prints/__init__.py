"""Papers for the printer."""
