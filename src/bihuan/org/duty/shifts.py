"""Planning duty: shifts of the week, single shifts, and the week as a page shows it (值班、排班)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Q, QuerySet

from bihuan.audit.log import record
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, Conflict, NotFound
from bihuan.org.actor import Actor
from bihuan.org.duty.checks import MANAGE, person_at
from bihuan.org.duty.models import WEEKDAYS, DayShift, Leave, WeeklyShift
from bihuan.org.duty.roster import Shift, lay_out, moments
from bihuan.org.models import Role, Site

WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Week:
    """One role's duty in one week at a site: shifts by day from Monday, and who is on leave on which day."""

    role: Role
    days: tuple[date, ...]
    shifts: Mapping[date, tuple[Shift, ...]]
    away: Mapping[date, tuple[str, ...]]

    @property
    def uncovered(self) -> tuple[date, ...]:
        """Days without any shift of somebody who is there."""
        return tuple(
            day for day in self.days if not any(shift.name not in self.away.get(day, ()) for shift in self.shifts[day])
        )


def monday_of(day: date) -> date:
    """The Monday of that day's week."""
    return day - timedelta(days=day.weekday())


def week_of(site_id: int, role_key: str, day: date, *, actor: Actor) -> Week:
    """The duty of a role in the week of that day; everybody who works at the site may look. Five queries."""
    if not actor.is_system and site_id not in actor.site_ids:
        raise NotFound("没有这个门店")
    role, zone = _role(role_key), _zone(site_id)
    first = monday_of(day)
    days = tuple(first + timedelta(days=number) for number in range(7))
    shifts = _laid_out(site_id, role, first, days[-1], zone)
    begin, _ = moments(first, time(0), time(0), zone)
    _, end = moments(days[-1], time(0), time(0), zone)
    leaves = Leave.objects.filter(
        user_id__in={shift.user_id for shift in shifts}, status=Leave.Status.APPROVED, starts_at__lt=end,
        ends_at__gt=begin,
    ).select_related("user")  # fmt: skip
    away: dict[date, set[str]] = {}
    for leave in leaves:
        for shift in shifts:
            if shift.user_id == leave.user_id and leave.starts_at < shift.ends_at and leave.ends_at > shift.starts_at:
                away.setdefault(shift.day, set()).add(shift.name)
    return Week(
        role, days, {one: tuple(shift for shift in shifts if shift.day == one) for one in days},
        {one: tuple(sorted(names)) for one, names in away.items()},
    )  # fmt: skip


@transaction.atomic
def add_weekly_shift(
    *, site_id: int, role_key: str, user_id: int, weekday: int, starts: time, ends: time, since: date, actor: Actor,
    until: date | None = None,
) -> WeeklyShift:  # fmt: skip
    """Put somebody on duty every week on a day; refused where it overlaps another shift of theirs in that role."""
    actor.require(MANAGE, site_id)
    if weekday not in range(7):
        raise BusinessError("请选择星期", "weekday")
    if until is not None and until < since:
        raise BusinessError("结束须晚于开始", "until")
    role, zone = _role(role_key), _zone(site_id)
    person = person_at(site_id, user_id, field="user", lock=True)
    made = WeeklyShift(
        site_id=site_id, role=role, user=person, weekday=weekday, starts=starts, ends=ends, since=since, until=until
    )
    first = since + timedelta(days=(weekday - since.weekday()) % 7)
    _refuse_overlap(lay_out([made], [], first, min(first + WEEK * 5, until or date.max), zone), site_id, role, zone)
    made.save(force_insert=True)
    _log("roster.add_weekly", actor, made, {"weekday": WEEKDAYS[weekday], "since": since.isoformat()})
    return made


@transaction.atomic
def end_weekly_shift(shift_id: int, *, last_day: date, actor: Actor) -> None:
    """A shift of the week takes place for the last time on or before that day; one that never did is removed."""
    row = WeeklyShift.objects.select_for_update().filter(pk=shift_id).first()
    if row is None:
        raise NotFound("没有这个班次")
    actor.require(MANAGE, row.site_id)
    _log("roster.end_weekly", actor, row, {"last_day": last_day.isoformat()})
    if last_day < row.since:
        row.delete()
    else:
        WeeklyShift.objects.filter(pk=row.pk).update(until=last_day)


@transaction.atomic
def add_day_shift(
    *, site_id: int, role_key: str, user_id: int, day: date, starts: time, ends: time, actor: Actor
) -> DayShift:
    """Put somebody on duty once; refused during their leave and where it overlaps another shift of theirs."""
    actor.require(MANAGE, site_id)
    role, zone = _role(role_key), _zone(site_id)
    person = person_at(site_id, user_id, field="user", lock=True)
    # A shift of the week that was called off for the day simply takes place again.
    revived, _ = DayShift.objects.filter(
        site_id=site_id, role=role, user=person, day=day, starts=starts, off=True
    ).delete()
    pattern = _patterns(site_id, role, day, day).filter(user=person, weekday=day.weekday(), starts=starts, ends=ends)
    made = DayShift(site_id=site_id, role=role, user=person, day=day, starts=starts, ends=ends)
    if revived and pattern.exists():
        _log("roster.restore_day", actor, made, {"day": day.isoformat()})
        return made
    [shift] = lay_out([], [made], day, day, zone)
    leave = Leave.objects.filter(
        user=person, status=Leave.Status.APPROVED, starts_at__lt=shift.ends_at, ends_at__gt=shift.starts_at
    )
    if leave.exists():
        raise Conflict(f"{person.name}这时已请假", "user")
    _refuse_overlap([shift], site_id, role, zone)
    made.save(force_insert=True)
    _log("roster.add_day", actor, made, {"day": day.isoformat()})
    return made


@transaction.atomic
def drop_shift(*, row_id: int, day: date, weekly: bool, actor: Actor) -> None:
    """A shift does not take place on that day: a single one is removed, one of the week is called off once."""
    if not weekly:
        row = DayShift.objects.select_for_update().filter(pk=row_id, off=False).first()
        if row is None:
            raise NotFound("没有这个班次")
        actor.require(MANAGE, row.site_id)
        _log("roster.drop_day", actor, row, {"day": row.day.isoformat()})
        row.delete()
        return
    pattern = WeeklyShift.objects.select_for_update().filter(pk=row_id).first()
    if pattern is None or pattern.weekday != day.weekday():
        raise NotFound("没有这个班次")
    actor.require(MANAGE, pattern.site_id)
    DayShift.objects.get_or_create(
        site_id=pattern.site_id, role_id=pattern.role_id, user_id=pattern.user_id, day=day, starts=pattern.starts,
        defaults={"ends": pattern.ends, "off": True},
    )  # fmt: skip
    _log("roster.drop_day", actor, pattern, {"day": day.isoformat()})


@transaction.atomic
def copy_last_week(*, site_id: int, role_key: str, day: date, actor: Actor) -> tuple[int, int]:
    """Repeat the single shifts of the week before in the week of that day.

    Answers how many were copied, and how many were not because the person is on leave, has left or has a shift then.
    """
    actor.require(MANAGE, site_id)
    role, first = _role(role_key), monday_of(day)
    before = DayShift.objects.filter(site_id=site_id, role=role, off=False, day__gte=first - WEEK, day__lt=first)
    copied = left_out = 0
    for row in before.order_by("day", "starts", "pk"):
        try:
            with transaction.atomic():
                add_day_shift(
                    site_id=site_id, role_key=role_key, user_id=row.user_id, day=row.day + WEEK, starts=row.starts,
                    ends=row.ends, actor=actor,
                )  # fmt: skip
            copied += 1
        except BusinessError:
            left_out += 1
    return copied, left_out


def roles_with_duty(site_id: int) -> list[Role]:
    """The roles a roster is kept for or meant to be: those that work by duty first, then those with shifts here."""
    since = clock.now().date() - WEEK * 8
    planned = WeeklyShift.objects.filter(site_id=site_id).values("role_id")
    single = DayShift.objects.filter(site_id=site_id, day__gte=since).values("role_id")
    rows = Role.objects.filter(Q(on_duty=True) | Q(pk__in=planned) | Q(pk__in=single))
    return list(rows.order_by("-on_duty", "pk"))


def _refuse_overlap(wanted: list[Shift], site_id: int, role: Role, zone: ZoneInfo) -> None:
    if not wanted:
        return
    first, last = wanted[0].day - timedelta(days=1), wanted[-1].day + timedelta(days=1)
    for there in _laid_out(site_id, role, first, last, zone):
        for shift in wanted:
            same_person = there.user_id == shift.user_id
            if same_person and there.starts_at < shift.ends_at and there.ends_at > shift.starts_at:
                when = f"{there.day:%m月%d日} {there.starts:%H:%M}–{there.ends:%H:%M}"
                raise Conflict(f"{there.name}在 {when} 已有班次", "starts")


def _laid_out(site_id: int, role: Role, first: date, last: date, zone: ZoneInfo) -> list[Shift]:
    single = DayShift.objects.filter(site_id=site_id, role=role, day__gte=first, day__lte=last)
    weekly = _patterns(site_id, role, first, last)
    return lay_out(weekly.select_related("user", "role"), single.select_related("user", "role"), first, last, zone)


def _patterns(site_id: int, role: Role, first: date, last: date) -> QuerySet[WeeklyShift]:
    rows = WeeklyShift.objects.filter(site_id=site_id, role=role, since__lte=last)
    return rows.filter(Q(until__isnull=True) | Q(until__gte=first))


def _role(key: str) -> Role:
    role = Role.objects.filter(key=key).first()
    if role is None:
        raise NotFound("没有这个角色")
    return role


def _zone(site_id: int) -> ZoneInfo:
    return ZoneInfo(Site.objects.values_list("timezone", flat=True).get(pk=site_id))


def _log(action: str, actor: Actor, row: WeeklyShift | DayShift, data: dict[str, str]) -> None:
    shown = {
        "role": row.role.key, "user": row.user_id, "starts": f"{row.starts:%H:%M}", "ends": f"{row.ends:%H:%M}", **data
    }  # fmt: skip
    record(actor_id=actor.user_id, action=action, chain=f"site:{row.site_id}", site_id=row.site_id, data=shown)
