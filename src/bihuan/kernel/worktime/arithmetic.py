"""Adding, subtracting and measuring working time on the sums of a calendar's table."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from bihuan.kernel.clock import as_utc
from bihuan.kernel.worktime.calendar import Calendar
from bihuan.kernel.worktime.table import (
    DAY_SECONDS,
    EPOCH,
    FIRST_YEAR,
    LAST_YEAR,
    MAX_YEARS_AHEAD,
    MICROSECONDS,
    TABLE,
    NoWorkingTime,
    Table,
    table_covering,
    year_of,
)

_A_YEAR = 366 * DAY_SECONDS * MICROSECONDS


@dataclass(frozen=True)
class Span:
    """A stretch of real time, UTC, `end` exclusive."""

    start: datetime
    end: datetime

    @property
    def seconds(self) -> float:
        return (self.end - self.start).total_seconds()


def open_spans(calendar: Calendar, start: datetime, end: datetime) -> Iterator[Span]:
    """The stretches between two moments in which the place is open, in order, touching ones joined."""
    low, high = number_of(start), number_of(end)
    if low >= high:
        return
    if calendar.never_closes:
        yield Span(as_utc(start), as_utc(end))
        return
    table = table_covering(calendar, low, high)
    for index in range(bisect_right(table.ends, low), bisect_left(table.starts, high)):
        yield Span(moment_at(max(table.starts[index], low)), moment_at(min(table.ends[index], high)))


def working_time_between(calendar: Calendar, start: datetime, end: datetime) -> timedelta:
    """Open time from `start` to `end`, exactly; nothing when `end` is not after `start`."""
    return timedelta(microseconds=_between(calendar, start, end))


def working_seconds_between(calendar: Calendar, start: datetime, end: datetime) -> float:
    """Open seconds from `start` to `end`; zero when `end` is not after `start`."""
    return _between(calendar, start, end) / MICROSECONDS


def add_working_seconds(calendar: Calendar, start: datetime, seconds: float) -> datetime:
    """The moment at which `seconds` of open time have passed since `start`.

    Zero seconds is the start itself. The end of a working day counts as reached that evening, not next morning.
    Raises NoWorkingTime when the calendar never offers that much (within thirty years).
    """
    needed = round(seconds * MICROSECONDS)
    if needed <= 0 or calendar.never_closes:
        return _plainly(start, needed, 1)
    at = number_of(start)
    table: Table | None = calendar.__dict__.get(TABLE)
    if table is None or not table.first <= at < table.last:
        table = table_covering(calendar, at, at)
    while True:
        goal = table.total_at(at) + needed
        index = bisect_left(table.totals, goal)
        if index < len(table.totals):
            return EPOCH + timedelta(0, 0, goal + table.shifts[index])
        if table.last_year >= min(year_of(at) + MAX_YEARS_AHEAD, LAST_YEAR) or not calendar.ever_open:
            raise NoWorkingTime(f"{seconds} working seconds after {start.isoformat()} never come")
        # Twice as far each time, so that a long wait costs a few looks only.
        table = table_covering(calendar, at, table.last + (table.last - at) // _A_YEAR * _A_YEAR)


def subtract_working_seconds(calendar: Calendar, end: datetime, seconds: float) -> datetime:
    """The last moment from which `seconds` of open time are left until `end`: when to begin to be done by then.

    Zero seconds is the end itself. The beginning of a working day counts as that morning, not the evening before.
    Raises NoWorkingTime when the calendar never offered that much (within thirty years).
    """
    needed = round(seconds * MICROSECONDS)
    if needed <= 0 or calendar.never_closes:
        return _plainly(end, needed, -1)
    at = number_of(end)
    table = table_covering(calendar, at, at)
    while True:
        goal = table.total_at(at) - needed
        if goal >= 0:
            # The first stretch whose end lies beyond the goal; at its very start nothing of it is used.
            return EPOCH + timedelta(0, 0, goal + table.shifts[bisect_right(table.totals, goal)])
        if table.first_year <= max(year_of(at) - MAX_YEARS_AHEAD, FIRST_YEAR) or not calendar.ever_open:
            raise NoWorkingTime(f"{seconds} working seconds before {end.isoformat()} never were")
        table = table_covering(calendar, table.first - max((at - table.first) // _A_YEAR, 1) * _A_YEAR, at)


def is_open(calendar: Calendar, at: datetime) -> bool:
    """Whether the place is open at this moment; the closing minute itself is closed."""
    local = as_utc(at).astimezone(calendar.tz)
    minute = local.hour * 60 + local.minute
    return any(part.start <= minute < part.end for part in calendar.intervals_on(local.date()))


def next_opening(calendar: Calendar, at: datetime) -> datetime:
    """`at` itself when open, else the moment the place opens next."""
    if is_open(calendar, at):
        return as_utc(at)
    return add_working_seconds(calendar, at, 1 / MICROSECONDS) - timedelta(microseconds=1)


def _between(calendar: Calendar, start: datetime, end: datetime) -> int:
    low, high = number_of(start), number_of(end)
    if low >= high:
        return 0
    if calendar.never_closes:
        return high - low
    table = table_covering(calendar, low, high)
    return table.total_at(high) - table.total_at(low)


def _plainly(at: datetime, microseconds: int, direction: int) -> datetime:
    """No working time, or a place that never closes."""
    if microseconds < 0:
        raise ValueError("working time has one direction: use the other function")
    return as_utc(at) + timedelta(microseconds=direction * microseconds)


def number_of(at: datetime) -> int:
    """Microseconds since 1970. ValueError for a moment without a zone."""
    try:
        since = at - EPOCH
    except TypeError:
        raise ValueError(f"moment without a time zone: {at.isoformat()}") from None
    return (since.days * DAY_SECONDS + since.seconds) * MICROSECONDS + since.microseconds


def moment_at(number: int) -> datetime:
    """The moment of a number of microseconds since 1970."""
    return EPOCH + timedelta(0, 0, number)
