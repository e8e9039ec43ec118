"""Working time: when a place is open, and how much open time lies between two moments.

A calendar is a weekly pattern in one time zone with several intervals a day, plus days that differ from the pattern
(holidays, 调休 make-up days). All arithmetic is in whole or fractional seconds of real, elapsed time: an hour that a
clock change repeats counts twice and one that it skips does not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from bihuan.kernel.clock import as_utc

MINUTES_A_DAY = 24 * 60
DAY_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# Nobody waits longer than this for a target; a calendar that needs more has no working time to speak of.
MAX_DAYS_AHEAD = 366 * 30
_TIME_OF_DAY = re.compile(r"([0-9]{1,2}):([0-5][0-9])")


class NoWorkingTime(ValueError):
    """The calendar has no (or nearly no) open time, so the moment asked for would never come."""


@dataclass(frozen=True, order=True)
class Interval:
    """Open from `start` to `end`, minutes after local midnight; `end` is exclusive and at most 1440."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end <= MINUTES_A_DAY:
            raise ValueError(f"not an interval of one day: {self.start}..{self.end}")


WHOLE_DAY = Interval(0, MINUTES_A_DAY)


@dataclass(frozen=True)
class Span:
    """A stretch of real time, UTC, `end` exclusive."""

    start: datetime
    end: datetime

    @property
    def seconds(self) -> float:
        return (self.end - self.start).total_seconds()


@dataclass(frozen=True)
class Calendar:
    """When a place works. `week` holds seven days from Monday; `special` replaces single dates."""

    zone: str
    week: tuple[tuple[Interval, ...], ...]
    special: Mapping[date, tuple[Interval, ...]] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if len(self.week) != len(DAY_NAMES):
            raise ValueError("a week has seven days")
        object.__setattr__(self, "week", tuple(_merged(day) for day in self.week))
        object.__setattr__(self, "special", {day: _merged(parts) for day, parts in self.special.items()})

    @cached_property
    def tz(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    def intervals_on(self, day: date) -> tuple[Interval, ...]:
        """The open intervals of one local date."""
        special = self.special.get(day)
        return self.week[day.weekday()] if special is None else special

    @property
    def ever_open(self) -> bool:
        return any(self.week) or any(self.special.values())

    @cached_property
    def never_closes(self) -> bool:
        """Open at every moment, so that working time is plain time."""
        return not self.special and all(day == (WHOLE_DAY,) for day in self.week)


def always_open(zone: str = "UTC") -> Calendar:
    """A calendar that never closes: 24 hours on seven days."""
    return Calendar(zone, ((WHOLE_DAY,),) * 7)


def parse_calendar(zone: str, hours: Mapping[str, Sequence[Sequence[str]]]) -> Calendar:
    """Read a site's opening hours: {"mon": [["08:00", "12:00"], ["13:30", "18:00"]], …}; a missing day is closed.

    An interval whose end is not after its start runs over midnight into the next day ("22:00" to "06:00").
    """
    unknown = set(hours) - set(DAY_NAMES)
    if unknown:
        raise ValueError(f"unknown day: {', '.join(sorted(unknown))}")
    ZoneInfo(zone)
    week: list[list[Interval]] = [[] for _ in DAY_NAMES]
    for number, name in enumerate(DAY_NAMES):
        for pair in hours.get(name, ()):
            if len(pair) != 2:
                raise ValueError(f"{name}: an interval has a start and an end")
            start, end = (_minutes(text) for text in pair)
            if start in (MINUTES_A_DAY, end):
                raise ValueError(f"{name}: empty interval {pair[0]}-{pair[1]}")
            if end > start:
                week[number].append(Interval(start, end))
                continue
            week[number].append(Interval(start, MINUTES_A_DAY))
            if end:
                week[(number + 1) % 7].append(Interval(0, end))
    return Calendar(zone, tuple(tuple(day) for day in week))


def format_hours(calendar: Calendar) -> dict[str, list[list[str]]]:
    """The weekly pattern in the form `parse_calendar` reads; closed days are left out."""
    return {
        name: [[_clock_text(part.start), _clock_text(part.end)] for part in day]
        for name, day in zip(DAY_NAMES, calendar.week, strict=True)
        if day
    }


def open_spans(calendar: Calendar, start: datetime, end: datetime) -> Iterator[Span]:
    """The stretches between two moments in which the place is open, in order, touching ones joined."""
    first, last = as_utc(start), as_utc(end)
    if calendar.never_closes:
        if first < last:
            yield Span(first, last)
        return
    held: Span | None = None
    for span in _spans_from(calendar, first):
        if span.start >= last:
            break
        cut = Span(span.start, min(span.end, last))
        if held is not None and held.end == cut.start:
            held = Span(held.start, cut.end)
            continue
        if held is not None:
            yield held
        held = cut
    if held is not None:
        yield held


def working_seconds_between(calendar: Calendar, start: datetime, end: datetime) -> float:
    """Open seconds from `start` to `end`; zero when `end` is not after `start`."""
    return sum(span.seconds for span in open_spans(calendar, start, end))


def add_working_seconds(calendar: Calendar, start: datetime, seconds: float) -> datetime:
    """The moment at which `seconds` of open time have passed since `start`.

    Zero seconds is the start itself. The end of a working day counts as reached that evening, not next morning.
    Raises NoWorkingTime when the calendar never offers that much.
    """
    if seconds < 0:
        raise ValueError("working time runs forward only")
    left = timedelta(seconds=seconds)
    if not left or calendar.never_closes:
        return as_utc(start) + left
    for span in _spans_from(calendar, as_utc(start)):
        length = span.end - span.start
        if length >= left:
            return span.start + left
        left -= length
    raise NoWorkingTime(f"{seconds} working seconds after {start.isoformat()} never come")


def is_open(calendar: Calendar, at: datetime) -> bool:
    """Whether the place is open at this moment; the closing minute itself is closed."""
    local = as_utc(at).astimezone(calendar.tz)
    minute = local.hour * 60 + local.minute
    return any(part.start <= minute < part.end for part in calendar.intervals_on(local.date()))


def next_opening(calendar: Calendar, at: datetime) -> datetime:
    """`at` itself when open, else the moment the place opens next."""
    for span in _spans_from(calendar, as_utc(at)):
        return span.start
    raise NoWorkingTime(f"never open after {at.isoformat()}")


def _spans_from(calendar: Calendar, start: datetime) -> Iterator[Span]:
    """Open spans from `start` on, in order, for at most MAX_DAYS_AHEAD days."""
    if not calendar.ever_open:
        return
    midnight = datetime.combine(start.date(), time())
    for _ in range(MAX_DAYS_AHEAD):
        for span in _spans_within(calendar, midnight, midnight + timedelta(days=1)):
            if span.end > start:
                yield Span(max(span.start, start), span.end)
        try:
            midnight += timedelta(days=1)
            midnight + timedelta(days=3)
        except OverflowError:
            return


def _spans_within(calendar: Calendar, start: datetime, end: datetime) -> Iterator[Span]:
    """The open spans of one day of UTC (given naive), cut where the zone changes its offset.

    Walking UTC rather than local dates keeps the order right when a clock change makes a local date come twice.
    """
    for piece_start, piece_end, offset in _offset_pieces(start, end, calendar.tz):
        day, last_day = (piece_start + offset).date(), (piece_end + offset).date()
        while day <= last_day:
            base = datetime.combine(day, time()) - offset
            for part in calendar.intervals_on(day):
                opens = max(base + timedelta(minutes=part.start), piece_start)
                closes = min(base + timedelta(minutes=part.end), piece_end)
                if opens < closes:
                    yield Span(opens.replace(tzinfo=UTC), closes.replace(tzinfo=UTC))
            day += timedelta(days=1)


def _offset_pieces(start: datetime, end: datetime, tz: ZoneInfo) -> list[tuple[datetime, datetime, timedelta]]:
    """The stretches of constant offset from local time within a stretch of UTC (all naive)."""
    before, after = _offset_at(start, tz), _offset_at(end, tz)
    if before == after:
        return [(start, end, before)]
    change = _change_between(start, end, tz)
    return [(start, change, before), (change, end, after)]


def _offset_at(utc: datetime, tz: ZoneInfo) -> timedelta:
    offset = utc.replace(tzinfo=UTC).astimezone(tz).utcoffset()
    assert offset is not None
    return offset


def _change_between(start: datetime, end: datetime, tz: ZoneInfo) -> datetime:
    """The second at which the offset changes; zones do not change twice within a day."""
    before = _offset_at(start, tz)
    low, high = 0, int((end - start).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        if _offset_at(start + timedelta(seconds=middle), tz) == before:
            low = middle
        else:
            high = middle
    return start + timedelta(seconds=high)


def _merged(parts: Sequence[Interval]) -> tuple[Interval, ...]:
    merged: list[Interval] = []
    for part in sorted(parts):
        if merged and part.start <= merged[-1].end:
            merged[-1] = Interval(merged[-1].start, max(merged[-1].end, part.end))
        else:
            merged.append(part)
    return tuple(merged)


def _minutes(text: str) -> int:
    found = _TIME_OF_DAY.fullmatch(text)
    value = int(found[1]) * 60 + int(found[2]) if found else MINUTES_A_DAY + 1
    if value > MINUTES_A_DAY:
        raise ValueError(f"not a time of day: {text!r}")
    return value


def _clock_text(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
