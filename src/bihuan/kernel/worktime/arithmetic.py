"""Adding, subtracting and measuring working time on the sums of a calendar's table."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from bihuan.kernel.clock import as_utc
from bihuan.kernel.worktime.calendar import Calendar
from bihuan.kernel.worktime.table import (
    EPOCH,
    FIRST_YEAR,
    LAST_YEAR,
    MAX_YEARS_AHEAD,
    NOTHING,
    TABLE,
    NoWorkingTime,
    Table,
    table_covering,
    year_of,
)

_A_YEAR = timedelta(366)
_LEAST = timedelta(microseconds=1)


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
    low, high = since_1970(start), since_1970(end)
    if low >= high:
        return
    if calendar.never_closes:
        yield Span(as_utc(start), as_utc(end))
        return
    table = table_covering(calendar, low, high)
    for index in range(bisect_right(table.ends, low), bisect_left(table.starts, high)):
        yield Span(EPOCH + max(table.starts[index], low), EPOCH + min(table.ends[index], high))


def working_time_between(calendar: Calendar, start: datetime, end: datetime) -> timedelta:
    """Open time from `start` to `end`, exactly; nothing when `end` is not after `start`."""
    low, high = since_1970(start), since_1970(end)
    if low >= high:
        return NOTHING
    if calendar.never_closes:
        return high - low
    table = table_covering(calendar, low, high)
    index = bisect_right(table.starts, low) - 1
    # Most questions begin and end within one opening.
    if index >= 0 and high <= table.ends[index]:
        return high - low
    return table.total_at(high) - table.total_at(low)


def working_seconds_between(calendar: Calendar, start: datetime, end: datetime) -> float:
    """Open seconds from `start` to `end`; zero when `end` is not after `start`."""
    return working_time_between(calendar, start, end).total_seconds()


def add_working_seconds(calendar: Calendar, start: datetime, seconds: float) -> datetime:
    """The moment at which `seconds` of open time have passed since `start`.

    Zero seconds is the start itself. The end of a working day counts as reached that evening, not next morning.
    Raises NoWorkingTime when the calendar never offers that much (within thirty years).
    """
    needed = timedelta(0, seconds)
    if needed <= NOTHING or calendar.never_closes:
        return as_utc(start) + _not_back(needed)
    at = since_1970(start)
    table: Table | None = calendar.__dict__.get(TABLE)
    if table is None or not table.first <= at < table.last:
        table = table_covering(calendar, at, at)
    while True:
        index = bisect_right(table.starts, at) - 1
        goal = needed
        if index >= 0:
            total, here = table.totals[index], at - table.shifts[index]
            goal += here if here < total else total
            # Most answers lie within the opening they begin in.
            if goal <= total:
                return EPOCH + (goal + table.shifts[index])
        index = bisect_left(table.totals, goal, index + 1)
        if index < len(table.totals):
            return EPOCH + (goal + table.shifts[index])
        if table.last_year >= min(year_of(at) + MAX_YEARS_AHEAD, LAST_YEAR) or not calendar.ever_open:
            raise NoWorkingTime(f"{seconds} working seconds after {start.isoformat()} never come")
        # Twice as far each time, so that a long wait costs a few looks only.
        table = table_covering(calendar, at, table.last + (table.last - at) // _A_YEAR * _A_YEAR)


def subtract_working_seconds(calendar: Calendar, end: datetime, seconds: float) -> datetime:
    """The last moment from which `seconds` of open time are left until `end`: when to begin to be done by then.

    Zero seconds is the end itself. The beginning of a working day counts as that morning, not the evening before.
    Raises NoWorkingTime when the calendar never offered that much (within thirty years).
    """
    needed = timedelta(0, seconds)
    if needed <= NOTHING or calendar.never_closes:
        return as_utc(end) - _not_back(needed)
    at = since_1970(end)
    table = table_covering(calendar, at, at)
    while True:
        goal = table.total_at(at) - needed
        if goal >= NOTHING:
            # The first stretch whose end lies beyond the goal; at its very start nothing of it is used.
            return EPOCH + (goal + table.shifts[bisect_right(table.totals, goal)])
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
    return add_working_seconds(calendar, at, _LEAST.total_seconds()) - _LEAST


def since_1970(at: datetime) -> timedelta:
    """How long after 1970 a moment is. ValueError for a moment without a zone."""
    try:
        return at - EPOCH
    except TypeError:
        raise ValueError(f"moment without a time zone: {at.isoformat()}") from None


def _not_back(length: timedelta) -> timedelta:
    if length < NOTHING:
        raise ValueError("working time has one direction: use the other function")
    return length
