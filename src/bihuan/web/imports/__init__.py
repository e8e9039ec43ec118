"""Importing workbooks."""
