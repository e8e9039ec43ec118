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


@pytest.mark.parametrize("text", ["R3", "R3/", "R0/PT1H", "Rx/PT1H", "R/PT0S", "R/-PT1H", "R/a/b/c"])
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


SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("text", "every", "moments"),
    [
        ("0 0/5 * * * ?", 300, ["24 20:05:00", "24 20:10:00"]),
        ("*/30 * * * * *", 30, ["24 20:00:30", "24 20:01:00"]),
        ("0 30 8 ? * MON-FRI", 86400, ["25 08:30:00", "26 08:30:00"]),
        ("15 3 * * 0,6", 86400, ["28 03:15:00", "29 03:15:00"]),
        ("0 0 9 L * ?", 2419200, ["30 09:00:00", "31 09:00:00"]),
        ("0 0 9 ? * MON#1", 2419200, ["07 09:00:00", "04 09:00:00"]),
        ("0 0 9 ? * FRIL", 2419200, ["27 09:00:00", "25 09:00:00"]),
        ("@daily", 86400, ["25 00:00:00", "26 00:00:00"]),
        ("0 0 12 1 1 ? 2027", 31622400, ["01 12:00:00"]),
    ],
)
def test_cron_names_moments_on_the_clock_of_the_site(text: str, every: int, moments: list[str]) -> None:
    cycle = parse_cycle(text)
    due = first_due(cycle, NOON, SHANGHAI)
    for moment in moments:
        assert due is not None and due[0].astimezone(SHANGHAI).strftime("%d %H:%M:%S") == moment
        due = next_due(cycle, due[0], due[0], SHANGHAI, due[1])
    assert cycle.every.seconds == timedelta(seconds=every) and (due is None) is text.endswith("2027")


def test_cron_leaves_out_an_hour_that_the_clock_skips_without_standing_still() -> None:
    cycle, paris = parse_cycle("0 30 2 * * ?"), ZoneInfo("Europe/Paris")
    before = datetime(2027, 3, 27, 12, tzinfo=UTC)
    found = [first_due(cycle, before + timedelta(days=days), paris) for days in range(2)]
    assert [due and due[0] for due in found] == [
        datetime(2027, 3, 28, 1, 30, tzinfo=UTC),
        datetime(2027, 3, 29, 0, 30, tzinfo=UTC),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0 0 25 * * ?", "不在 0 到 23"),
        ("0 0 1 ? * 2", "数字在各软件里含义不同"),
        ("0 0 1 5 * MON", "只能限定一个"),
        ("0 0 0 31 2 ?", "没有一个日子"),
        ("0 0 0 x * ?", "看不懂"),
        ("0 0 0 1W * ?", "看不懂"),
        ("@often", "5 到 7 段"),
        ("1 2 3 4 5 6 7 8", "5 到 7 段"),
    ],
)
def test_what_is_no_cron(text: str, words: str) -> None:
    with pytest.raises(BadTime, match=words):
        parse_cycle(text)
