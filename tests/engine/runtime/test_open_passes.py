"""Going back into one pass of a sub-process while that is open: from another item of it, or from outside."""

from __future__ import annotations

import pytest

from bihuan.engine.runtime import CallOffRework, CommandRejected, Restore
from tests.engine.runtime.story import Story
from tests.engine.runtime.test_passes import EACH, ROUNDS

BESIDE = """
and f
user Other
and j
user End
s -> f
f -> Other -> j
"""


def beside(model: str, how: str = "", whole: str = "M") -> str:
    """The model with another branch beside its repeated sub-process."""
    ways = f"s -> {whole} -> After"
    return model.replace("{how}", how).replace(ways, f"{BESIDE}f -> {whole} -> After -> j\nj -> End")


def items(how: str = "", *, list: tuple[str, ...] = ("甲", "乙", "丙")) -> Story:
    return Story(beside(EACH, how)).start(list=[*list])


def each(story: Story) -> list[tuple[str, str]]:
    """Who is at which step: item and node, in the order they were begun."""
    state = story.state
    inside = [token for token in state.tokens.values() if token.node in ("A", "B")]
    around = [state.scopes[state.tokens[state.scopes[token.scope].token].scope] for token in inside]
    return [(scope.variables["x"], token.node) for scope, token in zip(around, inside, strict=True)]


def test_another_item_that_is_open_goes_back_and_ones_own_stays() -> None:
    story = items().complete("A").complete("A")
    assert each(story) == [("丙", "A"), ("甲", "B"), ("乙", "B")]
    story.send_back("B", "A", done=1)
    assert each(story) == [("丙", "A"), ("甲", "B"), ("乙", "A")]


@pytest.mark.parametrize("sender", ["A", "Other"])
def test_another_item_that_is_done_is_open_again_and_the_rest_stays_as_it_is(sender: str) -> None:
    story = items().complete("A").complete("A").complete("B", r=1).send_back(sender, "B", done=0)
    assert each(story) == [("丙", "A"), ("乙", "B"), ("甲", "B")]
    story.complete("B", number=1, r=10).complete("B", r=2).complete("A").complete("B", r=3)
    assert story.open == ["After", "Other"] and story.variables["found"] == [10, 2, 3]


def test_in_a_row_going_back_into_an_earlier_item_gives_up_the_present_one() -> None:
    story = items(" sequential").complete("A").complete("B", r=1).complete("A").send_back("B", "B", done=0)
    assert each(story) == [("甲", "B")]
    story.complete("B", r=10)
    assert each(story) == [("乙", "A")]
    for result in (20, 30):
        story.complete("A").complete("B", r=result)
    assert story.variables["found"] == [10, 20, 30] and story.open == ["After", "Other"]


def test_an_item_whose_turn_is_still_to_come_is_not_gone_back_into() -> None:
    story = items(" sequential", list=("甲", "乙")).complete("A").complete("B").complete("A").complete("B")
    story.send_back("After", "A", done=0)
    with pytest.raises(CommandRejected, match="还没有办到那里"):
        story.send_back("Other", "B", done=1)


def test_another_item_redoes_one_step_straight_and_both_go_on() -> None:
    story = items().complete("A").complete("A").send_back("B", "A", straight=True, done=1)
    assert story.items == ["A", "A", "B", "Other"]
    story.complete("B", number=1, r=2)
    assert each(story) == [("丙", "A"), ("甲", "B"), ("乙", "A")], "its own work is done, what is redone keeps it open"
    story.complete("A", number=1)
    assert each(story) == [("丙", "A"), ("甲", "B")]
    story.complete("B", r=1).complete("A").complete("B", r=3)
    assert story.variables["found"] == [1, 2, 3] and story.open == ["After", "Other"]


def test_what_another_item_redoes_may_be_called_off() -> None:
    story = items(list=("甲", "乙")).complete("A").complete("A").send_back("B", "A", straight=True, done=1)
    story.complete("B", number=1, r=2).do(CallOffRework(story.wait("B", "item")))
    assert each(story) == [("甲", "B")]
    assert story.complete("B", r=1).variables["found"] == [1, 2]


def test_a_sender_who_is_taken_away_takes_along_what_another_item_redoes() -> None:
    story = items(list=("甲", "乙")).complete("A").complete("A").send_back("B", "A", straight=True, done=1)
    story.complete("B", number=1, r=2).send_back("B", "A", done=0)
    assert each(story) == [("甲", "A")]
    assert story.complete("A").complete("B", r=1).variables["found"] == [1, 2]


def test_straight_from_outside_one_step_of_an_item_that_is_done_is_redone_beside_the_rest() -> None:
    story = Story(beside(EACH).replace(" out=found value=r", "")).start(list=["甲", "乙"]).complete("A").complete("B")
    story.send_back("Other", "A", straight=True, done=0)
    assert each(story) == [("乙", "A"), ("甲", "A")] and story.items == ["A", "A"]
    story.complete("A", number=1)
    assert story.items == ["A", "Other"]


def test_an_earlier_round_of_a_loop_is_gone_back_into_and_its_later_ones_are_given_up() -> None:
    story = Story(beside(ROUNDS, whole="L")).start(more=True).complete("A").complete("B").send_back("Other", "B")
    [loop] = [token for token in story.state.tokens.values() if token.node == "L"]
    assert story.open == ["B", "Other"] and loop.loop == 1
    assert story.complete("B", more=True).complete("A").complete("B", more=False).open == ["After", "Other"]


def test_one_of_many_steps_is_gone_back_to_from_another_or_from_outside() -> None:
    story = Story(BESIDE + "start s\nuser V each=list item=x\nf -> V -> j\nj -> End").start(list=["甲", "乙", "丙"])
    story.complete("V").complete("V").send_back("V", "V", done=0)
    assert [scope.variables["x"] for scope in story.state.scopes.values() if scope.kind == "each"] == ["丙", "甲"]
    story.send_back("Other", "V", done=1)
    assert story.items == ["Other", "V", "V", "V"]
    story.complete("V").complete("V").complete("V").complete("Other")
    assert story.open == ["End"]


def test_in_a_sign_off_nobody_takes_the_vote_of_another_away() -> None:
    story = Story("start s\nuser V each=list item=x signoff=all\ns -> V").start(list=["甲", "乙"])
    story.complete("V", approved=True)
    with pytest.raises(CommandRejected, match="就是现在的环节"):
        story.send_back("V", "V", done=0)


def test_an_ad_hoc_sub_process_is_gone_back_into_from_outside_beside_what_runs_in_it() -> None:
    model = f"start s\n{BESIDE}adhoc P {{\nuser A\nuser B\n}}\nuser After\nf -> P -> After -> j\nj -> End"
    story = Story(model).start().complete("B").send_back("Other", "B")
    assert story.items == ["A", "B", "Other"]
    assert story.complete("A").complete("B").items == ["After", "Other"]


def test_an_ad_hoc_sub_process_in_turn_goes_back_to_the_earlier_activity() -> None:
    model = f"start s\n{BESIDE}adhoc P sequential {{\nuser A\nuser B\n}}\nuser After\nf -> P -> After -> j\nj -> End"
    story = Story(model).start().complete("A").send_back("Other", "A")
    assert story.items == ["A", "Other"]
    assert story.complete("A").items == ["B", "Other"]


def test_a_sub_process_that_is_open_is_gone_back_into_from_outside_and_its_other_branches_stay() -> None:
    inside = "start t\nuser P\nand g\nuser Q\nuser R\nand h\nt -> P -> g\ng -> Q -> h\ng -> R -> h\n"
    story = Story(f"start s\n{BESIDE}sub S {{\n{inside}}}\nf -> S -> j\nj -> End").start().complete("P").complete("Q")
    assert story.send_back("Other", "Q").items == ["Other", "Q", "R"]
    assert story.complete("Q").complete("R").complete("Other").open == ["End"]


def test_behind_a_join_inside_an_open_sub_process_the_other_branch_stays_done() -> None:
    inside = "start t\nand g\nuser Q\nuser R\nand h\nuser U\nt -> g\ng -> Q -> h\ng -> R -> h\nh -> U\n"
    story = Story(f"start s\n{BESIDE}sub S {{\n{inside}}}\nf -> S -> j\nj -> End").start().complete("Q").complete("R")
    assert story.send_back("Other", "Q").items == ["Other", "Q"]
    assert story.complete("Q").items == ["Other", "U"]


EVENT = """
start s
user A
user B
sub E byevent {
  start m message=call nonint
  user X
  user Y
  m -> X -> Y
}
s -> A -> B
"""


def test_each_pass_of_an_event_sub_process_that_is_open_is_gone_back_in_by_itself() -> None:
    story = Story(EVENT).start().message("m", who="甲").message("m", who="乙").complete("X").complete("X")
    story.send_back("A", "X", done=0)
    assert story.items == ["A", "X", "Y"], "ones own work stays"
    assert story.send_back("Y", "X", done=0, straight=True).items == ["A", "X", "X"], "or from the other pass"


def test_a_pass_of_an_event_sub_process_that_is_over_is_only_redone_straight() -> None:
    story = Story(EVENT).start().message("m").complete("X").complete("Y").message("m").complete("X")
    with pytest.raises(CommandRejected, match="只能请对方办完直接回到这里"):
        story.send_back("Y", "X", done=0)
    story.send_back("Y", "X", done=0, straight=True)
    assert story.complete("X").items == ["A", "Y"]


def test_a_return_to_one_of_many_is_taken_back_and_the_counts_are_right() -> None:
    story = Story("start s\nuser V each=list item=x\nuser D\ns -> V -> D").start(list=["甲", "乙", "丙"]).complete("V")
    before = story.before
    story.send_back("V", "V", done=2)
    story.do(Restore(before, story.before))
    assert story.complete("V").items == ["V"] and story.complete("V").items == ["D"]
