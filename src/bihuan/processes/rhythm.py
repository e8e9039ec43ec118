"""How often a timer may repeat in what is published: one that does so every second would keep the workers busy.

The bound is `BIHUAN_LEAST_RHYTHM_SECONDS`. What is only rehearsed may repeat as it likes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from django.conf import settings

from bihuan.engine.definition import Model, Node, Problem, Process, TimerSpec
from bihuan.engine.definition.iso8601 import BadTime, Cycle, later, timer_value
from bihuan.engine.feel import FeelError
from bihuan.engine.runtime import Event, TimerSet
from bihuan.kernel import clock
from bihuan.processes.models import Job


def least_rhythm() -> timedelta:
    """The shortest time after which a published timer may go off again."""
    return timedelta(seconds=settings.BIHUAN_LEAST_RHYTHM_SECONDS)


def problems_of_rhythm(model: Model) -> Iterator[Problem]:
    """Each timer of a file that says it repeats sooner. What is computed from data is held back when it runs."""
    least, now = least_rhythm(), clock.now()
    for process in model.processes.values():
        for node in process.nodes.values():
            parts = node.event.all_parts if node.event is not None and _repeats(node, process) else ()
            for timer in (part.timer for part in parts if part.timer is not None):
                if _is_short(_cycle(timer, now), least, now):
                    bound = f"两次之间至少 {least.total_seconds():.0f} 秒"
                    reason = f"定时「{node.label}」重复得太密（{timer.text}）：{bound}"
                    yield Problem(model.source, node.line, node.kind, node.id, reason, "too-often")


def _repeats(node: Node, process: Process) -> bool:
    """Whether a cycle counts here: other events happen once and are over."""
    begins = node.id in process.levels[""].triggers
    return begins or (node.kind in ("startEvent", "boundaryEvent") and not node.interrupting)


def _is_short(cycle: Cycle | None, least: timedelta, now: datetime) -> bool:
    if cycle is not None:
        with suppress(BadTime):  # so long that no calendar holds it
            return later(now, cycle.every, UTC) - now < least
    return False


def _cycle(timer: TimerSpec, now: datetime) -> Cycle | None:
    """The repetition of a timer, as far as the file gives it."""
    value = timer.fixed
    if timer.expression is not None and not timer.expression.names:
        with suppress(FeelError, BadTime):
            value = timer_value(timer.kind, timer.expression.evaluate({}, now=now))
    return value if isinstance(value, Cycle) else None


def hold_back(instance_id: int, node_id: str, events: list[Event]) -> None:
    """A timer that has gone off and is set to go off again rests for the least rhythm, whatever its data says."""
    soonest = clock.now() + least_rhythm()
    again = [event.wait for event in events if isinstance(event, TimerSet) and event.node == node_id
             if event.left != 0 and event.due_at < soonest]  # fmt: skip
    if again:
        Job.objects.filter(instance_id=instance_id, kind="timer", wait__in=again).update(run_at=soonest)
