"""What a stored clock shows: the one place from which screens, stamps, reports and assessments take their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bihuan.kernel import clock as time
from bihuan.limits import arithmetic
from bihuan.limits.arithmetic import ExplainedSpan, Pause, Running
from bihuan.limits.calendars import calendar_of
from bihuan.limits.models import Clock, ClockPause


@dataclass(frozen=True)
class Figures:
    """A clock in numbers at one moment. `in_time` is None while it is undecided (running, or dropped)."""

    target_seconds: float
    used_seconds: float
    remaining_seconds: float
    due_at: datetime | None
    breached_at: datetime | None
    in_time: bool | None
    paused_for: str = ""

    @property
    def over_seconds(self) -> float:
        """How far beyond the target; zero in time."""
        return max(-self.remaining_seconds, 0.0)


def running_of(held: Clock, pauses: Sequence[ClockPause] | None = None) -> Running:
    """The plain values of a stored clock for the functions of `arithmetic`."""
    rows = list(ClockPause.unscoped.filter(clock=held).select_related("by")) if pauses is None else pauses
    return Running(
        calendar=calendar_of(held.calendar_version),
        started_at=held.started_at,
        target_seconds=held.target_seconds,
        pauses=arithmetic.apart(
            [Pause(row.started_at, row.ended_at, row.reason, row.cause, row.by.name if row.by else "") for row in rows]
        ),
        stopped_at=held.stopped_at,
        due_fixed=held.due_fixed_at,
    )


def figures_of(held: Clock, at: datetime | None = None, pauses: Sequence[ClockPause] | None = None) -> Figures:
    """The numbers of a clock at a moment (now); of a stopped one, those it stopped with."""
    moment = time.whole_second(at or time.now())
    running = running_of(held, pauses)
    breached = arithmetic.breached_at(running, moment) or held.breached_at
    open_pause = running.pauses[-1] if running.pauses and running.pauses[-1].end is None else None
    return Figures(
        target_seconds=held.target_seconds,
        used_seconds=arithmetic.elapsed_seconds(running, moment),
        remaining_seconds=arithmetic.remaining_seconds(running, moment),
        # What has stopped shows when it would have been due.
        due_at=arithmetic.due_moment(replace(running, stopped_at=None)) or held.due_at,
        breached_at=breached,
        in_time=held.met if held.stopped_at else (False if breached else None),
        paused_for=open_pause.reason if open_pause else "",
    )


def explain(held: Clock, at: datetime | None = None) -> list[ExplainedSpan]:
    """Why the clock shows what it shows: every counted and skipped stretch so far, with its reason."""
    return arithmetic.explain(running_of(held), time.whole_second(at or time.now()))
