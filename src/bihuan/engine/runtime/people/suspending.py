"""Standing still, and going on later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bihuan.engine.runtime.commands import CommandRejected
from bihuan.engine.runtime.people import commands as c
from bihuan.engine.runtime.people.events import InstanceResumed, InstanceSuspended, MessageKept, TimerMoved
from bihuan.engine.runtime.run import Run
from bihuan.engine.runtime.state import Wait

MAX_KEPT = 200
"""Messages kept for one suspended instance."""


def suspend(run: Run, _command: c.Suspend) -> None:
    """Stand still from now on."""
    run.emit(InstanceSuspended(run.now))


def resume_instance(run: Run, _command: c.Resume) -> None:
    """Go on. A timer that measures a span has as much left as when the instance was suspended; one for a given date
    keeps it, and goes off at once if it has passed."""
    since = run.state.suspended_at
    if run.state.status != "suspended" or since is None:
        raise CommandRejected("流程没有挂起")
    kept = [*run.state.kept]
    run.emit(InstanceResumed(since))
    for wait in list(run.state.waits.values()):
        event = run.process.nodes[wait.node].event
        spec = event.all_parts[wait.part] if event is not None and wait.kind == "timer" else None
        dated = spec is not None and spec.timer is not None and spec.timer.kind == "date"
        if wait.kind == "timer" and wait.due_at is not None and not dated and run.now > since:
            run.emit(TimerMoved(wait.id, wait.due_at + (run.now - since)))
    for number, values in kept:
        held = run.state.waits.get(number)
        if held is not None:
            node = run.process.nodes[held.node]
            run.element(node).answer(run, node, held, values)


def keep_message(run: Run, wait: Wait, values: Mapping[str, Any]) -> None:
    """What comes while the instance stands still comes to it when it goes on."""
    if len(run.state.kept) >= MAX_KEPT:
        raise CommandRejected("流程已挂起，恢复后才能继续")
    run.emit(MessageKept(wait.id, dict(values)))
