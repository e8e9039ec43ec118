"""Processes: the rule book on screen, its scripts, and what got stuck."""
