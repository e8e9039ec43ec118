"""When a place works: a weekly pattern in one time zone, and the days that differ from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from zoneinfo import ZoneInfo

MINUTES_A_DAY = 24 * 60
DAY_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


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
class Calendar:
    """When a place works. `week` holds seven days from Monday; `special` replaces single dates, `notes` names them.

    Keep the instance: the first sums laid out for it (see `table`) serve every later question.
    """

    zone: str
    week: tuple[tuple[Interval, ...], ...]
    special: Mapping[date, tuple[Interval, ...]] = field(default_factory=dict, hash=False)
    notes: Mapping[date, str] = field(default_factory=dict, hash=False, compare=False)

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


def _merged(parts: Sequence[Interval]) -> tuple[Interval, ...]:
    merged: list[Interval] = []
    for part in sorted(parts):
        if merged and part.start <= merged[-1].end:
            merged[-1] = Interval(merged[-1].start, max(merged[-1].end, part.end))
        else:
            merged.append(part)
    return tuple(merged)
