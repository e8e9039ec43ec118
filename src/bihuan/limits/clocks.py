"""Starting, pausing and stopping clocks. Called by use cases inside their transaction, after their permission check.

Starting and stopping leave no audit line of their own: they follow from the step that is logged. What a person
decides (pausing, another target, dropping) does.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from bihuan.audit.log import record
from bihuan.kernel import clock as time
from bihuan.kernel import worktime
from bihuan.kernel.errors import BusinessError, Conflict, NotFound
from bihuan.limits import arithmetic
from bihuan.limits.arithmetic import ExplainedSpan, Pause, Running
from bihuan.limits.models import Clock, ClockPause
from bihuan.org.actor import Actor
from bihuan.org.models import Site


@transaction.atomic
def start_clock(
    *,
    subject_kind: str,
    subject_id: int,
    key: str,
    name: str,
    site_id: int,
    target_seconds: float | None = None,
    due_at: datetime | None = None,
    warn_before_seconds: float = 0,
    escalate_to: str = "",
    calendar: str = Clock.Calendar.WALL,
    started_at: datetime | None = None,
) -> Clock:
    """Start a limit on a subject, with a length or (exactly one of the two) a moment by which it must be done.

    Conflict when the same limit already runs on the subject. On a calendar that never opens the clock never is due.
    """
    if (target_seconds is None) == (due_at is None):
        raise ValueError("a clock has either a target length or a due moment")
    began = started_at or time.now()
    hours = _calendar_now(site_id) if calendar == Clock.Calendar.SITE else None
    counted_on = worktime.always_open() if hours is None else worktime.parse_calendar(hours["zone"], hours["week"])
    if due_at is not None:
        target_seconds = worktime.working_seconds_between(counted_on, began, due_at)
    assert target_seconds is not None
    started = Clock(
        subject_kind=subject_kind,
        subject_id=subject_id,
        key=key,
        name=name,
        site_id=site_id,
        calendar=calendar if hours is not None else Clock.Calendar.WALL,
        hours=hours,
        target_seconds=target_seconds,
        warn_before_seconds=warn_before_seconds,
        escalate_to=escalate_to,
        started_at=began,
    )
    _set_moments(started, running_of(started, []))
    try:
        with transaction.atomic():
            started.save(force_insert=True)
    except IntegrityError:
        raise Conflict(f"“{name}”已经在计时") from None
    return started


@transaction.atomic
def pause_clock(clock_id: int, *, reason: str, actor: Actor) -> Clock:
    """Let the clock stand still for a reason that is kept (等待配件, 等待客户)."""
    if not reason.strip():
        raise BusinessError("请填写暂停原因", field="reason")
    held = _locked(clock_id)
    if held.paused_at is not None:
        raise Conflict("该时限已经暂停")
    moment = time.now()
    ClockPause.objects.create(clock=held, reason=reason.strip(), started_at=moment)
    held.paused_at = moment
    held.warn_at = None
    if held.due_at is not None and moment > held.due_at:
        held.breached_at = held.due_at
    else:
        held.due_at = None
    held.save(update_fields=["paused_at", "warn_at", "due_at", "breached_at"])
    _log(held, "clock.pause", actor, {"reason": reason.strip()})
    return held


@transaction.atomic
def resume_clock(clock_id: int, *, actor: Actor) -> Clock:
    """Let a paused clock go on with what was left; the moments it is due and warns move accordingly."""
    held = _locked(clock_id)
    if held.paused_at is None:
        raise Conflict("该时限没有暂停")
    _end_pause(held, time.now())
    _set_moments(held, running_of(held))
    held.save(update_fields=["paused_at", "warn_at", "due_at"])
    _log(held, "clock.resume", actor, {"due_at": held.due_at})
    return held


@transaction.atomic
def stop_clock(*, subject_kind: str, subject_id: int, key: str, at: datetime | None = None) -> Clock | None:
    """The work is done: decide whether it was in time. None when no such clock runs, so that it may be called twice."""
    held = (
        Clock.unscoped.select_for_update()
        .filter(subject_kind=subject_kind, subject_id=subject_id, key=key, stopped_at__isnull=True)
        .first()
    )
    if held is None:
        return None
    moment = max(at or time.now(), held.started_at)
    if held.paused_at is not None:
        moment = max(moment, held.paused_at)
        _end_pause(held, moment)
    held.stopped_at = moment
    running = running_of(held)
    held.due_at = arithmetic.due_moment(running)
    held.breached_at = arithmetic.breached_at(running, moment)
    held.met = held.breached_at is None
    held.warn_at = None
    held.save(update_fields=["stopped_at", "paused_at", "due_at", "warn_at", "breached_at", "met"])
    return held


@transaction.atomic
def drop_clocks(*, subject_kind: str, subject_id: int, reason: str, actor: Actor, key: str | None = None) -> int:
    """The subject is cancelled: its running clocks end without counting as met or missed. Answers how many."""
    rows = Clock.unscoped.select_for_update().filter(
        subject_kind=subject_kind, subject_id=subject_id, stopped_at__isnull=True
    )
    dropped = list(rows if key is None else rows.filter(key=key))
    moment = time.now()
    for held in dropped:
        if held.paused_at is not None:
            _end_pause(held, moment)
        held.stopped_at, held.due_at, held.warn_at, held.breached_at = moment, None, None, None
        held.save(update_fields=["stopped_at", "paused_at", "due_at", "warn_at", "breached_at"])
        _log(held, "clock.drop", actor, {"reason": reason})
    return len(dropped)


@transaction.atomic
def move_target(clock_id: int, *, target_seconds: float, reason: str, actor: Actor) -> Clock:
    """Give a running clock another length, counted from its start; pauses so far stay.

    The customer agreed to more hours, or the supervisor extended: the reason is kept. A breach of the old target is
    void when the new one has not passed.
    """
    if not reason.strip():
        raise BusinessError("请填写变更原因", field="reason")
    if target_seconds < 0:
        raise BusinessError("时限不能为负数", field="target_seconds")
    held = _locked(clock_id)
    before = held.target_seconds
    held.target_seconds = target_seconds
    running, moment = running_of(held), time.now()
    _set_moments(held, running)
    held.breached_at = arithmetic.breached_at(running, moment)
    if held.breached_at is None:
        held.breach_told_at = None
        held.warned_at = None
    held.save(update_fields=["target_seconds", "due_at", "warn_at", "breached_at", "breach_told_at", "warned_at"])
    change = {"reason": reason.strip(), "before": before, "after": target_seconds}
    _log(held, "clock.move_target", actor, change)
    return held


def running_of(held: Clock, pauses: Sequence[ClockPause] | None = None) -> Running:
    """The plain values of a stored clock for the functions of `arithmetic`."""
    rows = list(ClockPause.unscoped.filter(clock=held)) if pauses is None else pauses
    return Running(
        calendar=held.working_calendar,
        started_at=held.started_at,
        target_seconds=held.target_seconds,
        pauses=tuple(Pause(row.started_at, row.ended_at, row.reason) for row in rows),
        stopped_at=held.stopped_at,
    )


def running_clocks(subject_kind: str, subject_id: int) -> list[Clock]:
    """The clocks that run on a subject now, the most urgent first, paused ones last."""
    rows = Clock.unscoped.filter(subject_kind=subject_kind, subject_id=subject_id, stopped_at__isnull=True)
    return sorted(rows, key=lambda row: (row.due_at is None, row.due_at or row.started_at, row.pk))


def explain(held: Clock, at: datetime | None = None) -> list[ExplainedSpan]:
    """Why the clock shows what it shows: every counted, paused and closed stretch so far."""
    return arithmetic.explain(running_of(held), at or time.now())


def _locked(clock_id: int) -> Clock:
    held = Clock.unscoped.select_for_update().filter(pk=clock_id).first()
    if held is None:
        raise NotFound("没有这个时限")
    if held.stopped_at is not None:
        raise Conflict("该时限已经结束")
    return held


def _end_pause(held: Clock, moment: datetime) -> None:
    ClockPause.unscoped.filter(clock=held, ended_at__isnull=True).update(ended_at=moment)
    held.paused_at = None


def _set_moments(held: Clock, running: Running) -> None:
    """Work out when the clock is due and when it warns; neither while it stands still."""
    held.due_at = arithmetic.due_moment(running)
    warns = held.warn_before_seconds > 0 and held.due_at is not None
    held.warn_at = arithmetic.moment_of(running, held.target_seconds - held.warn_before_seconds) if warns else None


def _calendar_now(site_id: int) -> dict[str, Any] | None:
    site = Site.objects.get(pk=site_id)
    return {"zone": site.timezone, "week": site.hours} if site.hours else None


def _log(held: Clock, action: str, actor: Actor, data: dict[str, Any]) -> None:
    record(
        actor_id=actor.user_id,
        action=action,
        chain=held.chain,
        site_id=held.site_id,
        data={"clock": held.pk, "key": held.key, "name": held.name, **data},
    )
