"""The one search box of the shell."""
