"""What is known of a year's holidays before anybody has looked: the published days off and make-up days of China.

From the package `holidays`. Where a year's swaps have not been published yet, only the legal holidays are known; that
is why a year counts as provisional until somebody confirms it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import holidays

from bihuan.limits.models import DayKind

_DAY = timedelta(days=1)
_SATURDAY = 5
# The package calls a day gained by a swap "休息日（由 2026-09-20 调休）".
_IN_LIEU = "休息日"


@dataclass(frozen=True)
class KnownDay:
    """A date that differs from its weekday, and the holiday it belongs to."""

    date: date
    kind: DayKind
    name: str


def known_days(year: int) -> list[KnownDay]:
    """Every day off of the year with the weekends that join it, and the make-up working days; in order."""
    known = holidays.country_holidays("CN", years=range(year - 1, year + 2), language="zh_CN")
    workdays = {day for day in known.weekend_workdays if abs(day.year - year) <= 1}
    names = {day: name for day, name in known.items() if day not in workdays}
    blocks = _blocks(set(names), workdays)
    called = {day: _name_of(block, names) for block in blocks for day in block}
    found = [KnownDay(day, DayKind.REST, called[day]) for day in called if day.year == year]
    for day in sorted(workdays):
        if day.year == year:
            gained = next((off for off, name in names.items() if f"{day:%Y-%m-%d}" in name), None)
            whose = called[gained] if gained else called[min(called, key=lambda off: (abs(off - day), off))]
            found.append(KnownDay(day, DayKind.WORK, f"{whose}调休上班"))
    return sorted(found, key=lambda one: one.date)


def swaps_published(year: int) -> bool:
    """Whether make-up days of the year are known."""
    return any(day.kind == DayKind.WORK for day in known_days(year))


def _blocks(off: set[date], workdays: set[date]) -> list[list[date]]:
    """Days off in rows, each with the weekends between and beside them, as the announcements count them."""

    def free(day: date) -> bool:
        return day in off or (day.weekday() >= _SATURDAY and day not in workdays)

    blocks: list[list[date]] = []
    for day in sorted(off):
        if blocks and day <= blocks[-1][-1]:
            continue
        first = day
        while free(first - _DAY):
            first -= _DAY
        last = day
        while free(last + _DAY):
            last += _DAY
        blocks.append([first + _DAY * number for number in range((last - first).days + 1)])
    return blocks


def _name_of(block: list[date], names: dict[date, str]) -> str:
    """The holiday's own name; days that are off by a swap or in lieu are called after the others."""
    own = [names[day].split("（")[0] for day in block if day in names and not names[day].startswith(_IN_LIEU)]
    return max(own, key=own.count) if own else _IN_LIEU
