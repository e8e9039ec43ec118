"""Keeping work calendars: of a site, a team, a contract. A change holds for clocks that start from now on."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import transaction

from bihuan.audit.log import changes, record
from bihuan.kernel.errors import BusinessError, NotFound
from bihuan.kernel.worktime import parse_calendar, parse_intervals
from bihuan.limits.calendars import SITE, TEAM, WALL
from bihuan.limits.models import WorkCalendar
from bihuan.org.actor import Actor
from bihuan.org.models import Department, Role, Site

ACTION = "calendar.manage"
KEY = re.compile(r"[a-z][a-z0-9_]{0,62}")
_COLUMNS = ("name", "department_id", "role", "zone", "week", "observes_holidays", "own_days", "is_active")


def calendars_at(site_id: int, *, actor: Actor) -> list[WorkCalendar]:
    """The calendars of a site, its own first, then those that hold everywhere."""
    actor.require(ACTION, site_id)
    rows = WorkCalendar.objects.select_related("site", "department")
    found = [row for row in rows if row.site_id in (site_id, None)]
    return sorted(found, key=lambda row: (row.site_id is None, row.key != SITE, row.pk))


def calendar_by_id(calendar_id: int, *, actor: Actor) -> WorkCalendar:
    """One calendar of the actor's site, or NotFound."""
    found = WorkCalendar.objects.select_related("site").filter(pk=calendar_id).first()
    if found is None or found.site_id is None or not actor.can(ACTION, found.site_id):
        raise NotFound("没有这个工作日历")
    return found


@transaction.atomic
def save_calendar(
    *,
    site_id: int,
    key: str,
    name: str,
    week: Mapping[str, Sequence[Sequence[str]]],
    actor: Actor,
    role: str = "",
    department_id: int | None = None,
    zone: str = "",
    observes_holidays: bool = True,
    own_days: Mapping[str, Mapping[str, Any]] | None = None,
    is_active: bool = True,
) -> WorkCalendar:
    """Make or change the calendar of this key at a site. One without any working time is refused.

    `own_days`: {"2026-11-11": {"name": "店庆", "hours": [["09:00", "12:00"]]}}; no hours means closed. The key `site`
    without hours of its own takes the site's opening hours.
    """
    actor.require(ACTION, site_id)
    site = Site.objects.get(pk=site_id)
    values = {
        "name": name.strip(), "department_id": department_id, "role": role.strip(), "zone": zone.strip(),
        "week": {day: [list(pair) for pair in pairs] for day, pairs in week.items() if pairs},
        "observes_holidays": observes_holidays, "own_days": dict(own_days or {}), "is_active": is_active,
    }  # fmt: skip
    _check(key, values, site)
    held = WorkCalendar.objects.select_for_update(of=("self",)).filter(site_id=site_id, key=key).first()
    before, after = changes({name: getattr(held, name) for name in _COLUMNS} if held else {}, values)
    if held is None:
        held = WorkCalendar.objects.create(site_id=site_id, key=key, **values)
    elif after:
        for column, value in after.items():
            setattr(held, column, value)
        held.save(update_fields=[column.removesuffix("_id") for column in after])
    if after:
        record(
            actor_id=actor.user_id, action="calendar.save", chain=f"calendar:{held.pk}", site_id=site_id,
            data={"key": key, "name": held.name}, before=before, after=after,
        )  # fmt: skip
    return held


def publish_calendar(key: str, *, name: str, week: Mapping[str, Any], holidays: bool) -> bool:
    """A calendar that comes with a rule book, for every site; one that is there already stays. Answers whether new."""
    values = {"name": name, "week": dict(week), "observes_holidays": holidays}
    return WorkCalendar.objects.get_or_create(key=key, site=None, defaults=values)[1]


def _check(key: str, values: Mapping[str, Any], site: Site) -> None:
    if not KEY.fullmatch(key) or key in (WALL, TEAM):
        raise BusinessError("代号由小写字母、数字和下划线组成，字母开头", field="key")
    if not values["name"]:
        raise BusinessError("请填写名称", field="name")
    if len(values["name"]) > 80:
        raise BusinessError("名称最多 80 个字", field="name")
    if values["role"] and not Role.objects.filter(key=values["role"]).exists():
        raise BusinessError("没有这个角色", field="role")
    department = values["department_id"]
    if department is not None and not Department.objects.filter(pk=department, site=site).exists():
        raise BusinessError("没有这个部门", field="department")
    try:
        ZoneInfo(values["zone"] or site.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BusinessError(f"没有时区 {values['zone']}", field="zone") from None
    _check_hours(key, values, site)


def _check_hours(key: str, values: Mapping[str, Any], site: Site) -> None:
    week = values["week"]
    try:
        pattern = parse_calendar(values["zone"] or site.timezone, week)
    except (ValueError, TypeError, AttributeError):
        raise BusinessError("工作时间应为每天若干段，例如 08:30-12:00", field="week") from None
    if not pattern.ever_open and key != SITE:
        raise BusinessError("这个日历没有任何工作时间，时限永远到不了期；请至少填写一天", field="week")
    for text, entry in values["own_days"].items():
        try:
            date.fromisoformat(text)
            parse_intervals(entry["hours"])
        except (ValueError, TypeError, KeyError):
            raise BusinessError(
                f"自定日期“{text}”的写法不对，例如 2026-11-11 店庆 09:00-12:00", field="own_days"
            ) from None
