"""Customers: list, page, form."""
