"""The further steps of a clock: when they come, and claiming those that are due.

A step's `at` is "50%" of the target, "-10m" before it, "breach+30m" after it, or "+5m" from the start.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Min

from bihuan.kernel import clock as time
from bihuan.limits.durations import parse_duration
from bihuan.limits.models import STEP_STILL_TO_TELL, Clock, ClockStep

BATCH = 200
WARN, BREACH = "warn", "breach"
_SHARE = re.compile(r"(\d{1,4}(?:\.\d{1,3})?)%")


@dataclass(frozen=True)
class DueStep:
    """A step whose consequences are to be carried out now; it is never answered again."""

    step: ClockStep
    clock: Clock

    @property
    def consequences(self) -> dict[str, Any]:
        """What the rule the clock started with says is to be done."""
        found: dict[str, Any] = self.clock.rule["steps"][self.step.number]
        return found


def after_seconds(at: str, target_seconds: float) -> float:
    """Counted seconds from the start to a step. Raises ValueError for what is not one."""
    share = _SHARE.fullmatch(at)
    if share:
        return target_seconds * float(share[1]) / 100
    sign, length = (at[:1], at[1:]) if at[:1] in "+-" else ("", at)
    if at.startswith("breach+"):
        return target_seconds + parse_duration(at.removeprefix("breach+"))
    if sign == "-":
        return max(target_seconds - parse_duration(length), 0.0)
    if sign == "+":
        return float(parse_duration(length))
    raise ValueError(f"不是时限步骤：{at}")


@transaction.atomic
def due_steps(now: datetime | None = None, *, limit: int = BATCH) -> list[DueStep]:
    """Claim the steps that are due, in the order of their moments, and mark them done in the caller's transaction.

    Steps after the breach come once the clock is past them, like the breach itself. Rows another worker holds are
    skipped.
    """
    moment = now or time.now()
    rows = (
        ClockStep.unscoped.select_for_update(skip_locked=True, of=("self",))
        .filter(STEP_STILL_TO_TELL, at__lt=moment + timedelta(microseconds=1))
        .order_by("at", "pk")[:limit]
    )
    found = list(rows)
    ClockStep.unscoped.filter(pk__in=[step.pk for step in found]).update(told_at=moment)
    clocks = Clock.unscoped.in_bulk([step.clock_id for step in found])
    return [DueStep(step, clocks[step.clock_id]) for step in found]


def next_step_moment() -> datetime | None:
    """When the next step comes; None when none waits. One look into an index."""
    moment: datetime | None = ClockStep.unscoped.filter(STEP_STILL_TO_TELL).aggregate(first=Min("at"))["first"]
    return moment
