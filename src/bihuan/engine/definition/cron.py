"""Cron texts of other engines' timer cycles: `0 0/5 8-17 ? * MON-FRI` is every five minutes of working hours.

Five fields (minute first), six (second first) or seven (with the year at the end), in the site's zone.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

MACROS = {
    "@hourly": "0 0 * * * *",
    "@daily": "0 0 0 * * *",
    "@midnight": "0 0 0 * * *",
    "@weekly": "0 0 0 ? * SUN",
    "@monthly": "0 0 0 1 * *",
    "@yearly": "0 0 0 1 1 *",
    "@annually": "0 0 0 1 1 *",
}
LONGEST_DAYS = 366 * 9
"""How far ahead the next moment is looked for: a 29th of February may be eight years away."""

_WEEKDAYS = {name: number for number, name in enumerate(("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"))}
_MONTHS = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
_LAST = -1


@dataclass(frozen=True, slots=True)
class Cron:
    """The moments a cron text names. `days` holds -1 for the last of the month, `weekdays` pairs of the day (Monday 0)
    and which of its kind in the month (0: each, -1: the last)."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[tuple[int, int]]
    years: frozenset[int]

    def after(self, moment: datetime, zone: tzinfo) -> datetime | None:
        """The first of its moments after another, in UTC; None if there is none in the years to come."""
        day = moment.astimezone(zone).date()
        for _ in range(LONGEST_DAYS):
            if self._falls_on(day):
                found = next((due for due in self._moments(day, zone, moment) if due > moment), None)
                if found is not None:
                    return found
            if day >= date.max - timedelta(days=2):
                return None
            day += timedelta(days=1)
        return None

    def _moments(self, day: date, zone: tzinfo, moment: datetime) -> Iterator[datetime]:
        for hour in self.hours:
            if datetime.combine(day, time(hour), zone).astimezone(UTC) <= moment - timedelta(hours=2):
                continue
            for minute in self.minutes:
                start = datetime.combine(day, time(hour, minute), zone).astimezone(UTC)
                if start + timedelta(minutes=1) > moment:
                    yield from (start + timedelta(seconds=second) for second in self.seconds)

    def _falls_on(self, day: date) -> bool:
        if day.month not in self.months or (self.years and day.year not in self.years):
            return False
        length = calendar.monthrange(day.year, day.month)[1]
        if self.days and not (day.day in self.days or (day.day == length and _LAST in self.days)):
            return False
        which = {0, (day.day - 1) // 7 + 1, _LAST if day.day + 7 > length else 0}
        return not self.weekdays or any((day.weekday(), nth) in self.weekdays for nth in which)


def parse_cron(text: str) -> Cron:
    """Read a cron text. Raises ValueError with a Chinese reason."""
    fields = MACROS.get(text.strip().lower(), text).upper().split()
    if len(fields) == 5:
        fields = ["0", *fields]
    if len(fields) not in (6, 7):
        raise ValueError(f"“{text[:40]}”不是 cron 写法，要有 5 到 7 段")
    second, minute, hour, day, month, weekday = fields[:6]
    if day not in "*?" and weekday not in "*?":
        raise ValueError(f"“{text[:40]}”里日和星期只能限定一个，另一个写“?”")
    cron = Cron(
        tuple(_numbers(second, 0, 59)),
        tuple(_numbers(minute, 0, 59)),
        tuple(_numbers(hour, 0, 23)),
        frozenset() if day in "*?" else frozenset(_LAST if day == "L" else one for one in _days(day)),
        frozenset(_numbers(month, 1, 12, _MONTHS)),
        frozenset() if weekday in "*?" else frozenset(_weekdays(weekday, old=len(text.split()) == 5)),
        frozenset(_numbers(fields[6], 1970, 2199)) if len(fields) == 7 and fields[6] not in "*?" else frozenset(),
    )
    if cron.after(datetime(2000, 1, 1, tzinfo=UTC), UTC) is None and not cron.years:
        raise ValueError(f"“{text[:40]}”没有一个日子符合")
    return cron


def _days(text: str) -> list[int]:
    return [_LAST] if text == "L" else _numbers(text, 1, 31)


def _numbers(text: str, least: int, most: int, names: dict[str, int] | None = None) -> list[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        if span in ("*", "?"):
            start, end = least, most
        else:
            start = _number(first, names, part)
            end = _number(last, names, part) if last else most if step else start
        every = _number(step, None, part) if step else 1
        if not (least <= start <= end <= most and every > 0):
            raise ValueError(f"cron 写法里的“{part[:20]}”不在 {least} 到 {most} 之间")
        found.update(range(start, end + 1, every))
    return sorted(found)


def _number(text: str, names: dict[str, int] | None, part: str) -> int:
    if names is not None and text in names:
        return names[text]
    if not (text.isascii() and text.isdigit() and len(text) < 5):
        raise ValueError(f"看不懂 cron 写法里的“{part[:20]}”")
    return int(text)


def _weekdays(text: str, *, old: bool) -> Iterator[tuple[int, int]]:
    """Names only, since engines number the days differently; `old` cron of five fields has Sunday as 0 and 7."""
    for part in text.split(","):
        name, _, nth = part.partition("#")
        which = _number(nth, None, part) if nth else 0
        if name.endswith("L") and name[:-1] in _WEEKDAYS:
            name, which = name[:-1], _LAST
        first, _, last = name.partition("-")
        if old and not {first, last} & _WEEKDAYS.keys():
            yield from (((number - 1) % 7, which) for number in _numbers(name, 0, 7))
            continue
        if first not in _WEEKDAYS or (last and last not in _WEEKDAYS) or which > 5:
            raise ValueError(f"cron 写法里的星期“{part[:20]}”要写成 MON、TUE-FRI 这样，数字在各软件里含义不同")
        start, end = _WEEKDAYS[first], _WEEKDAYS[last or first]
        yield from ((day % 7, which) for day in range(start, (end if end >= start else end + 7) + 1))
