"""Incidents: each kind of trouble holds one token, tells why, and goes away by retry or skip."""

from __future__ import annotations

import pytest

from bihuan.engine.runtime import CommandRejected, IncidentRaised, IncidentResolved, RetryIncident, SkipIncident
from tests.engine.runtime.story import Story

PARALLEL = "start s\nand f\nservice S\nuser A\nand j\nuser B\ns -> f -> S -> j\nf -> A -> j -> B"


def test_an_incident_holds_only_its_own_branch() -> None:
    story = Story(PARALLEL).start().fail("S").complete("A")
    assert story.open == [] and len(story.state.incidents) == 1
    assert story.retry().finish("S").open == ["B"]


def test_an_incident_is_settled_once() -> None:
    story = Story(PARALLEL).start().fail("S")
    incident = story.incident
    story.retry()
    with pytest.raises(CommandRejected, match="已经处理"):
        story.do(RetryIncident(incident))


def test_a_retry_that_fails_again_is_a_new_incident() -> None:
    story = Story("start s\nuser A assignee=谁\nuser B\ns -> A -> B").start(谁=True)
    first = story.incident
    story.retry()
    assert story.happened(IncidentResolved) and story.incident > first


def test_skipping_an_entry_that_failed_goes_on_with_the_results_given() -> None:
    story = Story("start s\ncatch T after=多久\nuser A\ns -> T -> A").start().skip(x=1)
    assert story.open == ["A"] and story.variables == {"x": 1}


def test_skipping_work_that_failed_closes_its_boundary_too() -> None:
    story = (
        Story("start s\nservice S\nboundary T on=S after=PT1H\nuser A\nuser B\ns -> S -> A\nT -> B").start().fail("S")
    )
    assert story.open == ["T"], "the time goes on running while the incident waits"
    assert story.skip().open == ["A"]


def test_a_boundary_event_may_rescue_work_that_failed() -> None:
    story = (
        Story("start s\nservice S\nboundary T on=S after=PT1H\nuser A\nuser B\ns -> S -> A\nT -> B").start().fail("S")
    )
    assert story.fire("T").open == ["B"] and not story.state.incidents


def test_skipping_a_failed_output_takes_the_given_results_instead() -> None:
    model = """
    start s
    user A
    | <extensionElements><bihuan:output source="count(for i in 1..大 return i)" target="n"/></extensionElements>
    user B
    s -> A -> B
    """
    story = Story(model).start(大=1_000_000).complete("A", x=1)
    assert story.happened(IncidentRaised)[0].stage == "output"
    assert story.skip(n=5).variables == {"大": 1_000_000, "n": 5}


def test_skipping_a_loop_condition_leaves_the_loop() -> None:
    story = Story("start s\nuser A while=again\nuser B\ns -> A -> B").start().complete("A")
    assert story.happened(IncidentRaised)[0].stage == "loop"
    assert story.skip().open == ["B"]
    assert Story("start s\nuser A while=again\nuser B\ns -> A -> B").start().complete("A").set(
        again=True
    ).retry().open == ["A"]


def test_skipping_a_multi_instance_that_could_not_begin_passes_it() -> None:
    assert Story("start s\nuser A each=人 item=p\nuser B\ns -> A -> B").start().skip().open == ["B"]


def test_a_timer_that_cannot_be_set_again_is_told_beside_the_work() -> None:
    model = 'start s\nuser A\nboundary T on=A every="=周期" nonint\nuser B\nuser C\ns -> A -> B\nT -> C'
    story = Story(model).start(周期="R/PT1H").set(周期="kaputt").fire("T")
    assert story.open == ["A", "C"] and story.happened(IncidentRaised)[0].stage == "timer"
    assert story.set(周期="R/PT2H").retry().open == ["A", "C", "T"]


def test_trouble_with_a_timer_is_over_when_the_work_is() -> None:
    model = 'start s\nuser A\nboundary T on=A every="=周期" nonint\nuser B\nuser C\ns -> A -> B\nT -> C'
    story = Story(model).start(周期="R/PT1H").set(周期="kaputt").fire("T").complete("A")
    assert story.open == ["B", "C"] and not story.state.incidents


def test_two_joins_in_trouble_are_settled_one_by_one() -> None:
    model = """
    start s
    xor g
    user A
    and f
    and j
    and k
    user B
    user C
    user D
    s -> g
    g -> f : 全
    g -> C : else
    f -> j
    f -> A -> k
    C -> j
    j -> k
    k -> B
    D -> j
    f -> D
    """
    story = Story(model).start(全=True).complete("A").complete("D")
    assert len(story.state.incidents) == 2
    first = min(story.state.incidents)
    story.do(SkipIncident(first))
    assert story.open == ["B"] and not story.state.incidents


def test_an_event_sub_process_that_cannot_listen_does_not_stop_the_start() -> None:
    model = "start s\nuser A\ns -> A\nsub H byevent {\nstart hs after=多久\nuser X\nhs -> X\n}"
    story = Story(model).start()
    assert story.open == ["A"] and story.happened(IncidentRaised)[0].stage == "listen"
    assert story.set(多久="PT1H").retry().open == ["A", "hs"]


def test_ending_settles_what_is_left() -> None:
    story = Story(PARALLEL).start().fail("S").cancel()
    assert story.outcome == "cancelled" and [event.how for event in story.happened(IncidentResolved)] == ["cancelled"]
