"""Going back across calls in the engine: one of many calls is made again, a process that is over runs again."""

from __future__ import annotations

import pytest

from bihuan.engine.runtime import CallRequested, CommandRejected, Pass, Reopen, SendBack, passes_in
from tests.engine.runtime.story import Story
from tests.engine.runtime.test_going_back import FORK, INSIDE

MANY = """
    start s
    user A
    and f
    call C called=other each=pumps item=pump {how}
    user B
    user Q
    and j
    user D
    s -> A -> f
    f -> C -> B -> j
    f -> Q -> j
    j -> D
"""
GATHERED = "out=found value=level"


def begun(how: str = "") -> Story:
    """A is done: three pumps are measured by a process of their own, Q waits in the other branch."""
    return Story(MANY.format(how=how)).start(pumps=["一号", "二号", "三号"]).complete("A")


def measured(how: str = "") -> Story:
    story = begun(how)
    for level in (1, 2, 3):
        story.returned("C", level=level)
    return story


def call_of(story: Story, number: int) -> tuple[Pass, ...]:
    """The pass of the call that was made for this pump, the last time."""
    calls = [event.wait for event in story.history if isinstance(event, CallRequested)]
    return next(into for into in reversed(passes_in(story.history, calls).values()) if into[-1].number == number)


def back_into(story: Story, item: str, number: int, *, straight: bool = False) -> Story:
    story.do(SendBack(story.wait(item, "item"), "C", straight, call_of(story, number)))
    return story


def pumps(story: Story) -> list[str]:
    """For which pumps the last step has made a call."""
    return [event.variables["pump"] for event in story.happened(CallRequested)]


@pytest.mark.parametrize("straight", [True, False])
def test_of_many_calls_one_is_made_again_and_the_others_stay_done(straight: bool) -> None:
    story = measured(GATHERED)
    assert story.variables["found"] == [1, 2, 3]
    back_into(story.complete("B").complete("Q"), "D", 2, straight=straight)
    assert pumps(story) == ["二号"] and story.items == []
    assert story.returned("C", level=7).variables["found"] == [1, 7, 3]
    assert story.items == (["D"] if straight else ["B"])


def test_of_calls_in_a_row_those_behind_it_are_made_again_unless_it_comes_straight_back() -> None:
    story = back_into(measured("sequential").complete("B").complete("Q"), "D", 2)
    assert pumps(story) == ["二号"] and pumps(story.returned("C")) == ["三号"] and story.returned("C").items == ["B"]
    story = back_into(measured("sequential").complete("B").complete("Q"), "D", 2, straight=True)
    assert pumps(story) == ["二号"] and story.returned("C").items == ["D"]


def test_while_many_calls_are_under_way_one_that_is_over_is_made_again_beside_them() -> None:
    story = begun().returned("C")
    back_into(story, "Q", 1)
    assert pumps(story) == ["一号"] and story.open == ["C", "C", "C", "Q"]
    assert story.returned("C").returned("C").returned("C").items == ["B", "Q"]


def test_a_call_that_is_called_off_while_it_is_made_again_leaves_the_others_done() -> None:
    story = back_into(measured().complete("B").complete("Q"), "D", 3, straight=True).call_failed("C")
    assert story.items == [] and len(story.state.incidents) == 1
    assert story.skip().items == ["D"]


def test_a_process_that_is_over_runs_again_from_a_step_with_its_other_branches_done() -> None:
    story = Story(FORK).start(x=1)
    for node in ("A", "B1", "C1", "B2", "C2", "D"):
        story.complete(node)
    story.do(Reopen("B1"))
    assert story.items == ["B1"] and story.variables["x"] == 1
    assert story.complete("B1").complete("B2").items == ["D"]
    assert story.complete("D").outcome == "completed"


def test_a_process_runs_again_inside_a_sub_process_that_was_over() -> None:
    story = Story(INSIDE).start().complete("A").complete("P").complete("Q").complete("R").complete("D")
    story.do(Reopen("Q"))
    assert story.items == ["Q"] and story.complete("Q").items == ["D"]


def test_what_is_still_under_way_is_not_opened_again() -> None:
    with pytest.raises(CommandRejected, match="还在进行"):
        begun().do(Reopen("A"))
