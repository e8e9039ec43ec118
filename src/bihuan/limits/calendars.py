"""Which calendar a limit counts on at a site, and its content as it stands now, kept as a version.

A limit says `wall` (all time), `site` (opening hours), `team` (hours of the roles that have the work) or the key of a
calendar an administrator keeps. Sites, teams and contracts each may have their own; the holiday table is shared.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from django.db.models import Q

from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError
from bihuan.kernel.worktime import Calendar, Interval, always_open, parse_calendar, parse_intervals
from bihuan.kernel.worktime.hours import format_day
from bihuan.limits.models import CalendarVersion, Clock, DayKind, HolidayDay, HolidayYear, WorkCalendar
from bihuan.org.models import Position, Site

SITE = Clock.Calendar.SITE.value
TEAM = Clock.Calendar.TEAM.value
WALL = Clock.Calendar.WALL.value


def version_now(key: str, site_id: int, *, roles: Iterable[str] = ()) -> CalendarVersion | None:
    """The calendar of this key at a site as it stands now; None when it is never closed.

    Raises BusinessError when nobody has set up such a calendar.
    """
    if key == WALL:
        return None
    site = Site.objects.get(pk=site_id)
    held = _calendar_row(key, site, sorted(set(roles)))
    if held is None and key not in (SITE, TEAM):
        raise BusinessError(f"没有代号为“{key}”的工作日历，请在“管理 — 工作日历”里建立")
    if held is None and not site.hours:
        return None
    return version_of(content_now(held, site))


def version_of(content: dict[str, Any]) -> CalendarVersion:
    """The stored version with this content."""
    text = json.dumps(content, ensure_ascii=False, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return CalendarVersion.objects.get_or_create(sha256=digest, defaults={"content": content})[0]


def content_now(held: WorkCalendar | None, site: Site | None) -> dict[str, Any]:
    """What a calendar (or a site's opening hours) says now, holidays included."""
    zone = (held.zone if held else "") or (site.timezone if site else "Asia/Shanghai")
    week = (held.week if held else {}) or (site.hours if site else {})
    pattern = parse_calendar(zone, week)
    observes = held.observes_holidays if held else True
    days: dict[str, Any] = {}
    confirmed: list[int] = []
    if observes:
        since = clock.now().year - 1
        for day in HolidayDay.objects.filter(year__year__gte=since):
            days[day.date.isoformat()] = {"hours": format_day(hours_of_day(day, pattern)), "name": day.name}
        years = HolidayYear.objects.filter(year__gte=since, confirmed_at__isnull=False)
        confirmed = sorted(years.values_list("year", flat=True))
    days.update(held.own_days if held else {})
    name = held.name if held else f"{site.name if site else ''}营业时间"
    return {"name": name, "zone": zone, "week": week, "days": days, "holidays": observes, "confirmed": confirmed}


def hours_of_day(day: HolidayDay, pattern: Calendar) -> tuple[Interval, ...]:
    """What a date of the holiday table means on a weekly pattern; see HolidayDay."""
    if day.kind == DayKind.REST:
        return ()
    usual = pattern.week[day.date.weekday()]
    if day.kind == DayKind.WORK:
        return usual or next((hours for hours in pattern.week if hours), ())
    until = day.until or 0
    return tuple(Interval(part.start, min(part.end, until)) for part in usual if part.start < until)


def calendar_of(version: CalendarVersion | None) -> Calendar:
    """The calendar of a version for arithmetic; one instance for all who ask, so that its sums are laid out once."""
    if version is None:
        return _ALWAYS
    return _parsed(version.sha256, json.dumps(version.content, ensure_ascii=False, sort_keys=True))


def calendar_now(key: str, site_id: int, *, roles: Iterable[str] = ()) -> Calendar:
    """The calendar of this key at a site as it stands now."""
    return calendar_of(version_now(key, site_id, roles=roles))


def first_unconfirmed_year(version: CalendarVersion | None, start: datetime, end: datetime | None) -> int | None:
    """The first year from `start` to `end` whose holidays nobody had confirmed, where holidays matter at all."""
    if version is None or end is None or not version.content.get("holidays"):
        return None
    tz = calendar_of(version).tz
    confirmed = set(version.content.get("confirmed", ()))
    years = range(start.astimezone(tz).year, end.astimezone(tz).year + 1)
    return next((year for year in years if year not in confirmed), None)


def provisional_words(year: int | None) -> str:
    """What is said of a due moment that depends on the holidays of a year nobody has confirmed; "" of any other."""
    return f"暂定：{year} 年节假日未确认" if year else ""


def _calendar_row(key: str, site: Site, roles: list[str]) -> WorkCalendar | None:
    rows = [
        row
        for row in WorkCalendar.objects.filter(Q(site=site) | Q(site__isnull=True), is_active=True)
        if key == TEAM or row.key == key
    ]
    rows.sort(key=lambda row: (row.site_id is None, row.pk))
    if key != TEAM:
        return next((row for row in rows if row.key == key), None)
    found = next((row for row in rows if row.role and row.role in roles), None)
    if found is None and any(row.department_id for row in rows):
        mine = Position.objects.filter(site=site, roles__key__in=roles, department__isnull=False)
        departments = set(mine.values_list("department_id", flat=True))
        found = next((row for row in rows if row.department_id in departments), None)
    return found or next((row for row in rows if row.key == SITE), None)


@lru_cache(maxsize=256)
def _parsed(sha256: str, text: str) -> Calendar:
    content = json.loads(text)
    pattern = parse_calendar(content["zone"], content["week"])
    days = {date.fromisoformat(text): day for text, day in content["days"].items()}
    return Calendar(
        pattern.zone,
        pattern.week,
        {day: parse_intervals(entry["hours"]) for day, entry in days.items()},
        {day: entry["name"] for day, entry in days.items()},
    )


_ALWAYS = always_open()
