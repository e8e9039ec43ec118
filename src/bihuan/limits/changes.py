"""Changing clocks by agreement or decision, the reason kept: another target, reopening, another calendar."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from django.db import transaction

from bihuan.kernel import clock as time
from bihuan.kernel import worktime
from bihuan.kernel.errors import BusinessError, Conflict, NotFound
from bihuan.limits import arithmetic
from bihuan.limits.calendars import calendar_of, version_now
from bihuan.limits.clocks import MOMENTS, locked, log_clock, place_steps, running_clock, set_moments, start_clock
from bihuan.limits.definition import LONGEST
from bihuan.limits.models import CalendarVersion, Clock, ClockChange, ClockPause
from bihuan.limits.reading import running_of
from bihuan.org.actor import Actor

Kind = ClockChange.Kind


class Reopening(StrEnum):
    """What becomes of the time between the stop and the reopening."""

    CONTINUE = "continue"  # the clock goes on as if it had never stopped: the time in between counts
    RESTART = "restart"  # a new clock begins at nought; the first keeps its verdict
    EXCLUDE = "exclude"  # the clock goes on with what it had used; the time in between does not count


@transaction.atomic
def move_target(
    clock_id: int,
    *,
    reason: str,
    actor: Actor,
    target_seconds: float | None = None,
    due_at: datetime | None = None,
) -> Clock:
    """Give a running clock another length, counted from its start, or another promised moment; pauses so far stay.

    The customer agreed to more hours, or the supervisor extended: the reason is kept. A breach of the old target is
    void when the new one has not passed.
    """
    if not reason.strip():
        raise BusinessError("请填写变更原因", field="reason")
    if (target_seconds is None) == (due_at is None):
        raise ValueError("either another length or another moment")
    held = locked(clock_id)
    before, due_before = held.target_seconds, held.due_fixed_at or held.due_at
    if due_at is not None:
        if due_at < held.started_at:
            raise BusinessError("新的约定时刻不能早于起算时间", field="due_at")
        if due_at - held.started_at > LONGEST:
            raise BusinessError("新的约定时刻太远", field="due_at")
        target_seconds = worktime.working_seconds_between(calendar_of(held.calendar_version), held.started_at, due_at)
    assert target_seconds is not None
    if target_seconds < 0:
        raise BusinessError("时限不能为负数", field="target_seconds")
    held.target_seconds, held.due_fixed_at = target_seconds, due_at
    running, moment = running_of(held), time.whole_second(time.now())
    set_moments(held, running)
    held.breached_at = arithmetic.breached_at(running, moment)
    if held.breached_at is None:
        held.breach_told_at = None
        held.warned_at = None
    held.save(update_fields=["target_seconds", "due_fixed_at", "breached_at", "breach_told_at", "warned_at", *MOMENTS])
    place_steps(held)
    _keep(held, Kind.TARGET, actor, reason, due_before)
    change = {"reason": reason.strip(), "before": before, "after": target_seconds, "due_at": held.due_at}
    log_clock(held, "clock.move_target", actor, change)
    return held


@transaction.atomic
def reopen_clock(clock_id: int, *, policy: Reopening | str, reason: str, actor: Actor) -> Clock:
    """Take up a stopped clock again because its subject was reopened; answers the clock that runs now.

    Conflict when it still runs, or another clock of the same limit does.
    """
    if not reason.strip():
        raise BusinessError("请填写重新打开的原因", field="reason")
    held = Clock.unscoped.select_for_update(of=("self",)).filter(pk=clock_id).first()
    if held is None:
        raise NotFound("没有这个时限")
    if held.stopped_at is None or running_clock(held.subject_kind, held.subject_id, held.key) is not None:
        raise Conflict(f"“{held.name}”已经在计时")
    moment = time.whole_second(time.now())
    way = Reopening(policy)
    if way == Reopening.RESTART:
        return _started_anew(held, reason, actor)
    if way == Reopening.EXCLUDE and moment > held.stopped_at:
        ClockPause.unscoped.create(
            clock=held, cause=ClockPause.Cause.CLOSED, reason="已关闭，之后重新打开", started_at=held.stopped_at,
            ended_at=moment,
        )  # fmt: skip
    held.stopped_at, held.met, held.person = None, None, None
    running = running_of(held)
    set_moments(held, running)
    held.breached_at = arithmetic.breached_at(running, moment)
    if held.breached_at is None:
        held.breach_told_at = None
    held.save(update_fields=["stopped_at", "met", "person", "breached_at", "breach_told_at", *MOMENTS])
    place_steps(held)
    _keep(held, Kind.REOPEN, actor, reason, None)
    log_clock(held, "clock.reopen", actor, {"reason": reason.strip(), "policy": way.value, "due_at": held.due_at})
    return held


@transaction.atomic
def recalculate_clocks(*, actor: Actor, reason: str, site_ids: Iterable[int], year: int | None = None) -> list[Clock]:
    """Give running clocks the calendars as they stand now; answers those whose calendar has changed.

    Nothing else ever does: a change of hours or holidays leaves running clocks as they are. With `year` only those
    that depend on this year's unconfirmed holidays.
    """
    if not reason.strip():
        raise BusinessError("请填写重算原因", field="reason")
    rows = Clock.unscoped.select_for_update(of=("self",)).filter(
        site_id__in=list(site_ids), stopped_at__isnull=True, calendar_version__isnull=False
    )
    if year is not None:
        rows = rows.filter(unconfirmed_year__lte=year)
    versions: dict[tuple[str, int, str], CalendarVersion | None] = {}
    changed: list[Clock] = []
    for held in rows.select_related("calendar_version").order_by("pk"):
        place = (held.calendar, held.site_id, held.role)
        if place not in versions:
            versions[place] = version_now(held.calendar, held.site_id, roles=held.role.split(","))
        if versions[place] != held.calendar_version:
            _recalculate(held, versions[place], reason, actor)
            changed.append(held)
    return changed


def _recalculate(held: Clock, version: CalendarVersion | None, reason: str, actor: Actor) -> None:
    due_before = held.due_at
    held.calendar_version = version
    running = running_of(held)
    if held.due_fixed_at is not None:
        held.target_seconds = worktime.working_seconds_between(running.calendar, held.started_at, held.due_fixed_at)
        running = running_of(held)
    set_moments(held, running)
    held.breached_at = arithmetic.breached_at(running, time.whole_second(time.now()))
    if held.breached_at is None:
        held.breach_told_at = None
    held.save(update_fields=["calendar_version", "target_seconds", "breached_at", "breach_told_at", *MOMENTS])
    place_steps(held)
    _keep(held, Kind.CALENDAR, actor, reason, due_before)
    moved = {"reason": reason.strip(), "due_before": due_before, "due_at": held.due_at}
    log_clock(held, "clock.recalculate", actor, moved)


def _started_anew(held: Clock, reason: str, actor: Actor) -> Clock:
    fresh = start_clock(
        subject_kind=held.subject_kind, subject_id=held.subject_id, key=held.key, name=held.name,
        site_id=held.site_id, target_seconds=None if held.due_fixed_at else held.target_seconds,
        due_at=held.due_fixed_at, warn_before_seconds=held.warn_before_seconds, escalate_to=held.escalate_to,
        calendar=held.calendar, role=held.role, rule=held.rule,
    )  # fmt: skip
    _keep(fresh, Kind.REOPEN, actor, reason, None)
    log_clock(fresh, "clock.reopen", actor, {"reason": reason.strip(), "policy": Reopening.RESTART.value})
    return fresh


def _keep(held: Clock, kind: str, actor: Actor, reason: str, due_before: datetime | None) -> None:
    ClockChange.unscoped.create(
        clock=held, kind=kind, at=time.now(), by_id=actor.user_id, reason=reason.strip(), due_before=due_before,
        due_after=held.due_fixed_at or held.due_at,
    )  # fmt: skip
