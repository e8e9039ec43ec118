"""The arithmetic of a clock: plain values in, plain values out.

Pauses are measured on the same calendar as the clock itself: a pause over the lunch break takes nothing off twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bihuan.kernel import worktime
from bihuan.kernel.worktime import Calendar, NoWorkingTime, Why


class SpanKind(StrEnum):
    COUNTED = "counted"
    PAUSED = "paused"
    CLOSED = "closed"
    AFTER = "after"


@dataclass(frozen=True)
class Pause:
    """Stood still from `start` to `end`; `end` None while it lasts. `cause` and `by` say on whose account."""

    start: datetime
    end: datetime | None
    reason: str = ""
    cause: str = ""
    by: str = ""


@dataclass(frozen=True)
class Running:
    """What a clock needs for its arithmetic. `pauses` are in order and do not overlap (see `apart`).

    `due_fixed` is a promised moment: it stays where it is whatever happens; `target_seconds` is then the time that lay
    between start and promise.
    """

    calendar: Calendar
    started_at: datetime
    target_seconds: float
    pauses: tuple[Pause, ...] = ()
    stopped_at: datetime | None = None
    due_fixed: datetime | None = None


@dataclass(frozen=True)
class ExplainedSpan:
    """A stretch of the clock's life: counted, paused, outside of working time, or after the stop; and why.

    `why` is what the calendar says of a counted or closed stretch, `reason` names the holiday or gives the reason of a
    pause, `by` who paused.
    """

    start: datetime
    end: datetime
    kind: SpanKind
    reason: str = ""
    why: Why | None = None
    cause: str = ""
    by: str = ""

    @property
    def seconds(self) -> float:
        return (self.end - self.start).total_seconds()


def apart(pauses: Sequence[Pause]) -> tuple[Pause, ...]:
    """Pauses that may overlap (two causes at once) in order and without overlap; the earlier begun has the stretch."""
    found: list[Pause] = []
    position: datetime | None = None
    for pause in sorted(pauses, key=lambda one: one.start):
        start = pause.start if position is None else max(pause.start, position)
        if found and found[-1].end is None:
            break
        if pause.end is not None and pause.end <= start:
            continue
        found.append(Pause(start, pause.end, pause.reason, pause.cause, pause.by))
        position = pause.end
    return tuple(found)


def elapsed(running: Running, at: datetime) -> timedelta:
    """Counted time up to `at` (or up to the stop), without pauses and closed time; exact."""
    counted = timedelta()
    for start, end in _running_stretches(running, at):
        counted += worktime.working_time_between(running.calendar, start, end)
    return counted


def elapsed_seconds(running: Running, at: datetime) -> float:
    """Counted seconds up to `at` (or up to the stop)."""
    return elapsed(running, at).total_seconds()


def remaining_seconds(running: Running, at: datetime) -> float:
    """What is left of the target at `at` (or at the stop); negative once overdue.

    Up to a promised moment it is the working time until then.
    """
    if running.due_fixed is None:
        return running.target_seconds - elapsed_seconds(running, at)
    last = _last(running, at)
    left = worktime.working_seconds_between(running.calendar, last, running.due_fixed)
    return left or -worktime.working_seconds_between(running.calendar, running.due_fixed, last)


def moment_of(running: Running, seconds: float) -> datetime | None:
    """The moment at which `seconds` had been or will have been counted, if nothing changes from here on.

    None when the clock stands still before it gets there: paused, stopped, or on a calendar that never opens. With a
    promised moment it is measured back from the promise, pauses or not.
    """
    if running.due_fixed is not None:
        return _moment_before_promise(running, seconds)
    left = timedelta(seconds=max(seconds, 0.0))
    for start, end in _stretches(running):
        try:
            moment = worktime.add_working_seconds(running.calendar, start, left.total_seconds())
        except NoWorkingTime:
            moment = None
        if moment is not None and (end is None or moment <= end):
            return moment
        if end is None:
            return None
        left -= worktime.working_time_between(running.calendar, start, end)
    return None


def due_moment(running: Running) -> datetime | None:
    """When the target is (or was) used up; see `moment_of`."""
    return moment_of(running, running.target_seconds)


def breached_at(running: Running, at: datetime) -> datetime | None:
    """The moment the target was passed, None while it has not been. The target's own last instant is in time."""
    due = due_moment(running)
    return due if due is not None and _last(running, at) > due else None


def explain(running: Running, at: datetime) -> list[ExplainedSpan]:
    """Every stretch from the start to `at`, in order, without gaps: why the time is what it is.

    The counted stretches add up exactly to `elapsed`.
    """
    last = _last(running, at)
    spans: list[ExplainedSpan] = []
    position = running.started_at
    for pause in running.pauses:
        if pause.start >= last:
            break
        spans.extend(_open_and_closed(running.calendar, position, pause.start))
        position = last if pause.end is None else min(pause.end, last)
        if position > pause.start:
            paused = ExplainedSpan(pause.start, position, SpanKind.PAUSED, pause.reason, cause=pause.cause, by=pause.by)
            spans.append(paused)
    spans.extend(_open_and_closed(running.calendar, position, last))
    if last < at:
        spans.append(ExplainedSpan(last, at, SpanKind.AFTER))
    return spans


def _open_and_closed(calendar: Calendar, start: datetime, end: datetime) -> Iterator[ExplainedSpan]:
    for part in worktime.day_parts(calendar, start, end):
        kind = SpanKind.COUNTED if part.is_open else SpanKind.CLOSED
        yield ExplainedSpan(part.start, part.end, kind, part.note, part.why)


def _moment_before_promise(running: Running, seconds: float) -> datetime | None:
    assert running.due_fixed is not None
    before = running.target_seconds - seconds
    try:
        if before >= 0:
            early = worktime.subtract_working_seconds(running.calendar, running.due_fixed, before)
            moment = max(early, running.started_at) if before else running.due_fixed
        else:
            moment = worktime.add_working_seconds(running.calendar, running.due_fixed, -before)
    except NoWorkingTime:
        return running.started_at if before > 0 else None
    still = running.pauses[-1] if running.pauses and running.pauses[-1].end is None else None
    return None if still is not None and moment >= still.start else moment


def _last(running: Running, at: datetime) -> datetime:
    return at if running.stopped_at is None else min(at, running.stopped_at)


def _stretches(running: Running) -> Iterator[tuple[datetime, datetime | None]]:
    """The stretches in which the clock runs; the last one has no end while it is running."""
    position = running.started_at
    for pause in running.pauses:
        yield position, pause.start
        if pause.end is None:
            return
        position = pause.end
    yield position, running.stopped_at


def _running_stretches(running: Running, at: datetime) -> list[tuple[datetime, datetime]]:
    last = _last(running, at)
    return [(start, last if end is None else min(end, last)) for start, end in _stretches(running) if start < last]
