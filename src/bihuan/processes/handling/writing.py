"""The rows that follow from what people did: whose turn an item is, who was asked by whom, timers that stand still."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import F

from bihuan.accounts.models import User
from bihuan.engine.runtime import (
    AskOpened,
    Event,
    InstanceMigrated,
    InstanceResumed,
    InstanceSuspended,
    ItemParked,
    ItemResumed,
    PersonAsked,
    TimerMoved,
    parked_by,
)
from bihuan.kernel import clock
from bihuan.processes.models import NEVER, Job, WorkItem
from bihuan.processes.rows import Loaded

TIMER = "timer"
ASKED_AS = {"before": "先看（前加签）", "after": "再签（后加签）", "delegate": "代办（委派）"}
_PEOPLE: frozenset[type[Event]] = frozenset(
    {AskOpened, InstanceMigrated, InstanceResumed, InstanceSuspended, ItemParked, ItemResumed, TimerMoved}
)


def write_what_people_did(instance: Loaded) -> None:
    """After the rows of a step are written: those that only people's operations, or another version, change.

    Most steps have none.
    """
    events = [event for event in instance.events if type(event) in _PEOPLE]
    if not events:
        return
    turned = {event.wait for event in events if isinstance(event, (ItemParked, ItemResumed))}
    kinds = {type(event) for event in events}
    _turns(instance, turned, everywhere=bool(kinds & {InstanceSuspended, InstanceResumed}))
    for event in events:
        if isinstance(event, AskOpened):
            _asked(instance, event)
        elif isinstance(event, TimerMoved):
            moved = Job.objects.filter(instance_id=instance.id, kind=TIMER, wait=event.wait)
            moved.update(due_at=event.due_at, run_at=event.due_at)
    _stand_or_go_on(instance, events)


def _stand_or_go_on(instance: Loaded, events: Iterable[Event]) -> None:
    """What is due for a suspended instance waits for it. Timers have been moved by the engine then (`TimerMoved`);
    whatever else is due later comes later by the pause."""
    jobs = Job.objects.filter(instance_id=instance.id)
    if instance.state.status == "suspended":
        jobs.update(run_at=NEVER)
        return
    for event in events:
        if isinstance(event, InstanceResumed):
            resting = jobs.filter(run_at=NEVER)
            if event.since is not None:
                pause = clock.now() - event.since
                resting.exclude(kind=TIMER).update(due_at=F("due_at") + pause)
            resting.update(run_at=F("due_at"))


def _turns(instance: Loaded, waits: set[int], *, everywhere: bool) -> None:
    state = instance.state
    asked_for = {wait.id for wait in state.waits.values() if wait.kind == "item" and (everywhere or wait.id in waits)}
    resting = {wait for wait in asked_for if state.status == "suspended" or parked_by(state, wait)}
    live = WorkItem.unscoped.filter(instance_id=instance.id, completed_at__isnull=True)
    if resting:
        live.filter(wait__in=resting).update(status=WorkItem.Status.WAITING)
    if asked_for - resting:
        live.filter(wait__in=asked_for - resting).update(status=WorkItem.Status.OPEN)


def _asked(instance: Loaded, opened: AskOpened) -> None:
    asked = instance.state.asks.get(opened.ask)
    if asked is None:
        # Answered within the same step, or taken back.
        told = (event for event in instance.events if isinstance(event, PersonAsked) and event.ask == opened.ask)
        first = next(told, None)
        if first is None:
            return
        mode, asker = first.mode, first.asker
    else:
        mode, asker = asked.mode, asked.asker
    name = User.objects.values_list("name", flat=True).filter(pk=asker).first() or "同事"
    WorkItem.unscoped.filter(instance_id=instance.id, wait=opened.item).update(
        asked_by_id=asker, asked_as=mode, why=f"{name}请您{ASKED_AS[mode]}"
    )
