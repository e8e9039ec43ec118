"""ISO 8601 moments, durations and repeating intervals, as BPMN timers use them.

Years, months, weeks and days are counted on the calendar of the site's zone; hours, minutes and seconds are real time.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from bihuan.engine.definition.cron import Cron, parse_cron
from bihuan.engine.feel.errors import UnfitError
from bihuan.engine.feel.temporal import add_months, parse_datetime
from bihuan.engine.feel.values import YearMonthDuration

_NUMBER = r"([0-9]{1,9}(?:[.,][0-9]{1,9})?)"
_DURATION = re.compile(
    rf"([+-])?P(?=[0-9T])(?:{_NUMBER}Y)?(?:{_NUMBER}M)?(?:{_NUMBER}W)?(?:{_NUMBER}D)?"
    rf"(?:T(?=[0-9])(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?"
)
_COMPACT = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})(?:T([0-9]{2})([0-9]{2})([0-9]{2})?)?(Z|[+-][0-9:]{4,6})?")
_HOURS = re.compile(r"T([0-9]{2}):([0-9]{2})(Z|[+-][0-9:]{4,6})?$")
_SHORT_ZONE = re.compile(r"(T.*[+-][0-9]{2})$")


class BadTime(ValueError):
    """A text or value that says no time; the message is Chinese."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time; without a zone (`at` naive) it is meant in the site's zone."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Duration:
    """A span: calendar months and days, and seconds of real time."""

    months: int = 0
    days: int = 0
    seconds: timedelta = timedelta()

    @property
    def positive(self) -> bool:
        """Whether adding it leads forward in time."""
        return timedelta(days=self.months * 30 + self.days) + self.seconds > timedelta()


@dataclass(frozen=True, slots=True)
class Cycle:
    """A repeating interval: every `every`, `times` times (None: for ever), from `start` and until `end` if given.

    Or the moments of a cron text; then `every` is the least time between two of them.
    """

    every: Duration
    times: int | None = None
    start: datetime | None = None
    end: datetime | None = None
    cron: Cron | None = None


def parse_moment(text: str) -> Moment:
    """`2026-11-24T09:00:00+08:00`, also without seconds, zone or time of day. Raises BadTime."""
    text = text.strip()
    compact = _COMPACT.fullmatch(text)
    if compact is not None:
        year, month, day, hour, minute, second, zone = compact.groups()
        text = f"{year}-{month}-{day}" + (f"T{hour}:{minute}:{second or '00'}{zone or ''}" if hour else "")
    text = _SHORT_ZONE.sub(r"\1:00", text)
    text = _HOURS.sub(lambda found: f"T{found[1]}:{found[2]}:00{found[3] or ''}", text)
    try:
        return Moment(parse_datetime(text))
    except UnfitError as unfit:
        raise BadTime(unfit.reason) from None


def parse_duration(text: str) -> Duration:
    """`P1Y2M3DT4H5M6S`, `P2W`, `PT1.5H`. Raises BadTime."""
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise BadTime(f"“{text[:40]}”不是时长，时长要写成 PT30M、P1D 或 P1M 这样")
    sign = -1 if found[1] == "-" else 1
    years, months, weeks, days, hours, minutes, seconds = (
        float(part.replace(",", ".")) if part else 0.0 for part in found.groups()[1:]
    )
    whole_months, whole_days = years * 12 + months, weeks * 7 + days
    if whole_months != int(whole_months):
        raise BadTime(f"“{text[:40]}”里的年月必须是整数")
    try:
        rest = timedelta(days=whole_days - int(whole_days), hours=hours, minutes=minutes, seconds=seconds)
        return Duration(sign * int(whole_months), sign * int(whole_days), sign * rest)
    except OverflowError:
        raise BadTime(f"时长“{text[:40]}”太长") from None


def parse_cycle(text: str) -> Cycle:
    """`R3/PT1H`, `R/2026-12-01T09:00/P1D`, `R5/P1D/2026-12-31`, a bare duration for ever, or cron. Raises BadTime."""
    if text.strip().startswith("@") or len(text.split()) >= 5:
        return _cron_cycle(text)
    parts = [part.strip() for part in text.strip().split("/")]
    if len(parts) == 1 and parts[0].startswith(("P", "+P")):
        return _checked(Cycle(parse_duration(parts[0])), text)
    if not parts[0].startswith("R") or len(parts) not in (2, 3):
        raise BadTime(f"“{text[:40]}”不是重复周期，要写成 R3/PT1H 这样")
    count = parts[0][1:]
    if count and not (count.lstrip("-").isascii() and count.lstrip("-").isdigit() and len(count) < 10):
        raise BadTime(f"“{text[:40]}”的重复次数不对")
    times = int(count) if count and int(count) >= 0 else None
    if times == 0:
        raise BadTime(f"“{text[:40]}”的重复次数必须大于零")
    if len(parts) == 2:
        return _checked(Cycle(parse_duration(parts[1]), times), text)
    first, second = parts[1:]
    if first.startswith("P"):
        return _checked(Cycle(parse_duration(first), times, None, parse_moment(second).at), text)
    start = parse_moment(first).at
    if second.startswith("P"):
        return _checked(Cycle(parse_duration(second), times, start), text)
    end = parse_moment(second).at
    if (start.tzinfo is None) != (end.tzinfo is None):
        raise BadTime(f"“{text[:40]}”的起止时间要么都带时区，要么都不带")
    return _checked(Cycle(Duration(seconds=end - start), times, start), text)


def _cron_cycle(text: str) -> Cycle:
    try:
        cron = parse_cron(text)
    except ValueError as bad:
        raise BadTime(str(bad)) from None
    moment, least = cron.after(datetime(2024, 1, 1, tzinfo=UTC), UTC), timedelta(days=366)
    for _ in range(60):
        following = None if moment is None else cron.after(moment, UTC)
        if moment is None or following is None:
            break
        least, moment = min(least, following - moment), following
    return Cycle(Duration(seconds=least), cron=cron)


def _checked(cycle: Cycle, text: str) -> Cycle:
    if not cycle.every.positive:
        raise BadTime(f"“{text[:40]}”的间隔必须大于零")
    return cycle


_PARSERS: dict[str, Callable[[str], Moment | Duration | Cycle]] = {
    "date": parse_moment,
    "duration": parse_duration,
    "cycle": parse_cycle,
}


def parse_timer(kind: str, text: str) -> Moment | Duration | Cycle:
    """The value of a timer definition of this kind. Raises BadTime."""
    return _PARSERS[kind](text)


def looks_like_iso(kind: str, text: str) -> bool:
    """Whether the text is meant as ISO 8601 rather than as an expression."""
    pattern = {"date": r"[0-9]{4}-?[0-9]{2}", "duration": r"[+-]?P[0-9T]", "cycle": r"R[0-9]*/|P[0-9T]|@[a-z]+$"}[kind]
    return re.match(pattern, text.strip()) is not None


def timer_value(kind: str, value: Any) -> Moment | Duration | Cycle:
    """What an expression gave, as a timer of this kind. Raises BadTime."""
    if isinstance(value, str):
        return parse_timer(kind, value)
    if isinstance(value, timedelta):
        value = Duration(seconds=value)
    elif isinstance(value, YearMonthDuration):
        value = Duration(months=value.months)
    elif isinstance(value, datetime):
        value = Moment(value)
    elif isinstance(value, date):
        value = Moment(datetime.combine(value, time()))
    if kind == "date" and isinstance(value, Moment):
        return value
    if kind == "duration" and isinstance(value, (Duration, Moment)):
        return value
    if kind == "cycle" and isinstance(value, Duration):
        return _checked(Cycle(value), str(value))
    raise BadTime("表达式没有给出时间")


def later(moment: datetime, span: Duration, zone: tzinfo) -> datetime:
    """The moment so much later, in UTC. Raises BadTime outside the years 1 to 9999."""
    try:
        if span.months or span.days:
            local = moment.astimezone(zone)
            day = add_months(local.date(), span.months) + timedelta(days=span.days)
            moment = datetime.combine(day, local.time(), zone)
        return moment.astimezone(UTC) + span.seconds
    except (UnfitError, OverflowError):
        raise BadTime("算出的时间超出了日历的范围") from None


def absolute(at: datetime, zone: tzinfo) -> datetime:
    """A moment in UTC; a naive one is taken in the site's zone."""
    return (at.replace(tzinfo=zone) if at.tzinfo is None else at).astimezone(UTC)


def first_due(value: Moment | Duration | Cycle, now: datetime, zone: tzinfo) -> tuple[datetime, int | None] | None:
    """When the timer goes off first and how often after that (None: for ever); None if never."""
    if isinstance(value, Moment):
        return absolute(value.at, zone), 0
    if isinstance(value, Duration):
        return later(now, value, zone), 0
    left = None if value.times is None else value.times - 1
    if value.cron is not None:
        return _following(value, now, now, zone, left)
    if value.start is not None:
        start = absolute(value.start, zone)
        return (start, left) if start > now else _following(value, start, now, zone, left)
    return _bounded(value, later(now, value.every, zone), left, zone)


def next_due(
    cycle: Cycle, previous: datetime, now: datetime, zone: tzinfo, left: int | None
) -> tuple[datetime, int | None] | None:
    """The next repetition after `previous`, on its grid and after `now`: moments missed while nobody looked are skipped
    without being counted. None when the cycle is over."""
    if left is not None and left <= 0:
        return None
    return _following(cycle, previous, now, zone, None if left is None else left - 1)


def _following(
    cycle: Cycle, previous: datetime, now: datetime, zone: tzinfo, left: int | None
) -> tuple[datetime, int | None] | None:
    if cycle.cron is not None:
        found = cycle.cron.after(max(previous, now), zone)
        return None if found is None else (found, left)
    due = later(previous, cycle.every, zone)
    if due <= now and not cycle.every.months and not cycle.every.days:
        due += cycle.every.seconds * ((now - due) // cycle.every.seconds)
    for _ in range(100_000):
        if due > now:
            return _bounded(cycle, due, left, zone)
        due = later(due, cycle.every, zone)
    return _bounded(cycle, later(now, cycle.every, zone), left, zone)


def _bounded(cycle: Cycle, due: datetime, left: int | None, zone: tzinfo) -> tuple[datetime, int | None] | None:
    if cycle.end is not None and due > absolute(cycle.end, zone):
        return None
    return due, left
