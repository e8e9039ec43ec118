"""Screens: one folder per area, over one shell and one set of components."""
