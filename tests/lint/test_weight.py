"""A page of work sends little script: it must open fast on a phone under a car."""

from __future__ import annotations

import os
from pathlib import Path

import brotli
import django_htmx
import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILT = ROOT / "src" / "bihuan" / "web" / "static" / "bihuan"
HTMX = Path(django_htmx.__file__).parent / "static" / "django_htmx" / "htmx-2.min.js"
# The diagram's viewer comes only when somebody opens the diagram.
ON_DEMAND = frozenset({"bpmn.js"})
BUDGET_BYTES = 60 * 1024
COMPLETE = os.environ.get("BIHUAN_TEST_COMPLETE") == "1"


@pytest.mark.skipif(not BUILT.exists() and not COMPLETE, reason="scripts are not built (dev.py assets)")
def test_the_scripts_of_a_work_page_fit_their_budget() -> None:
    files = [HTMX, *(file for file in BUILT.glob("*.js") if file.name not in ON_DEMAND)]
    sizes = {file.name: len(brotli.compress(file.read_bytes())) for file in files}
    assert sum(sizes.values()) <= BUDGET_BYTES, sizes
