"""Vehicles: list, page, form."""
