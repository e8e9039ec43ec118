"""The telephone rings, is picked up, is hung up; and the clock that runs while it rings (AUTO-02)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction

from bihuan.limits import clocks
from bihuan.limits.models import Clock
from bihuan.limits.rulebook import rule_of
from bihuan.org.actor import Actor
from bihuan.processes.version_limits import limits_in_force
from bihuan.records import calls
from bihuan.records.models import CallLog

CALL = "call"
CALL_ANSWER = "call_answer"


@transaction.atomic
def let_ring(*, actor: Actor, phone: str, at: datetime | None = None, **known: Any) -> CallLog:
    """An inbound call rings: from now on the limit for answering runs, if the rule book has one."""
    call = calls.ring(actor=actor, phone=phone, at=at, **known)
    limit = limits_in_force().get(CALL_ANSWER)
    if limit is not None and not Clock.unscoped.filter(subject_kind=CALL, subject_id=call.pk).exists():
        target = limit.target_of({}, call.ringing_at)
        clocks.start_clock(
            subject_kind=CALL,
            subject_id=call.pk,
            key=limit.key,
            name=limit.name,
            site_id=call.site_id,
            target_seconds=target.seconds,
            due_at=target.due_at,
            warn_share=limit.warn_share,
            escalate_to=limit.escalate_to,
            calendar=limit.calendar_key({}),
            started_at=call.ringing_at,
            role=limit.role,
            rule=rule_of(limit),
        )
    return call


@transaction.atomic
def pick_up(call_id: int, *, actor: Actor, at: datetime | None = None) -> CallLog:
    """Somebody answers: in time or not is decided."""
    call = calls.answer(call_id, actor=actor, at=at)
    clocks.stop_clock(
        subject_kind=CALL, subject_id=call.pk, key=CALL_ANSWER, at=call.answered_at, person_id=actor.user_id
    )
    return call


@transaction.atomic
def put_down(call_id: int, *, actor: Actor, at: datetime | None = None) -> CallLog:
    """The call ends. A caller who gave up within the limit was neither answered in time nor kept waiting beyond it."""
    call = calls.hang_up(call_id, actor=actor, at=at)
    held = clocks.running_clock(CALL, call.pk, CALL_ANSWER)
    if held is not None and held.due_at is not None and call.ended_at is not None and call.ended_at <= held.due_at:
        clocks.drop_clocks(subject_kind=CALL, subject_id=call.pk, key=CALL_ANSWER, reason="对方挂断", actor=actor)
    elif held is not None:
        clocks.stop_clock(subject_kind=CALL, subject_id=call.pk, key=CALL_ANSWER, at=call.ended_at)
    return call
