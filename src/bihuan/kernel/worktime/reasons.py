"""What each stretch of a calendar is: open, a break, a rest day, a holiday, a make-up day. For explanations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from bihuan.kernel.clock import as_utc
from bihuan.kernel.worktime.arithmetic import since_1970
from bihuan.kernel.worktime.calendar import MINUTES_A_DAY, Calendar, Interval
from bihuan.kernel.worktime.table import EPOCH, date_of, local_days

_SECOND = timedelta(seconds=1)


class Why(StrEnum):
    """Why a stretch counts or does not."""

    OPEN = "open"
    MAKE_UP = "make_up"
    OFF_HOURS = "off_hours"
    LUNCH = "lunch"
    BREAK = "break"
    REST_DAY = "rest_day"
    HOLIDAY = "holiday"


@dataclass(frozen=True)
class DayPart:
    """A stretch of one kind, UTC, `end` exclusive; `note` names a special day (国庆节)."""

    start: datetime
    end: datetime
    why: Why
    note: str = ""

    @property
    def is_open(self) -> bool:
        return self.why in (Why.OPEN, Why.MAKE_UP)


def day_parts(calendar: Calendar, start: datetime, end: datetime) -> Iterator[DayPart]:
    """Every stretch between two moments without gaps, in order; neighbours of one kind are joined.

    The open stretches are exactly those of `open_spans`, cut where the day's kind changes.
    """
    low, high = since_1970(start), since_1970(end)
    if low >= high:
        return
    if calendar.never_closes:
        yield DayPart(as_utc(start), as_utc(end), Why.OPEN)
        return
    held: DayPart | None = None
    for part in _cut(calendar, low, high):
        if held is not None and (held.why, held.note) == (part.why, part.note):
            held = replace(held, end=part.end)
            continue
        if held is not None:
            yield held
        held = part
    if held is not None:
        yield held


def _cut(calendar: Calendar, low: timedelta, high: timedelta) -> Iterator[DayPart]:
    first, last = low // _SECOND, -(-high // _SECOND)
    for day, midnight, begin, end in local_days(calendar, first, last):
        today = date_of(day)
        for part, why in _kinds(calendar, today):
            start = max(timedelta(0, max(midnight + part.start * 60, begin)), low)
            stop = min(timedelta(0, min(midnight + part.end * 60, end)), high)
            if start < stop:
                yield DayPart(EPOCH + start, EPOCH + stop, why, _note(calendar, today, why))


def _kinds(calendar: Calendar, today: date) -> Iterator[tuple[Interval, Why]]:
    """The whole of a date, cut into its intervals and what lies between them."""
    parts = calendar.intervals_on(today)
    special = today in calendar.special
    if not parts:
        yield Interval(0, MINUTES_A_DAY), Why.HOLIDAY if special else Why.REST_DAY
        return
    open_kind = Why.MAKE_UP if special and not calendar.week[today.weekday()] else Why.OPEN
    at = 0
    for part in parts:
        if at < part.start:
            yield Interval(at, part.start), Why.OFF_HOURS if at == 0 else _gap(at, part.start)
        yield part, open_kind
        at = part.end
    if at < MINUTES_A_DAY:
        yield Interval(at, MINUTES_A_DAY), Why.OFF_HOURS


def _gap(start: int, end: int) -> Why:
    """A gap around noon is lunch, another one a break between shifts."""
    return Why.LUNCH if 11 * 60 <= start and end <= 15 * 60 else Why.BREAK


def _note(calendar: Calendar, today: date, why: Why) -> str:
    return calendar.notes.get(today, "") if why in (Why.OPEN, Why.MAKE_UP, Why.HOLIDAY) else ""
