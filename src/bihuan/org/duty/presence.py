"""Who is there at a moment: on duty by the roster, or away on leave. Few queries, however many people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Q

from bihuan.kernel import clock
from bihuan.org.duty.models import DayShift, Leave, WeeklyShift
from bihuan.org.duty.roster import ONE_DAY, lay_out
from bihuan.org.models import Role, Site
from bihuan.org.roles import people_with_role

# A site with only single shifts keeps a roster as long as one of them is near.
NEAR = timedelta(days=7)


def away_at(at: datetime, user_ids: Iterable[int] | None = None) -> frozenset[int]:
    """Who is on approved leave at that moment, of these people or of all; one query."""
    rows = Leave.objects.filter(status=Leave.Status.APPROVED, starts_at__lte=at, ends_at__gt=at)
    if user_ids is not None:
        rows = rows.filter(user_id__in=list(user_ids))
    return frozenset(rows.values_list("user_id", flat=True))


def on_duty_at(
    site_ids: Iterable[int], at: datetime, roles: Iterable[str] | None = None
) -> Mapping[tuple[int, str], frozenset[int]]:
    """Who is on duty by site and role key, without those on leave; a role without a roster at a site is not in it.

    At most three queries, however many sites.
    """
    near = (at.date() - NEAR, at.date() + NEAR)
    weekly = WeeklyShift.objects.filter(site_id__in=list(site_ids), since__lte=near[1])
    weekly = weekly.filter(Q(until__isnull=True) | Q(until__gte=at.date() - 2 * ONE_DAY))
    single = DayShift.objects.filter(site_id__in=list(site_ids), day__gte=near[0], day__lte=near[1])
    if roles is not None:
        wanted = list(roles)
        weekly, single = weekly.filter(role__key__in=wanted), single.filter(role__key__in=wanted)
    patterns: dict[tuple[Site, str], list[WeeklyShift]] = {}
    for pattern in weekly.select_related("user", "role", "site"):
        patterns.setdefault((pattern.site, pattern.role.key), []).append(pattern)
    days: dict[tuple[Site, str], list[DayShift]] = {}
    for day in single.select_related("user", "role", "site"):
        days.setdefault((day.site, day.role.key), []).append(day)
    running: dict[tuple[int, str], set[int]] = {}
    for site, role in {*patterns, *(key for key, rows in days.items() if any(not row.off for row in rows))}:
        zone = ZoneInfo(site.timezone)
        today = at.astimezone(zone).date()
        shifts = lay_out(
            patterns.get((site, role), ()), days.get((site, role), ()), today - ONE_DAY, today, zone
        )  # fmt: skip
        running[site.pk, role] = {shift.user_id for shift in shifts if shift.covers(at)}
    there = {user_id for people in running.values() for user_id in people}
    away = away_at(at, there) if there else frozenset()
    return {key: frozenset(people - away) for key, people in running.items()}


def present_with_role(role: str, site_id: int) -> frozenset[int]:
    """Who of a role at a site is there to be told something now: not on leave, and on duty where duty decides.

    When nobody is, all of them: what is told must not be lost. At most five queries.
    """
    people = frozenset(people_with_role(role, site_id).values_list("pk", flat=True))
    now = clock.now()
    there = people - away_at(now, people)
    if Role.objects.filter(key=role, on_duty=True).exists():
        there &= on_duty_at([site_id], now, [role]).get((site_id, role), there)
    return there or people


def keepers_of_desk(site_id: int, desk: str, at: datetime) -> frozenset[int] | None:
    """Who answers for what a desk keeps at that moment: those on duty there.

    When nobody is, everybody with its role at the site, so that nothing is locked away with the last shift.
    None where no role keeps the desk or the site keeps no roster for it: then anybody of the site may.
    """
    roles = list(Role.objects.filter(desk=desk).values_list("key", flat=True))
    duty = on_duty_at([site_id], at, roles) if roles else {}
    if not duty:
        return None
    there = frozenset[int]().union(*duty.values())
    if there:
        return there
    return frozenset(pk for role in roles for pk in people_with_role(role, site_id).values_list("pk", flat=True))
