"""The bugs other systems are known for, one test each: what their users complained about does not happen here."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bihuan.kernel import clock as time
from bihuan.kernel.worktime import DAY_NAMES, Calendar, NoWorkingTime, add_working_seconds, parse_calendar
from bihuan.limits import arithmetic
from bihuan.limits.arithmetic import Pause, Running, SpanKind
from bihuan.limits.changes import move_target, reopen_clock
from bihuan.limits.clocks import pause_clock, resume_clock, start_clock, stop_clock
from bihuan.limits.due import due_clocks
from bihuan.limits.holidays import confirm_year, open_year
from bihuan.limits.models import Clock
from bihuan.limits.reading import figures_of
from tests.cast import Cast

HOUR = 3600.0
SHANGHAI = ZoneInfo("Asia/Shanghai")
OFFICE = parse_calendar("Asia/Shanghai", {day: [["08:30", "12:00"], ["13:00", "17:30"]] for day in DAY_NAMES[:5]})


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-{text}").replace(tzinfo=SHANGHAI)


def start(cast: Cast, **values: object) -> Clock:
    subject = {"subject_kind": "case", "subject_id": 7, "key": "reply", "name": "答复", "site_id": cast.yl.pk}
    return start_clock(**{**subject, "calendar": "site", **values})


def stop() -> Clock:
    stopped = stop_clock(subject_kind="case", subject_id=7, key="reply")
    assert stopped is not None
    return stopped


def test_pause_measured_on_another_calendar() -> None:
    # Paused from before lunch until after it: half an hour before and half an hour after, not two hours of the wall.
    running = Running(OFFICE, at("24 11:00"), 2 * HOUR, (Pause(at("24 11:30"), at("24 13:30")),))
    assert arithmetic.due_moment(running) == at("24 15:00")


def test_pause_lost_when_the_limit_is_replaced(cast: Cast) -> None:
    with time.frozen(at("24 09:00")):
        held = start(cast, target_seconds=2 * HOUR)
        pause_clock(held.pk, reason="等待客户", actor=cast.system)
        time.move(at("24 10:00"))
        resume_clock(held.pk, actor=cast.system)
        assert move_target(held.pk, target_seconds=3 * HOUR, reason="升级", actor=cast.system).due_at == at("24 14:00")


def test_breached_while_paused(cast: Cast) -> None:
    with time.frozen(at("24 09:00")):
        length = start(cast, target_seconds=HOUR)
        promise = start(cast, key="promise", due_at=at("24 10:00"))
        for held in (length, promise):
            pause_clock(held.pk, reason="等待客户", actor=cast.system)
        assert due_clocks(at("24 16:00")) == []


def test_a_promise_becomes_a_length_when_paused(cast: Cast) -> None:
    with time.frozen(at("24 09:00")):
        held = start(cast, due_at=at("24 16:00"), warn_share=0.5)
        pause_clock(held.pk, reason="等待客户", actor=cast.system)
        time.move(at("24 11:00"))
        resumed = resume_clock(held.pk, actor=cast.system)
        assert (resumed.due_at, resumed.warn_at) == (at("24 16:00"), at("24 13:00"))
        time.move(at("24 15:59"))
        assert stop().met is True


def test_reopened_time_counted(cast: Cast) -> None:
    with time.frozen(at("24 09:00")):
        held = start(cast, target_seconds=2 * HOUR)
        time.move(at("24 10:00"))
        stop()
        time.move(at("26 10:00"))
        reopen_clock(held.pk, policy="exclude", reason="客户又来电", actor=cast.system)
        again = Clock.unscoped.get(pk=held.pk)
        assert (figures_of(again).used_seconds, again.due_at, again.met) == (HOUR, at("26 11:00"), None)


def test_no_lunch_break() -> None:
    assert arithmetic.elapsed_seconds(Running(OFFICE, at("24 11:30"), HOUR), at("24 13:30")) == HOUR


def test_wall_clock_used_in_spite_of_business_hours(cast: Cast) -> None:
    with time.frozen(at("24 17:00")):
        assert start(cast, target_seconds=2 * HOUR).due_at == at("25 10:00")


def test_clock_runs_after_closing(cast: Cast) -> None:
    with time.frozen(at("24 09:00")):
        held = start(cast, target_seconds=2 * HOUR)
        time.move(at("24 10:00"))
        stop()
        time.move(at("27 10:00"))
        stopped = Clock.unscoped.get(pk=held.pk)
        assert (figures_of(stopped).used_seconds, figures_of(stopped).in_time) == (HOUR, True)
        assert due_clocks(at("27 10:00")) == []


def test_wrong_time_zone_at_creation(cast: Cast) -> None:
    # Created by a server that thinks in UTC, where it is still yesterday: the site's own day and hours decide.
    with time.frozen(datetime(2026, 11, 23, 23, 30, tzinfo=UTC)):
        assert start(cast, target_seconds=HOUR).due_at == at("24 09:30")


@pytest.mark.parametrize("number", range(7))
def test_week_masks_that_only_work_for_some_days(number: int) -> None:
    only = parse_calendar("Asia/Shanghai", {DAY_NAMES[number]: [["09:00", "10:00"]]})
    monday = at("23 00:00")
    due = add_working_seconds(only, monday, HOUR)
    assert due == monday + timedelta(days=number, hours=10)
    assert add_working_seconds(only, due, HOUR) == due + timedelta(days=7)


def test_holidays_nobody_confirmed(cast: Cast) -> None:
    open_year(2026, actor=cast.system)
    with time.frozen(at("24 09:00")):
        assert start(cast, target_seconds=HOUR).unconfirmed_year == 2026
        confirm_year(2026, actor=cast.system)
        assert start(cast, key="second", target_seconds=HOUR).unconfirmed_year is None


@pytest.mark.parametrize("special", [{}, {date(2026, 11, 25): ()}], ids=["never open", "closed on a date"])
def test_calendar_with_no_working_time_hanging_the_loop(special: dict[date, tuple[()]]) -> None:
    never = Calendar("Asia/Shanghai", ((),) * 7, special)
    with pytest.raises(NoWorkingTime):
        add_working_seconds(never, at("24 09:00"), 1)
    spans = arithmetic.explain(Running(never, at("24 09:00"), HOUR), at("26 09:00"))
    assert {span.kind for span in spans} == {SpanKind.CLOSED}
