"""`python -m tests.hostile` writes docs/hostile-inputs.md from the table."""

from __future__ import annotations

import importlib
import os

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    table = importlib.import_module("tests.hostile.table")
    table.DOCUMENT.write_text(table.rendered(), encoding="utf-8")
