"""What people decide about a clock: another promise agreed, standing still, going on, taking it up again.

The people and process timers that depend on the clock follow it. The repair clock has its own way to pause
(`repair_pause`), because technicians may.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from bihuan.kernel.errors import NotFound
from bihuan.limits import changes, clocks
from bihuan.limits.definition import LimitDefinition
from bihuan.limits.models import Clock
from bihuan.limits.rulebook import definition_of
from bihuan.operations.effects.workshop import REPAIR
from bihuan.operations.registry import under_process
from bihuan.operations.timing.clock_following import CASE, ITEM, items_follow
from bihuan.operations.timing.repair_pause import move_repair_timers
from bihuan.org.actor import Actor
from bihuan.records.cases import change_case

ACTION = "case.manage"


@transaction.atomic
def agree_target(
    clock_id: int, *, actor: Actor, reason: str, hours: float | None = None, due_at: datetime | None = None
) -> Clock:
    """A promise changed by agreement: another length in hours counted from the start, or another moment; with why."""
    _permitted(clock_id, actor)
    seconds = None if hours is None else hours * 3600
    moved = changes.move_target(clock_id, target_seconds=seconds, due_at=due_at, reason=reason, actor=actor)
    return _followed(moved, actor)


@transaction.atomic
def pause_limit(clock_id: int, *, actor: Actor, reason: str) -> Clock:
    """Let a clock stand still, with why."""
    _permitted(clock_id, actor)
    return _followed(clocks.pause_clock(clock_id, reason=reason, actor=actor), actor)


@transaction.atomic
def resume_limit(clock_id: int, *, actor: Actor) -> Clock:
    """Let a clock go on that somebody had paused."""
    _permitted(clock_id, actor)
    return _followed(clocks.resume_clock(clock_id, actor=actor), actor)


@transaction.atomic
def reopen_limit(clock_id: int, *, actor: Actor, reason: str, policy: str = "") -> Clock:
    """Take up a stopped clock again, the way its rule says unless another is named; answers the one that runs now."""
    held = _permitted(clock_id, actor)
    way = policy or (_rule(held).reopen if held.rule else changes.Reopening.EXCLUDE.value)
    return _followed(changes.reopen_clock(clock_id, policy=way, reason=reason, actor=actor), actor)


def _permitted(clock_id: int, actor: Actor) -> Clock:
    held = Clock.unscoped.filter(pk=clock_id).first()
    if held is None or not (actor.is_system or held.site_id in actor.site_ids):
        raise NotFound("没有这个时限")
    actor.require(ACTION, held.site_id)
    return held


def _rule(held: Clock) -> LimitDefinition:
    return definition_of(held.rule)


def _followed(held: Clock, actor: Actor) -> Clock:
    if held.subject_kind in (CASE, ITEM):
        items_follow([held])
    if held.subject_kind == CASE and held.key == REPAIR:
        move_repair_timers(held.subject_id, held)
        promised = held.due_fixed_at or held.due_at
        if promised is not None:
            change_case(held.subject_id, actor=under_process(actor, held.site_id), agreed_done_at=promised)
    return held
