from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bihuan.kernel.worktime import Calendar, always_open, parse_calendar
from bihuan.limits import arithmetic
from bihuan.limits.arithmetic import Pause, Running, SpanKind

SHANGHAI = ZoneInfo("Asia/Shanghai")
CENTRE = parse_calendar(
    "Asia/Shanghai", {day: [["08:30", "12:00"], ["13:00", "17:30"]] for day in ("mon", "tue", "wed", "thu", "fri")}
)
MINUTE = timedelta(minutes=1)
HOUR = 3600.0


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-{text}").replace(tzinfo=SHANGHAI)


def minutes_counted(running: Running, until: datetime) -> int:
    """The oracle: every minute is looked at by itself, open and not paused or not."""
    count, moment = 0, running.started_at.astimezone(UTC)
    last = until if running.stopped_at is None else min(until, running.stopped_at)
    while moment < last:
        here = moment.astimezone(ZoneInfo(running.calendar.zone))
        minute = here.hour * 60 + here.minute
        is_open = any(part.start <= minute < part.end for part in running.calendar.intervals_on(here.date()))
        paused = any(pause.start <= moment and (pause.end is None or moment < pause.end) for pause in running.pauses)
        count += is_open and not paused
        moment += MINUTE
    return count


@st.composite
def clocks(draw: st.DrawFn) -> tuple[Running, datetime]:
    start = datetime(2026, 11, 20, tzinfo=UTC) + timedelta(minutes=draw(st.integers(0, 4000)))
    marks = sorted(draw(st.lists(st.integers(0, 6000), max_size=6, unique=True)))
    ends: list[int | None] = [*marks[1::2]]
    if len(marks) % 2:
        ends.append(None)
    pauses = tuple(
        Pause(start + timedelta(minutes=begin), None if end is None else start + timedelta(minutes=end))
        for begin, end in zip(marks[::2], ends, strict=True)
    )
    calendar = draw(st.sampled_from([CENTRE, always_open()]))
    running = Running(calendar, start, draw(st.integers(0, 1500)) * 60.0, pauses)
    return running, start + timedelta(minutes=draw(st.integers(0, 8000)))


@settings(max_examples=80, deadline=None)
@given(clocks())
def test_elapsed_agrees_with_counting_every_minute(case: tuple[Running, datetime]) -> None:
    running, until = case
    assert arithmetic.elapsed_seconds(running, until) == 60 * minutes_counted(running, until)


@settings(max_examples=80, deadline=None)
@given(clocks())
def test_the_due_moment_is_when_the_target_is_used_up(case: tuple[Running, datetime]) -> None:
    running, _ = case
    due = arithmetic.due_moment(running)
    if due is None:
        assert running.pauses[-1].end is None
        assert arithmetic.remaining_seconds(running, running.started_at + timedelta(days=30)) > 0
    else:
        assert arithmetic.elapsed_seconds(running, due) == running.target_seconds
        if running.target_seconds:
            before = arithmetic.elapsed_seconds(running, due - timedelta(seconds=1))
            assert before < running.target_seconds


@settings(max_examples=80, deadline=None)
@given(clocks())
def test_the_explanation_covers_the_whole_life_without_gaps_and_sums_up(case: tuple[Running, datetime]) -> None:
    running, until = case
    assume(until > running.started_at)
    spans = arithmetic.explain(running, until)
    assert spans[0].start == running.started_at
    assert spans[-1].end == until
    assert all(first.end == second.start for first, second in pairwise(spans))
    counted = sum(span.seconds for span in spans if span.kind is SpanKind.COUNTED)
    assert counted == arithmetic.elapsed_seconds(running, until)


@settings(max_examples=80, deadline=None)
@given(clocks())
def test_a_clock_is_breached_exactly_when_more_than_the_target_has_passed(case: tuple[Running, datetime]) -> None:
    running, until = case
    breached = arithmetic.breached_at(running, until) is not None
    if arithmetic.elapsed_seconds(running, until) > running.target_seconds:
        assert breached
    elif arithmetic.elapsed_seconds(running, until) < running.target_seconds:
        assert not breached


def test_a_pause_over_the_lunch_break_takes_nothing_off_twice() -> None:
    running = Running(CENTRE, at("24 11:00"), 2 * HOUR, (Pause(at("24 11:30"), at("24 13:30")),))
    assert arithmetic.due_moment(running) == at("24 15:00")


def test_a_pause_outside_opening_hours_changes_nothing() -> None:
    plain = Running(CENTRE, at("24 17:00"), HOUR)
    paused = Running(CENTRE, at("24 17:00"), HOUR, (Pause(at("24 19:00"), at("25 07:00")),))
    assert arithmetic.due_moment(plain) == arithmetic.due_moment(paused) == at("25 09:00")


def test_a_paused_clock_is_never_due() -> None:
    running = Running(always_open(), at("24 09:00"), HOUR, (Pause(at("24 09:30"), None),))
    assert arithmetic.due_moment(running) is None
    assert arithmetic.breached_at(running, at("30 09:00")) is None
    assert arithmetic.remaining_seconds(running, at("30 09:00")) == HOUR / 2


def test_a_clock_already_over_stays_breached_through_a_pause() -> None:
    running = Running(always_open(), at("24 09:00"), HOUR, (Pause(at("24 11:00"), None),))
    assert arithmetic.breached_at(running, at("24 12:00")) == at("24 10:00")


def test_the_last_instant_is_in_time_and_the_next_is_not() -> None:
    running = Running(always_open(), at("24 09:00"), HOUR)
    assert arithmetic.breached_at(running, at("24 10:00")) is None
    assert arithmetic.breached_at(running, at("24 10:00") + timedelta(microseconds=1)) == at("24 10:00")


def test_time_after_the_stop_does_not_count() -> None:
    running = Running(always_open(), at("24 09:00"), HOUR, stopped_at=at("24 09:40"))
    assert arithmetic.elapsed_seconds(running, at("25 09:00")) == 2400
    assert arithmetic.breached_at(running, at("25 09:00")) is None
    kinds = [(span.kind, span.end) for span in arithmetic.explain(running, at("25 09:00"))]
    assert kinds == [(SpanKind.COUNTED, at("24 09:40")), (SpanKind.AFTER, at("25 09:00"))]


def test_started_after_closing_counts_from_the_next_morning() -> None:
    running = Running(CENTRE, at("24 20:00"), HOUR)
    assert arithmetic.due_moment(running) == at("25 09:30")
    assert [span.kind for span in arithmetic.explain(running, at("25 09:00"))] == [SpanKind.CLOSED, SpanKind.COUNTED]


def test_a_calendar_that_never_opens_makes_a_clock_that_is_never_due() -> None:
    running = Running(Calendar("Asia/Shanghai", ((),) * 7), at("24 09:00"), HOUR)
    assert arithmetic.due_moment(running) is None
    assert arithmetic.elapsed_seconds(running, at("30 09:00")) == 0


@pytest.mark.parametrize("target", [0.0, -5.0])
def test_a_target_of_nothing_is_due_at_once(target: float) -> None:
    assert arithmetic.due_moment(Running(CENTRE, at("24 20:00"), target)) == at("24 20:00")
