"""The arithmetic of a clock: plain values in, plain values out.

Pauses are measured on the same calendar as the clock itself: a pause over the lunch break takes nothing off twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bihuan.kernel import worktime
from bihuan.kernel.worktime import Calendar, NoWorkingTime


class SpanKind(StrEnum):
    COUNTED = "counted"
    PAUSED = "paused"
    CLOSED = "closed"


@dataclass(frozen=True)
class Pause:
    """Stood still from `start` to `end`; `end` None while it lasts."""

    start: datetime
    end: datetime | None
    reason: str = ""


@dataclass(frozen=True)
class Running:
    """What a clock needs for its arithmetic. Pauses are in order and do not overlap."""

    calendar: Calendar
    started_at: datetime
    target_seconds: float
    pauses: tuple[Pause, ...] = ()
    stopped_at: datetime | None = None


@dataclass(frozen=True)
class ExplainedSpan:
    """A stretch of the clock's life: counted, paused (with the reason) or outside opening hours."""

    start: datetime
    end: datetime
    kind: SpanKind
    reason: str = ""

    @property
    def seconds(self) -> float:
        return (self.end - self.start).total_seconds()


def elapsed_seconds(running: Running, at: datetime) -> float:
    """Counted seconds up to `at` (or up to the stop), without pauses and closed time."""
    return sum(_counted(running, start, end) for start, end in _running_stretches(running, at))


def remaining_seconds(running: Running, at: datetime) -> float:
    """Target less elapsed; negative once overdue."""
    return running.target_seconds - elapsed_seconds(running, at)


def moment_of(running: Running, seconds: float) -> datetime | None:
    """The moment at which `seconds` had been or will have been counted, if nothing changes from here on.

    None when the clock stands still before it gets there: paused, stopped, or on a calendar that never opens.
    """
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
        left -= timedelta(seconds=_counted(running, start, end))
    return None


def due_moment(running: Running) -> datetime | None:
    """When the target is (or was) used up; see `moment_of`."""
    return moment_of(running, running.target_seconds)


def breached_at(running: Running, at: datetime) -> datetime | None:
    """The moment the target was passed, None while it has not been. The target's own last instant is in time."""
    due = due_moment(running)
    last = at if running.stopped_at is None else min(at, running.stopped_at)
    return due if due is not None and last > due else None


def explain(running: Running, at: datetime) -> list[ExplainedSpan]:
    """Every stretch from the start to `at` (or the stop), in order, without gaps: why the time is what it is."""
    last = at if running.stopped_at is None else min(at, running.stopped_at)
    spans: list[ExplainedSpan] = []
    position = running.started_at
    for pause in running.pauses:
        if pause.start >= last:
            break
        spans.extend(_open_and_closed(running.calendar, position, pause.start))
        position = last if pause.end is None else min(pause.end, last)
        if position > pause.start:
            spans.append(ExplainedSpan(pause.start, position, SpanKind.PAUSED, pause.reason))
    spans.extend(_open_and_closed(running.calendar, position, last))
    return spans


def _open_and_closed(calendar: Calendar, start: datetime, end: datetime) -> Iterator[ExplainedSpan]:
    position = start
    for span in worktime.open_spans(calendar, start, end):
        if span.start > position:
            yield ExplainedSpan(position, span.start, SpanKind.CLOSED)
        yield ExplainedSpan(span.start, span.end, SpanKind.COUNTED)
        position = span.end
    if position < end:
        yield ExplainedSpan(position, end, SpanKind.CLOSED)


def _stretches(running: Running) -> Iterator[tuple[datetime, datetime | None]]:
    """The stretches in which the clock runs; the last one has no end while it is running."""
    position = running.started_at
    for pause in running.pauses:
        yield position, pause.start
        if pause.end is None:
            return
        position = pause.end
    yield position, running.stopped_at


def _running_stretches(running: Running, at: datetime) -> Sequence[tuple[datetime, datetime]]:
    last = at if running.stopped_at is None else min(at, running.stopped_at)
    return [(start, last if end is None else min(end, last)) for start, end in _stretches(running) if start < last]


def _counted(running: Running, start: datetime, end: datetime) -> float:
    return worktime.working_seconds_between(running.calendar, start, end)
