"""The roster as plain data: shifts of the week and single days, laid out as moments."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bihuan.org.duty.models import DayShift, WeeklyShift

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Shift:
    """One shift that takes place: who, in which role, from when to when (UTC). `row_id` is of the row it comes from."""

    user_id: int
    name: str
    role: str
    day: date
    starts: time
    ends: time
    starts_at: datetime
    ends_at: datetime
    weekly: bool
    row_id: int

    def covers(self, at: datetime) -> bool:
        """Whether the shift is running at that moment; its last moment belongs to the next."""
        return self.starts_at <= at < self.ends_at

    @property
    def overnight(self) -> bool:
        return self.ends <= self.starts


def lay_out(
    weekly: Iterable[WeeklyShift], single: Iterable[DayShift], first: date, last: date, zone: ZoneInfo
) -> list[Shift]:
    """Every shift that begins on one of these days, in order of time; a shift called off for a day is left out."""
    singles = list(single)
    off = {(row.user_id, row.role_id, row.day, row.starts) for row in singles if row.off}
    found: list[Shift] = []
    for row in weekly:
        day = max(first, row.since)
        day += timedelta(days=(row.weekday - day.weekday()) % 7)
        while day <= min(last, row.until or last):
            if (row.user_id, row.role_id, day, row.starts) not in off:
                found.append(_shift(row, day, zone, weekly=True))
            day += timedelta(days=7)
    found += [_shift(row, row.day, zone, weekly=False) for row in singles if not row.off and first <= row.day <= last]
    return sorted(found, key=lambda shift: (shift.starts_at, shift.name, shift.user_id))


def _shift(row: WeeklyShift | DayShift, day: date, zone: ZoneInfo, *, weekly: bool) -> Shift:
    begins, ends = moments(day, row.starts, row.ends, zone)
    return Shift(
        row.user_id, row.user.name, row.role.key, day, row.starts, row.ends, begins, ends, weekly=weekly, row_id=row.pk
    )


def moments(day: date, starts: time, ends: time, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """From when to when (UTC) a shift of that day is; one that ends at or before its start ends on the next day."""
    end_day = day + ONE_DAY if ends <= starts else day
    return (
        datetime.combine(day, starts, tzinfo=zone).astimezone(UTC),
        datetime.combine(end_day, ends, tzinfo=zone).astimezone(UTC),
    )
