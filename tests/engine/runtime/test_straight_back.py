"""Returning a step so that it comes straight back: one redoes it on the side, the sender waits, the rest goes on."""

from __future__ import annotations

import pytest

from bihuan.engine.runtime import CallOffRework, CommandRejected, Jump
from tests.engine.runtime.story import Story
from tests.engine.runtime.test_going_back import CHAIN, FORK, INSIDE


def test_sent_back_straight_the_sender_rests_and_goes_on_afterwards() -> None:
    story = Story(CHAIN).start().complete("A").complete("B").send_back("C", "A", straight=True)
    assert story.items == ["A"]
    with pytest.raises(CommandRejected, match="等别人先办完"):
        story.complete("C")
    assert story.complete("A").items == ["C"]
    assert story.complete("C").outcome == "completed"


def test_straight_back_may_be_nested_and_called_off() -> None:
    story = Story(CHAIN).start().complete("A").complete("B")
    story.send_back("C", "B", straight=True).send_back("B", "A", straight=True)
    assert story.items == ["A"]
    story.do(CallOffRework(story.wait("C", "item")))
    assert story.items == ["C"] and story.open == ["C"]


def test_sent_back_straight_before_the_fork_the_other_branches_go_on() -> None:
    story = Story(FORK).start().complete("A").complete("B1").send_back("B2", "A", straight=True)
    assert story.items == ["A", "C1"]
    story.complete("C1").complete("A")
    assert story.items == ["B2", "C2"]
    assert story.complete("B2").complete("C2").open == ["D"]


def test_sent_back_straight_out_of_a_sub_process_it_stays_open() -> None:
    story = Story(INSIDE).start().complete("A").complete("P").send_back("Q", "A", straight=True)
    assert story.items == ["A", "R"]
    story.complete("R").complete("A").complete("Q")
    assert story.open == ["D"]


def test_one_step_of_a_sub_process_redone_straight_leaves_it_closed() -> None:
    story = Story(INSIDE).start().complete("A").complete("P").complete("Q").complete("R")
    story.send_back("D", "Q", straight=True)
    assert story.items == ["Q"]
    assert story.complete("Q").items == ["D"] and len(story.state.tokens) == 1


def redone_inside() -> Story:
    """D has sent Q straight back; the sub-process around Q is open for that one step."""
    story = Story(INSIDE).start().complete("A").complete("P").complete("R").complete("Q")
    return story.send_back("D", "Q", straight=True)


@pytest.mark.parametrize("target", ["P", "R", "A"])
def test_nobody_jumps_out_of_a_step_that_is_redone_straight(target: str) -> None:
    story = redone_inside()
    with pytest.raises(CommandRejected, match="请从那里跳转"):
        story.do(Jump(story.wait("Q", "item"), target))
    assert story.complete("Q").items == ["D"] and story.complete("D").state.status == "ended"


@pytest.mark.parametrize(("target", "then"), [("P", ["Q", "R"]), ("R", [])])
def test_sent_back_from_a_step_that_is_redone_straight_the_sender_walks_again(target: str, then: list[str]) -> None:
    story = redone_inside().send_back("Q", target)
    assert story.items == [target], "the sender comes after it again"
    for step in (target, *then):
        story.complete(step)
    assert story.open == ["D"] and story.complete("D").state.status == "ended"


def test_an_inclusive_join_does_not_wait_for_a_step_that_is_redone_straight() -> None:
    story = Story("""
        start s
        and f
        user V
        or o
        user X
        user Y
        or n
        user Z
        s -> f
        f -> V
        f -> o
        o -> X : true
        o -> Y : both
        X -> n
        Y -> n
        n -> Z
    """).start(both=False)
    story.send_back("V", "Y", straight=True)
    assert story.complete("X").items == ["Y", "Z"]


def test_a_jump_that_would_starve_a_join_is_refused_also_while_a_step_of_its_branch_is_redone_straight() -> None:
    story = Story(FORK).start().complete("A").complete("B1").complete("B2").complete("C1").complete("C2")
    story.send_back("D", "B2", straight=True)
    assert story.items == ["B2"]
    with pytest.raises(CommandRejected, match="等不齐"):
        story.do(Jump(0, "B2"))
    assert story.complete("B2").complete("D").outcome == "completed"
