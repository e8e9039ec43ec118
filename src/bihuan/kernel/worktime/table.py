"""The open time of a calendar laid out as prefix sums: what makes arithmetic cheap whatever the span.

Moments are kept as the time since 1970 (UTC): adding, comparing and looking up a `timedelta` costs a fraction of what
the same costs with whole numbers and the way back to a moment. A table covers whole years and grows by years when a
question reaches beyond it; a grown table replaces the former one in one assignment, so threads may ask at once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from bihuan.kernel.worktime.calendar import Calendar

DAY_SECONDS = 86_400
NOTHING = timedelta()
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
# The years in which every zone's midnight can be named.
FIRST_YEAR, LAST_YEAR = 2, 9998
# Nobody waits longer than this for a target; a calendar that needs more has no working time to speak of.
MAX_YEARS_AHEAD = 30
# Wider questions are a mistyped date, not a time limit.
MAX_YEARS = 400
TABLE = "open_time_table"


class NoWorkingTime(ValueError):
    """The calendar has no (or nearly no) open time, so the moment asked for would never come."""


@dataclass(frozen=True, slots=True)
class Table:
    """Open stretches from the year `first_year` up to and including `last_year`, in order and apart.

    `totals[i]` is the open time from the beginning of the table to `ends[i]`; `shifts[i]` turns open time within
    stretch `i` into the moment it falls on: moment = open time + shift.
    """

    first_year: int
    last_year: int
    first: timedelta
    last: timedelta
    starts: list[timedelta]
    ends: list[timedelta]
    totals: list[timedelta]
    shifts: list[timedelta]

    def total_at(self, at: timedelta) -> timedelta:
        """Open time from the beginning of the table to a moment it covers."""
        index = bisect_right(self.starts, at) - 1
        if index < 0:
            return NOTHING
        total, here = self.totals[index], at - self.shifts[index]
        return here if here < total else total


def table_covering(calendar: Calendar, low: timedelta, high: timedelta) -> Table:
    """The table of a calendar, grown as far as needed to cover both moments.

    Moments outside of the years 2 to 9998 are answered as far as the table goes. Raises ValueError when the moments
    are more than 400 years apart.
    """
    held: Table | None = calendar.__dict__.get(TABLE)
    if held is not None and held.first <= low and high < held.last:
        return held
    first_year, last_year = year_of(low), year_of(high)
    if last_year - first_year > MAX_YEARS:
        raise ValueError(f"more than {MAX_YEARS} years apart")
    # A former table far away is not worth filling the gap for.
    if held is not None and max(held.last_year, last_year) - min(held.first_year, first_year) <= MAX_YEARS:
        first_year, last_year = min(held.first_year, first_year), max(held.last_year, last_year)
    grown = _built(calendar, first_year, last_year)
    calendar.__dict__[TABLE] = grown
    return grown


def year_of(moment: timedelta) -> int:
    """The year (UTC) of a moment, kept within the years a table can hold."""
    return _year_of_day(moment.days)


def _year_of_day(day: int) -> int:
    days = day + _EPOCH_ORDINAL
    if days < date(FIRST_YEAR, 1, 1).toordinal():
        return FIRST_YEAR
    if days > date(LAST_YEAR, 12, 31).toordinal():
        return LAST_YEAR
    return date.fromordinal(days).year


def local_days(calendar: Calendar, begin: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """The local dates between two moments in seconds, as (days since 1970, local midnight, from, to), in seconds.

    `from` and `to` bound the part of the date that lies within the stretch of constant offset; a date that a clock
    change cuts comes once for each side of it. Walking UTC keeps the order right when a local date comes twice.
    """
    for piece_begin, piece_end, offset in _pieces(calendar.zone, begin, end):
        first, last = (piece_begin + offset) // DAY_SECONDS, (piece_end - 1 + offset) // DAY_SECONDS
        for day in range(first, last + 1):
            midnight = day * DAY_SECONDS - offset
            yield day, midnight, max(midnight, piece_begin), min(midnight + DAY_SECONDS, piece_end)


def date_of(day: int) -> date:
    """The date of a number of days since 1970."""
    return date.fromordinal(day + _EPOCH_ORDINAL)


def _built(calendar: Calendar, first_year: int, last_year: int) -> Table:
    starts: list[int] = []
    ends: list[int] = []
    totals: list[int] = []
    total = 0
    begin, end = _new_year(first_year), _new_year(last_year + 1)
    week = [[(part.start * 60, part.end * 60) for part in day] for day in calendar.week]
    special = {
        day.toordinal() - _EPOCH_ORDINAL: [(part.start * 60, part.end * 60) for part in parts]
        for day, parts in calendar.special.items()
    }
    for day, midnight, low, high in local_days(calendar, begin, end):
        parts = special.get(day)
        # 1 January 1970 was a Thursday.
        for opens, closes in week[(day + 3) % 7] if parts is None else parts:
            start, stop = max(midnight + opens, low), min(midnight + closes, high)
            if start >= stop:
                continue
            total += stop - start
            if ends and ends[-1] == start:
                ends[-1], totals[-1] = stop, total
            else:
                starts.append(start)
                ends.append(stop)
                totals.append(total)
    shifts = [stop - behind for stop, behind in zip(ends, totals, strict=True)]
    columns = ([timedelta(0, second) for second in column] for column in (starts, ends, totals, shifts))
    return Table(first_year, last_year, timedelta(0, begin), timedelta(0, end), *columns)


def _new_year(year: int) -> int:
    return (date(year, 1, 1).toordinal() - _EPOCH_ORDINAL) * DAY_SECONDS


def _pieces(zone: str, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The stretches of constant offset between two moments (seconds), each with its offset from UTC in seconds."""
    at, offset = begin, _offset_at(begin, ZoneInfo(zone))
    for year in range(_year_of_day(begin // DAY_SECONDS), _year_of_day((end - 1) // DAY_SECONDS) + 1):
        for change, changed in _changes(zone, year):
            if at < change < end:
                yield at, change, offset
                at = change
            if change <= at:
                offset = changed
    if at < end:
        yield at, end, offset


@lru_cache(maxsize=4096)
def _changes(zone: str, year: int) -> tuple[tuple[int, int], ...]:
    """The moments of a year at which a zone changes its offset, with the new offset; at most one a day."""
    tz = ZoneInfo(zone)
    found: list[tuple[int, int]] = []
    at, end = _new_year(year), _new_year(year + 1)
    before = _offset_at(at, tz)
    while at < end:
        after = _offset_at(at + DAY_SECONDS, tz)
        if after != before:
            found.append((_change_between(at, at + DAY_SECONDS, before, tz), after))
            before = after
        at += DAY_SECONDS
    return tuple(found)


def _change_between(low: int, high: int, before: int, tz: ZoneInfo) -> int:
    """The second at which the offset changes."""
    while high - low > 1:
        middle = (low + high) // 2
        if _offset_at(middle, tz) == before:
            low = middle
        else:
            high = middle
    return high


def _offset_at(second: int, tz: ZoneInfo) -> int:
    offset = (EPOCH + timedelta(seconds=second)).astimezone(tz).utcoffset()
    assert offset is not None
    return offset.days * DAY_SECONDS + offset.seconds
