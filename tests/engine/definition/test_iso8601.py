"""Moments, durations and cycles as ISO 8601 writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bihuan.engine.definition.iso8601 import (
    BadTime,
    Cycle,
    Duration,
    Moment,
    first_due,
    later,
    next_due,
    parse_cycle,
    parse_duration,
    parse_moment,
)

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "months", "days", "seconds"),
    [
        ("PT30M", 0, 0, 1800),
        ("P1DT2H3M4.5S", 0, 1, 7384.5),
        ("P1Y2M3D", 14, 3, 0),
        ("P2W", 0, 14, 0),
        ("PT1.5H", 0, 0, 5400),
        ("PT0,5S", 0, 0, 0.5),
        ("P0.5D", 0, 0, 43200),
        ("-PT5M", 0, 0, -300),
        ("PT36H", 0, 0, 129600),
        (" P1M ", 1, 0, 0),
    ],
)
def test_durations(text: str, months: int, days: int, seconds: float) -> None:
    assert parse_duration(text) == Duration(months, days, timedelta(seconds=seconds))


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "1D", "P1", "P1H", "PT1D", "P1.5M", "P1D2H", "PT9999999999999H", "１天"]
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(BadTime):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-24T12:00:00Z", NOON),
        ("2026-11-24T20:00:00+08:00", NOON),
        ("2026-11-24T20:00+08:00", NOON),
        ("2026-11-24T20:00:00+08", NOON),
        ("20261124T120000Z", NOON),
        ("2026-11-24T12:00:00.000Z", NOON),
        ("2026-11-24", datetime(2026, 11, 24)),
    ],
)
def test_moments(text: str, expected: datetime) -> None:
    assert parse_moment(text) == Moment(expected)


@pytest.mark.parametrize("text", ["2026-13-01", "heute", "2026-11-24T25:00:00", "24.11.2026"])
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(BadTime):
        parse_moment(text)


def test_cycles() -> None:
    hour = Duration(seconds=timedelta(hours=1))
    assert parse_cycle("R3/PT1H") == Cycle(hour, 3)
    assert parse_cycle("R/PT1H") == Cycle(hour)
    assert parse_cycle("R-1/PT1H") == Cycle(hour)
    assert parse_cycle("R2/2026-11-24T12:00:00Z/PT1H") == Cycle(hour, 2, NOON)
    assert parse_cycle("R/PT1H/2026-11-24T12:00:00Z") == Cycle(hour, None, None, NOON)
    assert parse_cycle("R2/2026-11-24T12:00:00Z/2026-11-24T13:00:00Z") == Cycle(hour, 2, NOON)


@pytest.mark.parametrize(
    "text", ["R3", "R3/", "R0/PT1H", "Rx/PT1H", "R/PT0S", "R/-PT1H", "R/a/b/c", "0 0 9 * * ?", "@daily"]
)
def test_what_is_no_cycle(text: str) -> None:
    with pytest.raises(BadTime):
        parse_cycle(text)


def test_days_are_counted_on_the_calendar_of_the_site_hours_in_real_time() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    before = datetime(2026, 10, 24, 12, tzinfo=berlin)
    assert later(before, parse_duration("P1D"), berlin).astimezone(berlin).hour == 12
    assert later(before, parse_duration("PT24H"), berlin).astimezone(berlin).hour == 11


def test_a_month_after_the_last_day_is_the_last_day() -> None:
    assert later(datetime(2027, 1, 31, tzinfo=UTC), Duration(months=1), UTC) == datetime(2027, 2, 28, tzinfo=UTC)


def test_the_end_of_the_calendar_is_told_not_crashed_into() -> None:
    with pytest.raises(BadTime):
        later(NOON, Duration(days=999_999_999), UTC)
    with pytest.raises(BadTime):
        later(NOON, Duration(months=999_999), UTC)


def test_a_cycle_keeps_its_grid_and_stops_at_its_end() -> None:
    cycle = parse_cycle("R/PT1H/2026-11-24T14:30:00Z")
    due = first_due(cycle, NOON, UTC)
    assert due == (NOON + timedelta(hours=1), None)
    assert next_due(cycle, NOON + timedelta(hours=1), NOON + timedelta(hours=1), UTC, None) == (
        NOON + timedelta(hours=2),
        None,
    )
    assert next_due(cycle, NOON + timedelta(hours=2), NOON + timedelta(hours=2), UTC, None) is None


def test_a_cycle_that_began_long_ago_goes_on_from_now() -> None:
    cycle = parse_cycle("R/2020-01-01T00:00:00Z/PT1S")
    assert first_due(cycle, NOON, UTC) == (NOON + timedelta(seconds=1), None)
    daily = parse_cycle("R/2020-01-01T09:00:00Z/P1D")
    assert first_due(daily, NOON, UTC) == (datetime(2026, 11, 25, 9, tzinfo=UTC), None)
