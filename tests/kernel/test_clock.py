from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest

from bihuan.kernel import clock

NINE = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def test_now_is_aware_and_in_utc() -> None:
    assert clock.now().utcoffset() == timedelta(0)


def test_a_frozen_clock_stands_still_until_it_is_moved() -> None:
    with clock.frozen(NINE):
        assert clock.now() == NINE == clock.now()
        clock.move(NINE + timedelta(hours=3))
        assert clock.now() == NINE + timedelta(hours=3)
    assert not clock.is_frozen()


def test_freezing_within_freezing_returns_to_the_outer_moment() -> None:
    with clock.frozen(NINE):
        with clock.frozen(NINE + timedelta(days=1)):
            clock.move(NINE + timedelta(days=2))
        assert clock.now() == NINE


def test_another_threads_time_is_not_touched() -> None:
    seen: list[bool] = []
    with clock.frozen(NINE):
        thread = threading.Thread(target=lambda: seen.append(clock.is_frozen()))
        thread.start()
        thread.join()
    assert seen == [False]


def test_the_clock_does_not_move_unless_it_is_frozen() -> None:
    with pytest.raises(RuntimeError):
        clock.move(NINE)


def test_a_moment_in_another_zone_becomes_utc() -> None:
    shanghai = timezone(timedelta(hours=8))
    with clock.frozen(datetime(2026, 11, 24, 17, 0, tzinfo=shanghai)):
        assert clock.now() == NINE
        assert clock.now().tzinfo == UTC


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="without a time zone"), clock.frozen(NINE.replace(tzinfo=None)):
        pass
