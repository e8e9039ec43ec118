"""Fixtures of every test: a clock that stands still, and the shared cast."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from bihuan.kernel import clock

pytest_plugins = ["tests.cast"]

# A Tuesday morning, 09:00 in Shanghai.
MORNING = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)


@pytest.fixture
def frozen_clock() -> Iterator[datetime]:
    """Time stands at a Tuesday, 09:00 in Shanghai; `clock.move(to)` moves it."""
    with clock.frozen(MORNING):
        yield MORNING
