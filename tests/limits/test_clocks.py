from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bihuan.audit.models import Entry
from bihuan.kernel import clock as time
from bihuan.kernel.errors import BusinessError, Conflict, NotFound
from bihuan.limits.arithmetic import SpanKind
from bihuan.limits.changes import move_target
from bihuan.limits.clocks import (
    drop_clocks,
    pause_clock,
    resume_clock,
    running_clocks,
    start_clock,
    stop_clock,
)
from bihuan.limits.models import Clock, ClockPause
from bihuan.limits.reading import explain, figures_of
from bihuan.org.sites import change_site
from tests.cast import Cast

HOUR = 3600.0


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-24 {text}").replace(tzinfo=ZoneInfo("Asia/Shanghai"))


@pytest.fixture
def repair(cast: Cast) -> Iterator[Clock]:
    """The repair of case 7, two hours agreed, begun at nine on a Tuesday; the clock stands at nine."""
    with time.frozen(at("09:00")):
        yield start(cast, target_seconds=2 * HOUR, warn_before_seconds=HOUR / 2)


def start(cast: Cast, **values: Any) -> Clock:
    subject = {"subject_kind": "case", "subject_id": 7, "key": "repair", "name": "维修", "site_id": cast.yl.pk}
    return start_clock(**{**subject, **values})


def stop() -> Clock:
    stopped = stop_clock(subject_kind="case", subject_id=7, key="repair")
    assert stopped is not None
    return stopped


def test_starting_works_out_when_it_warns_and_is_due(repair: Clock) -> None:
    assert (repair.warn_at, repair.due_at) == (at("10:30"), at("11:00"))


def test_on_the_opening_hours_of_the_site_lunch_does_not_count(cast: Cast) -> None:
    with time.frozen(at("11:00")):
        held = start(cast, target_seconds=2 * HOUR, calendar="site")
    assert held.due_at == at("14:00")


def test_a_change_of_opening_hours_does_not_rewrite_a_running_clock(cast: Cast) -> None:
    with time.frozen(at("11:00")):
        held = start(cast, target_seconds=2 * HOUR, calendar="site")
        change_site(cast.yl.pk, hours={}, actor=cast.actor("admin"))
    with time.frozen(at("13:30")):
        kinds = [span.kind for span in explain(Clock.unscoped.get(pk=held.pk))]
    assert kinds == [SpanKind.COUNTED, SpanKind.CLOSED, SpanKind.COUNTED]


def test_a_clock_may_run_to_a_fixed_moment(cast: Cast) -> None:
    with time.frozen(at("09:00")):
        held = start(cast, due_at=at("16:00"))
    assert (held.target_seconds, held.due_at) == (7 * HOUR, at("16:00"))


def test_the_same_limit_does_not_run_twice_on_one_subject(cast: Cast, repair: Clock) -> None:
    with pytest.raises(Conflict, match="维修"):
        start(cast, target_seconds=60)
    assert start(cast, subject_id=8, target_seconds=60).pk != repair.pk
    stop()
    assert start(cast, target_seconds=60).pk != repair.pk


def test_stopping_in_time_meets_the_limit(repair: Clock) -> None:
    time.move(at("11:00"))
    stopped = stop()
    assert (stopped.met, stopped.breached_at, stopped.stopped_at) == (True, None, at("11:00"))


def test_stopping_late_misses_it_as_of_the_due_moment(repair: Clock) -> None:
    time.move(at("11:05"))
    stopped = stop()
    assert (stopped.met, stopped.breached_at) == (False, at("11:00"))


def test_stopping_what_does_not_run_is_no_error(repair: Clock) -> None:
    stop()
    assert stop_clock(subject_kind="case", subject_id=7, key="repair") is None
    assert stop_clock(subject_kind="case", subject_id=7, key="other") is None


def test_pausing_needs_a_reason_and_is_logged_under_the_subject(cast: Cast, repair: Clock) -> None:
    technician = cast.actor("technician")
    with pytest.raises(BusinessError) as refusal:
        pause_clock(repair.pk, reason=" ", actor=technician)
    assert refusal.value.field == "reason"
    paused = pause_clock(repair.pk, reason="等待配件", actor=technician)
    assert (paused.due_at, paused.warn_at, paused.paused_at) == (None, None, at("09:00"))
    entry = Entry.objects.get(chain="case:7")
    assert (entry.action, entry.actor_id, entry.site_id) == ("clock.pause", technician.user_id, cast.yl.pk)
    assert entry.data["reason"] == "等待配件"


def test_what_was_left_is_left_after_a_pause(cast: Cast, repair: Clock) -> None:
    time.move(at("10:00"))
    pause_clock(repair.pk, reason="等待配件", actor=cast.system)
    time.move(at("13:00"))
    resumed = resume_clock(repair.pk, actor=cast.system)
    assert (resumed.due_at, resumed.warn_at) == (at("14:00"), at("13:30"))
    time.move(at("14:00"))
    assert stop().met is True


def test_a_job_stopped_while_paused_is_judged_by_what_was_counted(cast: Cast, repair: Clock) -> None:
    time.move(at("10:00"))
    pause_clock(repair.pk, reason="等待客户", actor=cast.system)
    time.move(at("18:00"))
    assert stop().met is True
    assert not ClockPause.unscoped.filter(ended_at=None).exists()


def test_pausing_after_the_target_does_not_hide_the_breach(cast: Cast, repair: Clock) -> None:
    time.move(at("11:30"))
    paused = pause_clock(repair.pk, reason="等待客户", actor=cast.system)
    assert (paused.breached_at, paused.due_at) == (at("11:00"), at("11:00"))
    assert stop().met is False


def test_pausing_twice_and_resuming_what_runs_are_conflicts(cast: Cast, repair: Clock) -> None:
    with pytest.raises(Conflict):
        resume_clock(repair.pk, actor=cast.system)
    pause_clock(repair.pk, reason="等待配件", actor=cast.system)
    with pytest.raises(Conflict):
        pause_clock(repair.pk, reason="等待配件", actor=cast.system)


def test_a_stopped_clock_cannot_be_changed(cast: Cast, repair: Clock) -> None:
    stop()
    for attempt in (
        lambda: pause_clock(repair.pk, reason="x", actor=cast.system),
        lambda: resume_clock(repair.pk, actor=cast.system),
        lambda: move_target(repair.pk, target_seconds=1, reason="x", actor=cast.system),
    ):
        with pytest.raises(Conflict):
            attempt()
    with pytest.raises(NotFound):
        pause_clock(999999, reason="x", actor=cast.system)


def test_another_target_keeps_the_pauses_so_far(cast: Cast, repair: Clock) -> None:
    time.move(at("09:30"))
    pause_clock(repair.pk, reason="等待配件", actor=cast.system)
    time.move(at("10:30"))
    resume_clock(repair.pk, actor=cast.system)
    moved = move_target(repair.pk, target_seconds=3 * HOUR, reason="客户同意增项", actor=cast.system)
    assert (moved.due_at, moved.warn_at) == (at("13:00"), at("12:30"))
    entry = Entry.objects.filter(chain="case:7").latest("seq")
    assert (entry.data["before"], entry.data["after"]) == (7200.0, 10800.0)


def test_a_longer_target_voids_a_breach_and_a_shorter_one_makes_it(cast: Cast, repair: Clock) -> None:
    time.move(at("11:30"))
    assert move_target(repair.pk, target_seconds=HOUR, reason="x", actor=cast.system).breached_at == at("10:00")
    assert move_target(repair.pk, target_seconds=4 * HOUR, reason="x", actor=cast.system).breached_at is None
    with pytest.raises(BusinessError):
        move_target(repair.pk, target_seconds=-1, reason="x", actor=cast.system)


def test_another_target_while_paused_starts_nothing(cast: Cast, repair: Clock) -> None:
    pause_clock(repair.pk, reason="等待配件", actor=cast.system)
    assert move_target(repair.pk, target_seconds=3 * HOUR, reason="x", actor=cast.system).due_at is None


def test_a_cancelled_subjects_clocks_are_neither_met_nor_missed(cast: Cast, repair: Clock) -> None:
    start(cast, key="wash", name="洗车", target_seconds=60)
    pause_clock(repair.pk, reason="等待客户", actor=cast.system)
    assert drop_clocks(subject_kind="case", subject_id=7, reason="客户取消", actor=cast.system) == 2
    repair.refresh_from_db()
    assert (repair.met, repair.breached_at) == (None, None)
    assert running_clocks("case", 7) == []


def test_the_most_urgent_clock_comes_first_and_paused_ones_last(cast: Cast, repair: Clock) -> None:
    start(cast, key="wash", name="洗车", target_seconds=60)
    start(cast, key="parts", name="备料", target_seconds=30)
    pause_clock(running_clocks("case", 7)[0].pk, reason="等待配件", actor=cast.system)
    assert [held.key for held in running_clocks("case", 7)] == ["wash", "repair", "parts"]


def test_the_explanation_names_the_pause(cast: Cast, repair: Clock) -> None:
    time.move(at("10:00"))
    pause_clock(repair.pk, reason="等待配件", actor=cast.system)
    spans = explain(repair, at("10:30"))
    assert [(span.kind, span.reason, span.seconds) for span in spans] == [
        (SpanKind.COUNTED, "", HOUR),
        (SpanKind.PAUSED, "等待配件", HOUR / 2),
    ]


def test_a_clock_needs_a_target_or_a_moment_and_not_both(cast: Cast) -> None:
    for values in ({}, {"target_seconds": 1, "due_at": time.now() + timedelta(hours=1)}):
        with pytest.raises(ValueError, match="either"):
            start(cast, **values)


@pytest.mark.parametrize("seed", range(4))
def test_what_is_shown_adds_up_to_the_second_whatever_the_parts_of_seconds(cast: Cast, seed: int) -> None:
    """Moments as pages show them, lengths between them, what is used, left and over: one set of numbers."""
    chance = Random(seed)
    with time.frozen(at("11:58") + timedelta(microseconds=chance.randrange(10**6))):
        held = start(cast, target_seconds=90, calendar="site")
        for _ in range(5):
            for deed in (pause_clock, resume_clock):
                time.move(time.now() + timedelta(seconds=chance.random() * 20))
                why = {"reason": "等件"} if deed is pause_clock else {}
                deed(held.pk, actor=cast.system, **why)
        held = Clock.unscoped.get(pk=held.pk)
        assert held.due_at is not None
        # A hundredth of a second decides as it does without any rounding.
        time.move(held.due_at + timedelta(microseconds=10**4 * (-1) ** seed))
        stopped = stop()
        spans, figures = explain(stopped), figures_of(stopped)
    assert all((f"{span.end:%H:%M:%S}" > f"{span.start:%H:%M:%S}") == (span.seconds >= 1) for span in spans)
    assert all(span.seconds == int(span.seconds) and not span.start.microsecond for span in spans)
    counted = sum(span.seconds for span in spans if span.kind == SpanKind.COUNTED)
    assert counted == figures.used_seconds == 90 + figures.over_seconds
    assert (stopped.met, figures.over_seconds) == ((True, 0) if seed % 2 else (False, 1))
