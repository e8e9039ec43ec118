"""What the calendar screens show: a year of holidays month by month, and the work calendars of a site."""

from __future__ import annotations

import calendar
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import transaction

from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError
from bihuan.kernel.worktime import minutes_of
from bihuan.limits.changes import recalculate_clocks
from bihuan.limits.holidays import ACTION, clocks_on_unconfirmed, confirm_year, may_change_holidays
from bihuan.limits.models import Clock, DayKind, HolidayDay, HolidayYear
from bihuan.operations.timing.clock_following import items_follow
from bihuan.org.actor import Actor
from bihuan.org.models import Department, Role

SHORT = {DayKind.REST: "休", DayKind.WORK: "班", DayKind.HALF: "半"}


@dataclass(frozen=True, slots=True)
class DayCell:
    """One date in the year view; `mark` is 休, 班, 半 or nothing, `title` the whole story for ear and pointer."""

    day: date
    kind: str
    mark: str
    title: str
    weekend: bool


@dataclass(frozen=True, slots=True)
class YearPage:
    """A year of the holiday table: twelve months in weeks from Monday, None outside of the month."""

    number: int
    year: HolidayYear | None
    months: list[list[list[DayCell | None]]]
    days: list[HolidayDay]
    counts: dict[str, int]
    waiting_clocks: int
    editable: bool
    years: list[HolidayYear]


def year_page(number: int, *, actor: Actor) -> YearPage:
    """The holidays of a year; whoever keeps calendars may look."""
    _require_any(actor)
    years = list(HolidayYear.objects.select_related("confirmed_by"))
    year = next((one for one in years if one.year == number), None)
    days = list(HolidayDay.objects.filter(year=year)) if year else []
    by_date = {day.date: day for day in days}
    weeks = calendar.Calendar()
    months = [
        [
            [_cell(day, by_date) if day.month == month else None for day in week]
            for week in weeks.monthdatescalendar(number, month)
        ]
        for month in range(1, 13)
    ]
    counts = {kind.label: sum(1 for day in days if day.kind == kind) for kind in DayKind}
    waiting = clocks_on_unconfirmed(number, actor.sites_allowing(ACTION))
    return YearPage(number, year, months, days, counts, waiting, may_change_holidays(actor), years)


@transaction.atomic
def confirm_and_recalculate(number: int, *, actor: Actor, recalculate: bool) -> int:
    """Confirm a year and, if asked, work out anew the running clocks that waited for it; answers how many moved."""
    confirm_year(number, actor=actor)
    if not recalculate:
        return 0
    sites = actor.sites_allowing(ACTION)
    return len(_recalculated(sites, f"确认 {number} 年节假日", actor, number))


@transaction.atomic
def recalculate_site(*, actor: Actor, reason: str) -> int:
    """Give the running clocks of the actor's site the calendars as they are now; answers how many moved."""
    actor.require(ACTION)
    return len(_recalculated([actor.site_id or 0], reason, actor, None))


def _recalculated(sites: Iterable[int], reason: str, actor: Actor, year: int | None) -> list[Clock]:
    moved = recalculate_clocks(actor=actor, reason=reason, site_ids=sites, year=year)
    items_follow(moved)
    return moved


@dataclass(frozen=True, slots=True)
class CalendarChoices:
    """What a calendar may be tied to at the actor's site."""

    roles: list[Role]
    departments: list[Department]


def calendar_choices(*, actor: Actor) -> CalendarChoices:
    """Roles and the departments of the site."""
    departments = Department.objects.filter(site_id=actor.site_id or 0).order_by("pk")
    return CalendarChoices(list(Role.objects.all()), list(departments))


def read_own_days(text: str) -> dict[str, dict[str, Any]]:
    """Own days as typed, one a line: "2026-11-11 店庆 09:00-12:00"; without hours it is closed."""
    found: dict[str, dict[str, Any]] = {}
    for line in text.splitlines():
        words = line.replace("—", "-").replace("：", ":").split()
        if not words:
            continue
        try:
            day = date.fromisoformat(words[0].replace("/", "-"))
            spans = [word.split("-") for word in words[1:] if ":" in word]
            for span in spans:
                for end in span:
                    minutes_of(end)
        except ValueError:
            reason = f"“{line.strip()[:40]}”看不懂，例如 2026-11-11 店庆 09:00-12:00"
            raise BusinessError(reason, field="own_days") from None
        name = " ".join(word for word in words[1:] if ":" not in word)
        found[day.isoformat()] = {"name": name[:60] or "自定日期", "hours": spans}
    return found


def this_year() -> int:
    """The present year."""
    return clock.now().year


def _cell(day: date, by_date: dict[date, HolidayDay]) -> DayCell:
    held = by_date.get(day)
    weekend = day.weekday() >= 5
    words = f"{day.month}月{day.day}日"
    if held is None:
        return DayCell(day, "", "", f"{words} {'周末' if weekend else '平日'}", weekend)
    until = f"，上班到 {held.until // 60:02d}:{held.until % 60:02d}" if held.until else ""
    title = f"{words} {held.get_kind_display()}：{held.name}{until}"
    return DayCell(day, held.kind, SHORT[DayKind(held.kind)], title, weekend)


def _require_any(actor: Actor) -> None:
    if not actor.can_anywhere(ACTION):
        actor.require(ACTION)
