"""Going back into one pass of a repeated, ad-hoc or event sub-process, out of one, and across undoing."""

from __future__ import annotations

import pytest

from bihuan.engine.runtime import BeginActivity, CommandRejected, Jump, Restore
from tests.engine.runtime.story import Story

EACH = """
start s
sub M each=list item=x out=found value=r{how} {
  start t
  user A
  user B
  t -> A -> B
}
user After
s -> M -> After
"""
ROUNDS = """
start s
sub L while=more{how} {
  start t
  user A
  user B
  t -> A -> B
}
user After
s -> L -> After
"""
AD_HOC = """
start s
user First
adhoc P{how} {
  user A
  user B
  user C
}
user After
s -> First -> P -> After
"""
EVENTS = """
start s
user A
user B
sub E byevent {
  start m message=call{how}
  user X
  user Y
  m -> X -> Y
}
s -> A -> B
"""
UNDOING = """
start s
user A
boundary c on=A compensate
user Undo undoes
c ~> Undo
and f
throw back compensate
user B
and j
user D
s -> A -> f
f -> back -> j
f -> B -> j
j -> D
"""
CANCELLED = """
start s
user Before
transaction T {
  start t
  user A
  boundary c on=A compensate
  user Undo undoes
  c ~> Undo
  user B
  xor g
  end ok
  end no cancel
  t -> A -> B -> g
  g -> ok : good
  g -> no : else
}
boundary away on=T cancel
user Sorry
user After
s -> Before -> T -> After
away -> Sorry
"""


def each(how: str = "") -> Story:
    """Three items, all done with a result each."""
    story = Story(EACH.replace("{how}", how)).start(list=["甲", "乙", "丙"])
    for result in (1, 2, 3):
        story.complete("A").complete("B", r=result)
    assert story.open == ["After"]
    return story


def test_of_items_side_by_side_the_one_gone_back_into_is_done_again_and_the_others_stay_done() -> None:
    story = each()
    story.send_back("After", "A", done=1)
    assert story.open == ["A"]
    inside = [scope.variables for scope in story.state.scopes.values() if scope.kind == "each"]
    assert inside == [{"loopCounter": 2, "x": "乙"}]
    story.complete("A").complete("B", r=20)
    assert story.open == ["After"] and story.variables["found"] == [1, 20, 3]


def test_of_items_in_a_row_those_behind_it_are_done_again_too() -> None:
    story = each(" sequential").send_back("After", "B", done=1)
    story.complete("B", r=20)
    assert story.open == ["A"]
    story.complete("A").complete("B", r=30)
    assert story.variables["found"] == [1, 20, 30]


def test_without_its_pass_a_repeated_sub_process_is_not_gone_into() -> None:
    story = each()
    with pytest.raises(CommandRejected, match="一项一项地办"):
        story.do(Jump(0, "A"))


def test_results_that_are_gathered_are_not_redone_on_the_side() -> None:
    with pytest.raises(CommandRejected, match="结果要汇总"):
        each().send_back("After", "A", straight=True)


def test_straight_back_one_step_of_one_item_is_redone_with_its_data() -> None:
    story = Story(EACH.replace("{how}", "").replace(" out=found value=r", "")).start(list=["甲", "乙"])
    story.complete("A").complete("A").complete("B").complete("B")
    story.send_back("After", "A", straight=True, done=0)
    assert story.items == ["A"] and any(scope.variables.get("x") == "甲" for scope in story.state.scopes.values())
    assert story.complete("A").items == ["After"]


def test_a_loop_is_gone_back_into_in_its_last_round_and_asks_again() -> None:
    story = Story(ROUNDS.replace("{how}", "")).start(more=True).complete("A").complete("B").complete("A")
    story.complete("B", more=False).send_back("After", "A")
    [token] = [token for token in story.state.tokens.values() if token.node == "L"]
    assert token.loop == 2 and story.open == ["A"]
    assert story.complete("A").complete("B", more=True).open == ["A"]
    assert story.complete("A").complete("B", more=False).open == ["After"]


def ad_hoc(how: str = "") -> Story:
    return Story(AD_HOC.replace("{how}", how)).start().complete("First")


def doors(story: Story) -> list[str]:
    return [node for node in story.open if node != "P"]


def test_an_ad_hoc_sub_process_opens_again_with_the_others_done() -> None:
    story = ad_hoc().complete("B").complete("A").complete("C").send_back("After", "B")
    assert story.open == ["B", "P"]
    assert story.complete("B").open == ["After"]


def test_an_ad_hoc_sub_process_in_turn_opens_again_from_that_activity_on() -> None:
    story = ad_hoc(" sequential").complete("A").complete("B").complete("C").send_back("After", "B")
    assert doors(story) == ["B"]
    assert doors(story.complete("B")) == ["C"]
    assert story.complete("C").open == ["After"]


def test_between_activities_in_no_order_the_other_is_begun_again_beside_ones_own() -> None:
    story = ad_hoc().complete("B").send_back("A", "B")
    assert doors(story) == ["A", "B", "C"]
    assert story.complete("A").complete("B").complete("C").open == ["After"]


def test_between_activities_in_turn_ones_own_comes_after_it_again() -> None:
    story = ad_hoc(" sequential").complete("A").send_back("B", "A")
    assert doors(story) == ["A"]
    assert doors(story.complete("A")) == ["B"]


def test_an_activity_taken_back_counts_as_begun_no_more() -> None:
    story = ad_hoc(" sequential")
    before = story.before
    story.complete("A")
    story.do(Restore(before, story.before))
    assert doors(story) == ["A"]
    assert doors(story.complete("A")) == ["B"], "the next in turn is not left out"
    before = story.complete("B").before
    story.complete("C")
    story.do(Restore(before, story.before))
    assert doors(story) == ["C"] and story.complete("C").open == ["After"]


def test_what_is_begun_by_hand_is_gone_back_to_and_out_of_like_the_rest() -> None:
    story = ad_hoc(" byhand completion=enough")
    story.do(BeginActivity(story.wait("P", "adhoc"), "A"))
    assert story.send_back("A", "First").open == ["First"]
    story.complete("First")
    story.do(BeginActivity(story.wait("P", "adhoc"), "A"))
    story.complete("A", enough=True).send_back("After", "A")
    assert doors(story) == ["A"]
    assert story.complete("A", enough=False).open == ["P"], "it is asked again whether that is enough"
    story.do(Jump(0, "B"))
    assert story.open == ["B", "P"] and story.complete("B", enough=True).open == ["After"]


def test_one_step_of_an_event_sub_process_is_redone_and_comes_straight_back() -> None:
    story = Story(EVENTS.replace("{how}", " nonint")).start().complete("A").message("m", who="甲")
    story.complete("X").complete("Y")
    with pytest.raises(CommandRejected, match="只能请对方办完直接回到这里"):
        story.send_back("B", "X")
    assert story.send_back("B", "X", straight=True).items == ["X"]
    assert story.complete("X").items == ["B"]


def test_from_an_event_sub_process_that_interrupted_one_goes_back_to_what_it_interrupted() -> None:
    story = Story(EVENTS.replace("{how}", "")).start().complete("A").message("m").complete("X")
    story.send_back("Y", "A")
    assert story.open == ["A", "m"], "and the event is listened for again"
    assert story.complete("A").message("m").open == ["X"]


def test_into_an_event_sub_process_inside_a_sub_process_one_goes_by_its_pass() -> None:
    inner = EVENTS.replace("{how}", "").replace("start s", "start t").replace("s -> A", "t -> A")
    story = Story(f"start s\nsub S {{{inner}}}\nuser After\ns -> S -> After").start().message("m")
    story.complete("X").complete("Y").send_back("After", "X")
    assert story.items == ["X"] and story.complete("X").complete("Y").open == ["After"]
    with pytest.raises(CommandRejected, match="由它的事件开始"):
        story.do(Jump(0, "X"))
    story.do(Jump(0, "X", story.into("X")))
    assert story.items == ["X"] and story.complete("X").complete("Y").open == ["After"]


def test_a_jump_of_one_item_stays_in_it_and_one_of_the_whole_goes_into_the_one_asked_for() -> None:
    story = Story(EACH.replace("{how}", "")).start(list=["甲", "乙"]).complete("A").complete("A")
    first, second = (story.into("A", done) for done in (0, 1))
    with pytest.raises(CommandRejected, match="另一项"):
        story.do(Jump(story.wait("B", "item"), "A", second))
    story.do(Jump(story.wait("B", "item"), "A", first))
    assert story.items == ["A", "B"]
    story.do(Jump(0, "B", second))
    inside = [scope.variables["x"] for scope in story.state.scopes.values() if scope.kind == "each"]
    assert story.items == ["B"] and inside == ["乙"]


def undoing() -> Story:
    story = Story(UNDOING).start().complete("A")
    assert story.open == ["B", "Undo"]
    return story


def test_nobody_walks_away_from_what_is_being_undone() -> None:
    story = undoing()
    for who in ("Undo", "B"):
        with pytest.raises(CommandRejected, match="正在撤销办过的工作"):
            story.send_back(who, "A")
    assert story.send_back("B", "A", straight=True).items == ["A", "Undo"]
    assert story.complete("A").complete("Undo").complete("B").open == ["D"]


def test_after_the_undoing_one_goes_back_and_what_is_done_again_can_be_undone_again() -> None:
    story = undoing().complete("Undo").complete("B").send_back("D", "A").complete("A")
    assert story.open == ["B", "Undo"]


def test_an_administrator_may_end_the_undoing_by_a_jump_and_what_was_not_undone_can_be_later() -> None:
    story = undoing()
    story.do(Jump(0, "A"))
    assert story.open == ["A"] and [record.by for record in story.state.records.values()] == [0]


def test_a_step_before_or_in_the_midst_of_undoing_is_not_taken_back() -> None:
    story = Story(UNDOING).start()
    before = story.before
    story.complete("A")
    begun = story.before
    with pytest.raises(CommandRejected):
        story.complete("Undo").do(Restore(before, begun))


def test_a_transaction_is_gone_back_in_and_into_but_not_while_it_is_being_undone() -> None:
    story = Story(CANCELLED).start().complete("Before").complete("A").send_back("B", "A").complete("A")
    story.complete("B", good=True).send_back("After", "B")
    assert story.open == ["B"]
    story.complete("B", good=True).send_back("After", "A").complete("A")
    story.complete("B", good=False)
    assert story.open == ["Undo"]
    with pytest.raises(CommandRejected, match="正在撤销办过的工作"):
        story.send_back("Undo", "A")
    with pytest.raises(CommandRejected, match="正在撤销办过的工作"):
        story.send_back("Undo", "Before")
    assert story.complete("Undo").open == ["Sorry"]
    assert story.send_back("Sorry", "Before").complete("Before").open == ["A"]


def test_a_jump_into_one_branch_may_count_the_others_as_done() -> None:
    story = Story(
        "start s\nuser A\nand f\nuser B\nuser C\nand j\nuser D\ns -> A -> f\nf -> B -> j\nf -> C -> j\nj -> D"
    )
    story.start()
    with pytest.raises(CommandRejected, match="等不齐"):
        story.do(Jump(0, "B"))
    story.do(Jump(0, "B", others_done=True))
    assert story.open == ["B"] and story.complete("B").open == ["D"]
    story.send_back("D", "A").complete("A")
    story.do(Jump(story.wait("C", "item"), "B", others_done=True))
    story.do(Jump(story.wait("B", "item"), "B", others_done=True))
    assert story.open == ["B"] and story.complete("B").open == ["D"], "the branch jumped away from counts as done"
    assert story.complete("D").state.status == "ended", "who waits at the join is not put there twice"
