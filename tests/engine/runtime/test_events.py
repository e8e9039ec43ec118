"""Events: catching, throwing, boundaries, timers, links and event sub-processes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from bihuan.engine.runtime import (
    CommandRejected,
    IncidentRaised,
    ItemClosed,
    MessageThrown,
    ServiceRequested,
    SignalThrown,
    TimerCleared,
    TimerSet,
    start_due,
)
from tests.engine.runtime.story import NOON, Story

CHINA = timezone(timedelta(hours=8))


def due(story: Story) -> datetime:
    return story.happened(TimerSet)[-1].due_at


@pytest.mark.parametrize(
    ("timer", "expected"),
    [
        ("after=PT90M", NOON + timedelta(minutes=90)),
        ("after=P1DT2H", NOON + timedelta(hours=26)),
        ("after=P1M", datetime(2026, 12, 24, 4, tzinfo=UTC)),
        ("after=P1Y", datetime(2027, 11, 24, 4, tzinfo=UTC)),
        ("after=P3M7D", datetime(2027, 3, 3, 4, tzinfo=UTC)),
        ("at=2026-12-01T09:00:00+08:00", datetime(2026, 12, 1, 1, tzinfo=UTC)),
        ("at=2026-12-01T09:00", datetime(2026, 12, 1, 1, tzinfo=UTC)),
        ("at=2026-12-01", datetime(2026, 11, 30, 16, tzinfo=UTC)),
        ("every=R3/PT1H", NOON + timedelta(hours=1)),
        ("every=R/2026-12-01T00:00:00Z/P1D", datetime(2026, 12, 1, tzinfo=UTC)),
        ('after="=duration(\\"PT\\" + string(n) + \\"M\\")"', NOON + timedelta(minutes=5)),
        ('at="=约定"', datetime(2026, 12, 3, 2, tzinfo=UTC)),
        ('after="=if n > 1 then \\"P2D\\" else \\"P1D\\""', NOON + timedelta(days=2)),
        ("after=${时长}", NOON + timedelta(minutes=7)),
    ],
)
def test_a_timer_goes_off_when_it_says(timer: str, expected: datetime) -> None:
    story = Story(f"start s\ncatch T {timer}\nuser A\ns -> T -> A", context={"timezone": "Asia/Shanghai"})
    story.start(n=5, 约定=datetime(2026, 12, 3, 2, tzinfo=UTC), 时长="PT7M")
    assert due(story) == expected
    assert story.fire("T").open == ["A"]


def test_months_are_counted_on_the_calendar() -> None:
    story = Story("start s\ncatch T after=P1M\nuser A\ns -> T -> A")
    story.now = datetime(2027, 1, 31, 12, tzinfo=UTC)
    assert due(story.start()) == datetime(2027, 2, 28, 12, tzinfo=UTC)


def test_today_is_the_day_of_the_site() -> None:
    model = 'start s\nscript C code="{今天: today()}"\nend e\ns -> C -> e'
    late = datetime(2026, 11, 24, 18, tzinfo=UTC)
    for context, zone, day in (({"timezone": "Asia/Shanghai"}, UTC, 25), (None, UTC, 24), (None, CHINA, 25)):
        story = Story(model, context=context)
        story.now = late.astimezone(zone)
        assert story.start().variables["今天"] == date(2026, 11, day)


def test_a_time_that_cannot_be_computed_is_an_incident() -> None:
    story = Story('start s\ncatch T after="=多久"\nuser A\ns -> T -> A').start()
    assert "多久" in story.happened(IncidentRaised)[0].reason
    assert story.set(多久="PT1M").retry().open == ["T"]


INTERRUPTED = "start s\nuser A\nboundary T on=A after=PT1H\nuser B\nuser C\ns -> A -> B\nT -> C"


def test_an_interrupting_timer_takes_the_work_away() -> None:
    story = Story(INTERRUPTED).start()
    assert story.open == ["A", "T"]
    story.fire("T")
    assert story.open == ["C"] and [event.outcome for event in story.happened(ItemClosed)] == ["cancelled"]


def test_completing_the_work_clears_its_timer() -> None:
    story = Story(INTERRUPTED).start().complete("A")
    assert story.open == ["B"] and story.happened(TimerCleared)
    with pytest.raises(AssertionError):
        story.fire("T")


def test_a_timer_that_does_not_interrupt_goes_off_once_beside_the_work() -> None:
    story = Story(INTERRUPTED.replace("after=PT1H", "after=PT1H nonint")).start().fire("T")
    assert story.open == ["A", "C"]
    assert story.complete("A").complete("C").complete("B").outcome == "completed"


def test_a_cycle_goes_off_as_often_as_it_says_on_its_own_grid() -> None:
    story = Story(INTERRUPTED.replace("after=PT1H", "every=R3/PT1H nonint")).start()
    story.fire("T")
    assert due(story) == NOON + timedelta(hours=2)
    story.fire("T").fire("T")
    assert story.open == ["A", "C", "C", "C"] and not story.happened(TimerSet)


def test_repetitions_missed_while_nobody_looked_are_skipped() -> None:
    story = Story(INTERRUPTED.replace("after=PT1H", "every=R/PT1H nonint")).start()
    story.later(hours=5, minutes=30).fire("T")
    assert due(story) == NOON + timedelta(hours=6)


def test_a_cycle_ends_with_the_work() -> None:
    story = Story(INTERRUPTED.replace("after=PT1H", "every=R/PT1H nonint")).start().fire("T").complete("A")
    assert story.open == ["B", "C"]


MESSAGE = "start s\nuser A\nboundary M on=A message=取消 correlation=单号 nonint\nuser B\nuser C\ns -> A -> B\nM -> C"


def test_a_message_that_does_not_interrupt_may_come_again() -> None:
    story = Story(MESSAGE).start(单号="1").message("M", 第几=1).message("M", 第几=2)
    assert story.open == ["A", "C", "C", "M"] and story.variables["第几"] == 2


def test_an_interrupting_message_takes_the_work_away() -> None:
    assert Story(MESSAGE.replace(" nonint", "")).start(单号="1").message("M").open == ["C"]


def test_signals_are_caught_at_the_boundary_and_between() -> None:
    model = "start s\nuser A\nboundary X on=A signal=停业\ncatch Y signal=开业\nuser C\ns -> A\nX -> Y -> C"
    assert Story(model).start().signal("X").signal("Y", 天=1).open == ["C"]


def test_throwing_a_message_or_signal_goes_on_at_once() -> None:
    model = """
    start s
    throw M message=到货 correlation=单号
    throw S signal=开业
    | <extensionElements><bihuan:input source="1 + 1" target="n"/></extensionElements>
    end e message=办结
    s -> M -> S -> e
    """
    story = Story(model).start(单号=7)
    assert story.happened(MessageThrown) == [MessageThrown("M", "到货", "7"), MessageThrown("e", "办结")]
    assert story.happened(SignalThrown) == [SignalThrown("S", "开业", {"n": 2})]
    assert story.outcome == "completed" and "n" not in story.variables


def test_a_message_end_event_with_a_service_waits_for_it() -> None:
    story = Story("start s\nend e message=m service=send_sms\ns -> e").start()
    assert story.happened(ServiceRequested)[0].service == "send_sms"
    assert story.fail("e").retry().finish("e").outcome == "completed"


def test_a_process_may_begin_with_a_message() -> None:
    model = "start p\nstart m message=来电\nuser A\nuser B\np -> A\nm -> B"
    assert Story(model).start().open == ["A"]
    story = Story(model).start("m", 号码="139")
    assert story.open == ["B"] and story.variables == {"号码": "139"}
    with pytest.raises(CommandRejected, match="没有开始事件"):
        Story(model).start("A")


def test_a_process_with_several_plain_starts_must_be_told_which() -> None:
    model = "start p\nstart q\nuser A\nuser B\np -> A\nq -> B"
    with pytest.raises(CommandRejected, match="几个开始"):
        Story(model).start()
    assert Story(model).start("q").open == ["B"]


def test_without_a_start_event_everything_nothing_leads_to_begins() -> None:
    assert Story("user A\nuser B\nuser C\nA -> C").start().open == ["A", "B"]


def test_a_timer_start_says_when_it_begins_and_when_again() -> None:
    process = Story("start s every=R2/PT1H\nuser A\ns -> A").process
    first = start_due(process, "s", NOON)
    assert first == (NOON + timedelta(hours=1), 1)
    second = start_due(process, "s", first[0], previous=first[0], left=first[1])
    assert second == (NOON + timedelta(hours=2), 0)
    assert start_due(process, "s", second[0], previous=second[0], left=second[1]) is None
    assert Story(process).start("s").open == ["A"]


def test_terminating_ends_everything_at_once() -> None:
    story = Story("start s\nand f\nuser A\nuser B\nend t terminate\ns -> f -> A -> t\nf -> B").start().complete("A")
    assert story.outcome == "terminated"


def test_terminating_inside_a_sub_process_ends_only_that() -> None:
    model = """
    start s
    sub P {
      start ps
      and f
      user A
      user B
      end t terminate
      ps -> f -> A -> t
      f -> B
    }
    user C
    s -> P -> C
    """
    assert Story(model).start().complete("A").open == ["C"]


def test_a_link_jumps_to_its_other_end() -> None:
    story = Story("start s\nthrow a link=L\ncatch b link=L\nuser A\ns -> a\nb -> A").start()
    assert story.open == ["A"] and story.path() == ["s", "a", "b", "A"]


LISTENER = """
start s
user A
user B
s -> A -> B
sub H byevent {
  start hs message=投诉 nonint
  user X
  hs -> X
}
"""


def test_an_event_sub_process_runs_beside_the_rest_as_often_as_it_is_called() -> None:
    story = Story(LISTENER).start().message("hs", 第几=1).complete("A").message("hs")
    assert story.open == ["B", "X", "X", "hs"]
    story.complete("B").complete("X")
    assert story.open == ["X", "hs"], "the process is not over while it runs"
    assert story.complete("X").outcome == "completed", "nothing is left, so nobody listens any more"


def test_an_interrupting_event_sub_process_takes_everything_else_away() -> None:
    story = Story(LISTENER.replace(" nonint", "")).start().message("hs")
    assert story.open == ["X"] and story.complete("X").outcome == "completed"


def test_an_event_sub_process_inside_a_sub_process_goes_with_it() -> None:
    model = """
    start s
    sub P {
      start ps
      user A
      ps -> A
      sub H byevent {
        start hs after=PT1H
        user X
        hs -> X
      }
    }
    user B
    s -> P -> B
    """
    assert Story(model).start().complete("A").open == ["B"]
    story = Story(model).start().fire("hs")
    assert story.open == ["X"] and story.complete("X").open == ["B"]


def test_cancelling_leaves_nothing_behind() -> None:
    story = Story(LISTENER).start().message("hs").cancel()
    assert story.outcome == "cancelled"
    with pytest.raises(CommandRejected, match="已经结束"):
        story.cancel()
