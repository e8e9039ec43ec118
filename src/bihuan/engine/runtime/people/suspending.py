"""Standing still, and going on later."""

from __future__ import annotations

from bihuan.engine.runtime.commands import CommandRejected
from bihuan.engine.runtime.people import commands as c
from bihuan.engine.runtime.people.events import InstanceResumed, InstanceSuspended, TimerMoved
from bihuan.engine.runtime.run import Run


def suspend(run: Run, _command: c.Suspend) -> None:
    """Stand still from now on."""
    run.emit(InstanceSuspended(run.now))


def resume_instance(run: Run, _command: c.Resume) -> None:
    """Go on. A timer that measures a span has as much left as when the instance was suspended; one for a given date
    keeps it, and goes off at once if it has passed."""
    since = run.state.suspended_at
    if run.state.status != "suspended" or since is None:
        raise CommandRejected("流程没有挂起")
    run.emit(InstanceResumed())
    for wait in list(run.state.waits.values()):
        event = run.process.nodes[wait.node].event
        dated = event is not None and event.timer is not None and event.timer.kind == "date"
        if wait.kind == "timer" and wait.due_at is not None and not dated and run.now > since:
            run.emit(TimerMoved(wait.id, wait.due_at + (run.now - since)))
