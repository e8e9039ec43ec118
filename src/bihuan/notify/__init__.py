"""Telling people something. The in-app channel is a row; other channels get a file each."""
