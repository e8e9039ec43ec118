"""The steps of limits whose moment has come: claimed by one worker, each carried out as a job of its own.

A job rather than at once: what a step does (giving work to others, starting a process) locks instances and items, which
by the lock rule come before clocks. A step that fails is tried again without holding up the others.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction

from bihuan.kernel import clock
from bihuan.limits.models import Clock
from bihuan.limits.steps import due_steps, next_step_moment
from bihuan.operations.timing.consequences import carry_out
from bihuan.processes.jobs import TakenJob, enqueue, run_due

CLOCK_STEP = "clock.step"
"""The kind of the job that carries out one step of a limit."""


def claim_due_steps() -> int:
    """Hand the steps that are due to the workers; answers how many. Looking first takes no lock."""
    first = next_step_moment()
    if first is None or first > clock.now():
        return 0
    with transaction.atomic():
        found = due_steps()
        for due in found:
            _hand_over(due.clock, [due.step.number])
    return len(found)


def hand_over_steps(held: Clock, at: str) -> None:
    """Hand over what the rule says is to be done at the warning or the breach, in the caller's transaction."""
    steps = held.rule.get("steps") or ()
    _hand_over(held, [number for number, step in enumerate(steps) if step["at"] == at])


def carry_out_step(job: TakenJob) -> None:
    """The handler of `CLOCK_STEP`. Nothing is done any more for a clock that was stopped in time or dropped."""
    held = Clock.unscoped.filter(pk=job.payload["clock"]).first()
    if held is not None and (held.stopped_at is None or held.breached_at is not None):
        carry_out(held.rule["steps"][job.payload["step"]], held)


def run_due_steps() -> int:
    """Claim and carry out at once: for scenarios and tests that move the clock themselves; answers how many."""
    claim_due_steps()
    return run_due(clock.now(), 100, handlers={CLOCK_STEP: carry_out_step}).taken


def _hand_over(held: Clock, numbers: Iterable[int]) -> None:
    for number in numbers:
        enqueue(CLOCK_STEP, {"clock": held.pk, "step": number}, site_id=held.site_id)
