"""Going back across calls in the engine: one of many calls is made again, a process that is over runs again."""

from __future__ import annotations

import pytest

from bihuan.engine.runtime import (
    AnswerFromCaller,
    AwaitCaller,
    CallerForsaken,
    CallOffRework,
    CallRequested,
    CommandRejected,
    Pass,
    Reopen,
    Restore,
    ReworkOver,
    SendBack,
    passes_in,
)
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


ITEM_BEHIND = 70
"""The number outside of an item in the process that was called."""


def asked_from_behind(how: str = "") -> Story:
    """An item of the first called process rests until A is redone."""
    story = begun(how)
    story.do(SendBack(story.wait("C", "call"), "A", straight=True, behind=ITEM_BEHIND))
    return story


def test_a_step_redone_for_an_item_of_a_called_process_leaves_calls_and_branches_as_they_are() -> None:
    story = asked_from_behind()
    assert story.items == ["A", "Q"] and story.open.count("C") == 3
    assert story.complete("A").happened(ReworkOver) == [ReworkOver(ITEM_BEHIND)]
    assert story.items == ["Q"] and story.open.count("C") == 3


def test_what_is_redone_for_a_called_process_goes_with_its_call_or_is_called_off() -> None:
    for end in (
        lambda story: story.returned("C"),
        lambda story: story.call_failed("C"),
        lambda story: story.do(CallOffRework(story.wait("C", "call"), ITEM_BEHIND)),
        lambda story: story.send_back("Q", "A"),
        Story.cancel,
    ):
        story = asked_from_behind()
        end(story)
        assert story.happened(ReworkOver) == [ReworkOver(ITEM_BEHIND)] and not story.state.reworks


def test_two_items_behind_one_call_each_have_the_step_redone_but_none_twice() -> None:
    story = asked_from_behind()
    story.do(SendBack(story.wait("C", "call"), "A", straight=True, behind=ITEM_BEHIND + 1))
    assert story.items == ["A", "A", "Q"]
    with pytest.raises(CommandRejected, match="已经请前面的环节重办"):
        story.do(SendBack(story.wait("C", "call"), "A", straight=True, behind=ITEM_BEHIND))


def test_what_was_redone_for_a_called_process_is_not_taken_back() -> None:
    story = asked_from_behind()
    before = story.before
    story.complete("A")
    with pytest.raises(CommandRejected, match="已经回到那里"):
        story.do(Restore(before, story.before))


CALLED = "start s\nuser A\nboundary late on=A after=PT1H\nuser B\nuser Z\ns -> A -> B\nlate -> Z"


def resting() -> Story:
    story = Story(CALLED).start()
    story.do(AwaitCaller(story.wait("A", "item")))
    return story


def test_an_item_that_awaits_a_caller_rests_until_it_answers() -> None:
    story = resting()
    assert story.items == []
    for refused in (lambda: story.complete("A"), lambda: story.ask("A", "before"), lambda: resting_again(story)):
        with pytest.raises(CommandRejected):
            refused()
    story.do(AnswerFromCaller(story.wait("A", "item")))
    assert story.items == ["A"] and story.complete("A").items == ["B"]


def resting_again(story: Story) -> None:
    story.do(AwaitCaller(story.wait("A", "item")))


def test_an_item_that_is_gone_forsakes_the_caller_it_awaits() -> None:
    story = resting()
    item = story.wait("A", "item")
    assert story.fire("late").happened(CallerForsaken) == [CallerForsaken(item)] and story.items == ["Z"]
    with pytest.raises(CommandRejected, match="没有在等"):
        story.do(AnswerFromCaller(item))


def test_who_was_asked_about_a_step_does_not_await_a_caller_and_who_asked_asks_no_more() -> None:
    story = Story(CALLED).start().ask("A", "before")
    holder, asked = sorted(wait.id for wait in story.state.waits.values() if wait.kind == "item")
    with pytest.raises(CommandRejected, match="您是被请来看这一步的"):
        story.do(AwaitCaller(asked))
    story.do(AwaitCaller(holder))
    assert story.open == ["A", "late"] and not story.state.asks
