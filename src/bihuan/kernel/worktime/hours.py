"""Opening hours as people and files write them: {"mon": [["08:00", "12:00"], ["13:30", "18:00"]], …}."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from bihuan.kernel.worktime.calendar import DAY_NAMES, MINUTES_A_DAY, Calendar, Interval

_TIME_OF_DAY = re.compile(r"([0-9]{1,2}):([0-5][0-9])")


def parse_calendar(zone: str, hours: Mapping[str, Sequence[Sequence[str]]]) -> Calendar:
    """Read a site's opening hours; a missing day is closed.

    An interval whose end is not after its start runs over midnight into the next day ("22:00" to "06:00").
    """
    unknown = set(hours) - set(DAY_NAMES)
    if unknown:
        raise ValueError(f"unknown day: {', '.join(sorted(unknown))}")
    ZoneInfo(zone)
    week: list[list[Interval]] = [[] for _ in DAY_NAMES]
    for number, name in enumerate(DAY_NAMES):
        for pair in hours.get(name, ()):
            today, tomorrow = _of_pair(name, pair)
            week[number].append(today)
            if tomorrow is not None:
                week[(number + 1) % 7].append(tomorrow)
    return Calendar(zone, tuple(tuple(day) for day in week))


def parse_intervals(pairs: Sequence[Sequence[str]]) -> tuple[Interval, ...]:
    """The intervals of one date, which must end on that date. Raises ValueError."""
    found = [_of_pair("day", pair) for pair in pairs]
    if any(tomorrow is not None for _, tomorrow in found):
        raise ValueError("day: an interval of a single date ends on that date")
    return tuple(today for today, _ in found)


def format_hours(calendar: Calendar) -> dict[str, list[list[str]]]:
    """The weekly pattern in the form `parse_calendar` reads; closed days are left out."""
    return {name: format_day(day) for name, day in zip(DAY_NAMES, calendar.week, strict=True) if day}


def format_day(parts: Sequence[Interval]) -> list[list[str]]:
    """The intervals of one date as pairs of times of day."""
    return [[_clock_text(part.start), _clock_text(part.end)] for part in parts]


def minutes_of(text: str) -> int:
    """Minutes after midnight of "08:30"; "24:00" is the end of the day. Raises ValueError."""
    found = _TIME_OF_DAY.fullmatch(text)
    value = int(found[1]) * 60 + int(found[2]) if found else MINUTES_A_DAY + 1
    if value > MINUTES_A_DAY:
        raise ValueError(f"not a time of day: {text!r}")
    return value


def _of_pair(name: str, pair: Sequence[str]) -> tuple[Interval, Interval | None]:
    if len(pair) != 2:
        raise ValueError(f"{name}: an interval has a start and an end")
    start, end = (minutes_of(text) for text in pair)
    if start in (MINUTES_A_DAY, end):
        raise ValueError(f"{name}: empty interval {pair[0]}-{pair[1]}")
    if end > start:
        return Interval(start, end), None
    return Interval(start, MINUTES_A_DAY), Interval(0, end) if end else None


def _clock_text(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
