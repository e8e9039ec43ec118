"""Diagnosis notes, kept by those who know."""
