"""Starting, pausing and stopping clocks. Called by use cases inside their transaction, after their permission check.

Starting, stopping and pausing by rule leave no audit line of their own: they follow from the step that is logged. What
a person decides (pausing, dropping; another target in `changes`) does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from bihuan.audit.log import record
from bihuan.kernel import clock as time
from bihuan.kernel import worktime
from bihuan.kernel.errors import BusinessError, Conflict, NotFound
from bihuan.limits import arithmetic
from bihuan.limits.calendars import calendar_of, first_unconfirmed_year, version_now
from bihuan.limits.models import Clock, ClockPause, ClockStep
from bihuan.limits.reading import running_of
from bihuan.limits.steps import after_seconds
from bihuan.org.actor import Actor

Cause = ClockPause.Cause
MOMENTS = ["due_at", "warn_at", "unconfirmed_year"]


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
    warn_share: float = 0,
    escalate_to: str = "",
    calendar: str = Clock.Calendar.WALL,
    started_at: datetime | None = None,
    role: str = "",
    rule: Mapping[str, Any] | None = None,
) -> Clock:
    """Start a limit on a subject, with a length or (exactly one of the two) a promised moment.

    `role` names who has to keep it (several separated by commas), which also decides a team's calendar. `rule` is the
    limit as the rule book has it; its further steps become moments of the clock. With `warn_share` it warns when that
    share of the target is used up, otherwise `warn_before_seconds` before the end. Conflict when the same limit already
    runs on the subject. On a calendar that never opens the clock never is due.
    """
    if (target_seconds is None) == (due_at is None):
        raise ValueError("a clock has either a target length or a due moment")
    began = time.whole_second(started_at or time.now())
    version = version_now(calendar, site_id, roles=role.split(","))
    if due_at is not None:
        target_seconds = worktime.working_seconds_between(calendar_of(version), began, due_at)
    assert target_seconds is not None
    started = Clock(
        subject_kind=subject_kind,
        subject_id=subject_id,
        key=key,
        name=name,
        site_id=site_id,
        rule=dict(rule or {}),
        calendar=calendar,
        calendar_version=version,
        target_seconds=target_seconds,
        due_fixed_at=due_at,
        warn_before_seconds=target_seconds * (1 - warn_share) if warn_share else warn_before_seconds,
        escalate_to=escalate_to,
        started_at=began,
        role=role,
    )
    set_moments(started, running_of(started, []))
    try:
        with transaction.atomic():
            started.save(force_insert=True)
    except IntegrityError:
        raise Conflict(f"“{name}”已经在计时") from None
    _lay_out_steps(started)
    return started


@transaction.atomic
def pause_clock(
    clock_id: int, *, reason: str, actor: Actor, cause: str = Cause.PERSON, since: datetime | None = None
) -> Clock:
    """Let the clock stand still, from now or `since` then, for a reason that is kept (等待配件, 等待客户).

    A promised moment does not move by it; nothing is told while it stands.
    """
    if not reason.strip():
        raise BusinessError("请填写暂停原因", field="reason")
    held = locked(clock_id)
    if ClockPause.unscoped.filter(clock=held, cause=cause, ended_at__isnull=True).exists():
        raise Conflict("该时限已经暂停")
    moment = max(time.whole_second(since or time.now()), held.started_at)
    ClockPause.unscoped.create(clock=held, cause=cause, reason=reason.strip(), by_id=actor.user_id, started_at=moment)
    held.paused_at = held.paused_at or moment
    held.warn_at = None
    if held.due_at is not None and moment > held.due_at:
        held.breached_at = held.due_at
    else:
        held.due_at = None
    held.save(update_fields=["paused_at", "warn_at", "due_at", "breached_at"])
    ClockStep.unscoped.filter(clock=held, told_at__isnull=True).update(at=None)
    if cause == Cause.PERSON:
        log_clock(held, "clock.pause", actor, {"reason": reason.strip()})
    return held


@transaction.atomic
def resume_clock(clock_id: int, *, actor: Actor, cause: str = Cause.PERSON) -> Clock:
    """Let a paused clock go on with what was left; the moments it is due and warns move accordingly.

    It goes on standing still while there is another cause to.
    """
    held = locked(clock_id)
    pauses = list(ClockPause.unscoped.filter(clock=held, ended_at__isnull=True))
    mine = next((pause for pause in pauses if pause.cause == cause), None)
    if mine is None:
        if pauses:
            raise Conflict(f"该时限由规则暂停（{pauses[0].reason}），条件解除后自动恢复")
        raise Conflict("该时限没有暂停")
    mine.ended_at = max(time.whole_second(time.now()), mine.started_at)
    mine.save(update_fields=["ended_at"])
    others = [pause.started_at for pause in pauses if pause is not mine]
    held.paused_at = min(others, default=None)
    if held.paused_at is None:
        set_moments(held, running_of(held))
        place_steps(held)
    held.save(update_fields=["paused_at", *MOMENTS])
    if cause == Cause.PERSON:
        log_clock(held, "clock.resume", actor, {"due_at": held.due_at})
    return held


@transaction.atomic
def stop_clock(
    *, subject_kind: str, subject_id: int, key: str, at: datetime | None = None, person_id: int | None = None
) -> Clock | None:
    """The work is done: decide whether it was in time. None when no such clock runs, so that it may be called twice."""
    held = (
        Clock.unscoped.select_for_update(of=("self",))
        .filter(subject_kind=subject_kind, subject_id=subject_id, key=key, stopped_at__isnull=True)
        .first()
    )
    if held is None:
        return None
    moment = max(time.whole_second(at or time.now()), held.started_at)
    if held.paused_at is not None:
        moment = max(moment, *_open_pauses(held).values_list("started_at", flat=True))
        _end_pauses(held, moment)
    held.stopped_at = moment
    held.person_id = person_id
    running = running_of(held)
    held.due_at = arithmetic.due_moment(running)
    held.breached_at = arithmetic.breached_at(running, moment)
    held.met = held.breached_at is None
    held.warn_at = None
    held.save(update_fields=["stopped_at", "paused_at", "due_at", "warn_at", "breached_at", "met", "person"])
    ClockStep.unscoped.filter(clock=held, told_at__isnull=True).update(at=None)
    return held


@transaction.atomic
def drop_clocks(*, subject_kind: str, subject_id: int, reason: str, actor: Actor, key: str | None = None) -> int:
    """The subject is cancelled: its running clocks end without counting as met or missed. Answers how many."""
    rows = Clock.unscoped.select_for_update(of=("self",)).filter(
        subject_kind=subject_kind, subject_id=subject_id, stopped_at__isnull=True
    )
    dropped = list(rows if key is None else rows.filter(key=key))
    moment = time.whole_second(time.now())
    for held in dropped:
        if held.paused_at is not None:
            _end_pauses(held, moment)
        held.stopped_at, held.due_at, held.warn_at, held.breached_at = moment, None, None, None
        held.save(update_fields=["stopped_at", "paused_at", "due_at", "warn_at", "breached_at"])
        ClockStep.unscoped.filter(clock=held, told_at__isnull=True).update(at=None)
        log_clock(held, "clock.drop", actor, {"reason": reason})
    return len(dropped)


def forget_clock(held: Clock, *, at: datetime) -> None:
    """The work under a clock was cancelled by the process: neither in time nor late."""
    moment = max(time.whole_second(at), held.started_at)
    _open_pauses(held).update(ended_at=moment)
    ended = {"stopped_at": moment, "paused_at": None, "due_at": None, "warn_at": None, "breached_at": None}
    Clock.unscoped.filter(pk=held.pk).update(**ended)
    ClockStep.unscoped.filter(clock=held, told_at__isnull=True).update(at=None)


def running_clocks(subject_kind: str, subject_id: int) -> list[Clock]:
    """The clocks that run on a subject now, the most urgent first, paused ones last."""
    rows = Clock.unscoped.filter(subject_kind=subject_kind, subject_id=subject_id, stopped_at__isnull=True)
    return sorted(rows, key=lambda row: (row.due_at is None, row.due_at or row.started_at, row.pk))


def running_clock(subject_kind: str, subject_id: int, key: str) -> Clock | None:
    """The clock of a limit that runs on a subject now."""
    rows = Clock.unscoped.filter(subject_kind=subject_kind, subject_id=subject_id, key=key, stopped_at__isnull=True)
    return rows.first()


def locked(clock_id: int) -> Clock:
    """A running clock, locked until the transaction ends. Raises NotFound, or Conflict when it has stopped."""
    held = Clock.unscoped.select_for_update(of=("self",)).filter(pk=clock_id).first()
    if held is None:
        raise NotFound("没有这个时限")
    if held.stopped_at is not None:
        raise Conflict("该时限已经结束")
    return held


def set_moments(held: Clock, running: arithmetic.Running) -> None:
    """Work out when the clock is due and when it warns (neither while it stands still); the caller saves MOMENTS."""
    held.due_at = arithmetic.due_moment(running)
    warns = held.warn_before_seconds > 0 and held.due_at is not None
    held.warn_at = arithmetic.moment_of(running, held.target_seconds - held.warn_before_seconds) if warns else None
    # A paused clock goes on depending on the year it was due in.
    if held.due_at is not None:
        held.unconfirmed_year = first_unconfirmed_year(held.calendar_version, held.started_at, held.due_at)


def place_steps(held: Clock) -> None:
    """Work out anew when the further steps of a clock come; what has been told stays told."""
    if not held.rule.get("steps"):
        return
    running = running_of(held)
    for step in ClockStep.unscoped.filter(clock=held, told_at__isnull=True):
        step.after_seconds = after_seconds(held.rule["steps"][step.number]["at"], held.target_seconds)
        step.at = None if held.paused_at else arithmetic.moment_of(running, step.after_seconds)
        step.save(update_fields=["after_seconds", "at"])


def log_clock(held: Clock, action: str, actor: Actor, data: Mapping[str, Any]) -> None:
    """The audit line of something a person decided about a clock, in the chain of its subject."""
    record(
        actor_id=actor.user_id,
        action=action,
        chain=held.chain,
        site_id=held.site_id,
        data={"clock": held.pk, "key": held.key, "name": held.name, **data},
    )


def _lay_out_steps(held: Clock) -> None:
    steps = further_steps(held.rule.get("steps") or ())
    if not steps:
        return
    running = running_of(held, [])
    rows = []
    for number, at in steps:
        seconds = after_seconds(at, held.target_seconds)
        moment = arithmetic.moment_of(running, seconds)
        rows.append(ClockStep(clock=held, number=number, after_seconds=seconds, at=moment))
    ClockStep.unscoped.bulk_create(rows)


def further_steps(steps: Iterable[Mapping[str, Any]]) -> list[tuple[int, str]]:
    """The steps of a rule that have a moment of their own: number and `at`; `warn` and `breach` have the clock's."""
    return [(number, step["at"]) for number, step in enumerate(steps) if step["at"] not in ("warn", "breach")]


def _open_pauses(held: Clock) -> Any:
    return ClockPause.unscoped.filter(clock=held, ended_at__isnull=True)


def _end_pauses(held: Clock, moment: datetime) -> None:
    _open_pauses(held).update(ended_at=moment)
    held.paused_at = None
