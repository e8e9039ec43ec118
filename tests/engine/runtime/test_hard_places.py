"""People's operations where other things happen at the same time: incidents, events, undoing, gateways, asking."""

from __future__ import annotations

import pytest

from bihuan.engine.runtime import Ask, CommandRejected, CompleteItem, FireTimer, Jump, RemoveSigner, Restore, Unask
from tests.engine.runtime.people_models import ENOUGH_OF_THREE
from tests.engine.runtime.story import Story
from tests.engine.runtime.test_asking import SIGN, asked, ballot
from tests.engine.runtime.test_going_back import CHAIN, FORK, INSIDE
from tests.engine.runtime.test_more_elements import two_of_three
from tests.engine.runtime.test_passes import CANCELLED, EVENTS

FRAGILE = """
start s
user A
sub S {
  start t
  user P
  user Q
  t -> P -> Q
}
| <extensionElements><bihuan:input source="count(for x in 1..size return x)" target="n"/></extensionElements>
user D
s -> A -> S -> D
"""
WHO = "start s\nuser A each=people item=x\nuser B\ns -> A -> B"


def fragile() -> Story:
    """A sub-process whose input can no longer be computed once it is closed."""
    return Story(FRAGILE).start(size=2).complete("A").complete("P").complete("Q").set(size=10**9)


@pytest.mark.parametrize("straight", [True, False])
def test_into_a_sub_process_that_cannot_be_opened_nobody_goes_back_until_it_can(straight: bool) -> None:
    story = fragile()
    with pytest.raises(CommandRejected, match="「S」现在打不开"):
        story.send_back("D", "Q", straight=straight)
    assert story.items == ["D"]
    story.set(size=5).send_back("D", "Q", straight=straight)
    assert story.items == ["Q"] and story.complete("Q").items == ["D"]


def test_nobody_jumps_into_a_sub_process_that_cannot_be_opened() -> None:
    story = fragile()
    with pytest.raises(CommandRejected, match="「S」现在打不开"):
        story.do(Jump(0, "Q"))
    assert story.set(size=5).do(Jump(0, "Q")) and story.items == ["Q"]


def test_a_step_redone_straight_that_cannot_begin_is_an_incident_for_which_the_sender_rests() -> None:
    story = Story(WHO).start(people=["甲"]).complete("A").set(people=3).send_back("B", "A", straight=True)
    assert story.items == [] and story.state.incidents
    story.set(people=["乙"]).retry()
    assert story.items == ["A"] and story.complete("A").items == ["B"]
    story.set(people=3).send_back("B", "A", straight=True).skip()
    assert story.items == ["B"], "skipped, it is redone"


def test_a_step_that_is_taken_back_to_and_cannot_begin_is_tried_again() -> None:
    story = Story(WHO).start(people=["甲"])
    before = story.before
    story.complete("A").set(people=3)
    after = story.before
    story.do(Restore(before, after))
    assert story.items == ["A"], "whom it was for is kept, whatever the list says now"


def test_an_ended_instance_wakes_at_its_incident() -> None:
    story = Story(WHO).start(people=3)
    before = story.before
    story.cancel().do(Restore(before, story.before, "wake"))
    assert story.set(people=["甲"]).retry().items == ["A"]


def test_jumping_to_a_step_that_cannot_begin_is_an_incident_there() -> None:
    story = Story(WHO).start(people=["甲"]).complete("A").set(people=3)
    story.do(Jump(0, "A"))
    assert story.set(people=["乙"]).retry().items == ["A"]


def test_a_timer_that_goes_off_just_as_its_step_is_returned_finds_nothing_and_the_other_way_round() -> None:
    story = Story("start s\nuser A\nuser B\nboundary late on=B after=PT1H\nuser C\ns -> A -> B\nlate -> C")
    story.start().complete("A")
    timer, item = story.wait("late", "timer"), story.wait("B", "item")
    story.send_back("B", "A")
    with pytest.raises(CommandRejected, match="已经不在等"):
        story.do(FireTimer(timer))
    story.complete("A").fire("late")
    with pytest.raises(CommandRejected, match="已经办过或取消"):
        story.do(CompleteItem(item, {}))
    assert story.items == ["C"] and story.send_back("C", "A").items == ["A"], "from the way out one goes back as well"


def test_what_an_event_began_beside_a_step_goes_when_the_step_is_done_again() -> None:
    story = Story(INSIDE).start().complete("A").complete("P").fire("late")
    assert story.send_back("Q", "P").items == ["Chase", "P"], "inside, the sub-process and what it began stay"
    story.complete("P").complete("Q").complete("R").send_back("D", "Q")
    assert story.items == ["Q"] and "late" in story.open, "opened again, its event is listened for again"


def test_from_what_an_event_began_beside_one_goes_back_into_the_open_sub_process_and_keeps_ones_own() -> None:
    story = Story(INSIDE).start().complete("A").complete("P").fire("late").send_back("Chase", "P")
    assert story.items == ["Chase", "P"]


def test_after_the_undoing_one_goes_back_into_the_transaction_and_it_may_be_cancelled_again() -> None:
    story = Story(CANCELLED).start().complete("Before").complete("A").complete("B", good=False).complete("Undo")
    story.send_back("Sorry", "A", straight=True).complete("A")
    assert story.items == ["Sorry"] and not story.state.records, "redone on the side, there is nothing more to undo"
    story.send_back("Sorry", "A").complete("A").complete("B", good=False)
    assert story.items == ["Undo"] and story.complete("Undo").items == ["Sorry"]


@pytest.mark.parametrize("how", ["", " nonint"])
def test_from_an_event_sub_process_a_step_around_it_is_redone_straight(how: str) -> None:
    story = Story(EVENTS.replace("{how}", how)).start().complete("A").message("m").complete("X")
    story.send_back("Y", "A", straight=True)
    assert "A" in story.items and "Y" not in story.items
    story.complete("A")
    assert "Y" in story.items and story.complete("Y").items == (["B"] if how else [])


def test_from_beside_the_work_one_goes_back_in_it_and_goes_on_with_ones_own() -> None:
    story = Story(EVENTS.replace("{how}", " nonint")).start().complete("A").message("m").send_back("X", "A")
    assert story.items == ["A", "X"]


INCLUSIVE = """
start s
user A
or o
user X
user Y
or n
user Z
s -> A -> o
o -> X : true
o -> Y : both
X -> n
Y -> n
n -> Z
"""


def test_of_the_branches_of_an_inclusive_gateway_the_one_gone_back_to_is_done_again() -> None:
    story = Story(INCLUSIVE).start(both=True).complete("A").complete("Y").send_back("X", "Y")
    assert story.items == ["X", "Y"]
    story.complete("X").complete("Y").send_back("Z", "X")
    assert story.items == ["X"] and story.complete("X").items == ["Z"], "the other stays done"
    story.send_back("Z", "X", straight=True)
    assert story.items == ["X"] and story.complete("X").items == ["Z"]
    assert story.send_back("Z", "A").complete("A", both=False).items == ["X"], "it chooses anew"


def test_behind_a_complex_gateway_one_goes_back_into_a_branch_and_it_goes_on_anew() -> None:
    story = two_of_three().complete("A").complete("B").send_back("D", "A")
    assert story.items == ["A", "C"], "what it let go on is taken back; the third branch stays"
    assert story.complete("A").items == ["C", "D"], "the second branch has its place again"
    story.complete("C")
    assert story.items == ["D"] and story.complete("D").outcome == "completed"


def test_a_late_branch_of_a_complex_gateway_is_done_again_without_what_it_let_go_on() -> None:
    model = """start s\nand f\nuser A\nuser B\nuser C1\nuser C2\ncomplex g activation="activationCount >= 2"\nuser D
s -> f -> A -> g\nf -> B -> g\nf -> C1 -> C2 -> g\ng -> D"""
    story = Story(model).start().complete("A").complete("B").complete("C1").send_back("C2", "C1")
    assert story.items == ["C1", "D"]
    story.complete("C1").complete("C2")
    assert story.items == ["D"] and story.complete("D").outcome == "completed"


def test_all_done_one_goes_back_from_behind_a_complex_gateway_into_one_branch() -> None:
    story = two_of_three().complete("A").complete("B").complete("C").send_back("D", "C")
    assert story.items == ["C"] and story.complete("C").items == ["D"]
    assert story.complete("D").outcome == "completed"


def test_after_the_event_one_goes_back_before_an_event_gateway_and_it_waits_anew() -> None:
    story = Story(
        "start s\nuser A\nevent g\ncatch m message=call\ncatch t after=PT1H\nuser B\nuser C\n"
        "s -> A -> g\ng -> m -> B\ng -> t -> C"
    )
    story.start().complete("A").message("m").send_back("B", "A", straight=True).complete("A")
    assert story.open == ["B"]
    assert story.send_back("B", "A").complete("A").open == ["m", "t"]
    assert story.fire("t").items == ["C"] and story.send_back("C", "A").open == ["A"]


def nested() -> Story:
    """The holder has asked X first, and X has asked Y first."""
    story = Story(CHAIN).start().complete("A").ask("B", "before", 7)
    story.do(Ask(asked(story), "before", 8, asker=7))
    return story


def test_a_refusal_within_two_that_were_asked_goes_back_one_at_a_time() -> None:
    story = nested()
    first, second = sorted(ask.item for ask in story.state.asks.values())
    story.do(CompleteItem(second, {"agree": False}))
    assert [ask.item for ask in story.state.asks.values()] == [first], "who asked decides"
    story.do(CompleteItem(first, {"agree": False}))
    assert story.items == ["B"] and not story.state.asks
    assert story.complete("B").items == ["C"]


@pytest.mark.parametrize("straight", [True, False])
def test_sending_back_while_two_were_asked_one_by_the_other_ends_both(straight: bool) -> None:
    story = nested().send_back("B", "A", straight=straight)
    assert story.items == ["A"] and not story.state.asks
    assert story.complete("A").items == ["B"]


def test_no_longer_asking_the_first_ends_the_second_too() -> None:
    story = nested()
    story.do(Unask(min(story.state.asks)))
    assert story.items == ["B"] and not story.state.asks


def test_who_answered_takes_it_back_while_the_holder_has_not_gone_on() -> None:
    for mode, answer in (("before", {"agree": True}), ("delegate", {"sum": 5})):
        story = Story(CHAIN).start().complete("A").ask("B", mode)
        before = story.before
        story.do(CompleteItem(asked(story), answer))
        after = story.before
        story.do(Restore(before, after))
        assert [ask.person for ask in story.state.asks.values()] == [7], mode
        with pytest.raises(CommandRejected, match="等别人先办完"):
            story.do(CompleteItem(before.asks[min(before.asks)].wait, {}))
        story.do(CompleteItem(asked(story), answer))
        story.complete("B")
        with pytest.raises(CommandRejected, match="已经有人办了"):
            story.do(Restore(before, after))


def test_who_signed_after_takes_it_back_and_signs_again() -> None:
    story = Story(CHAIN).start().complete("A").ask("B", "after", 7).ask("B", "after", 8).complete("B", sum=3)
    first = story.before
    story.do(CompleteItem(asked(story), {"agree": True}))
    story.do(Restore(first, story.before))
    assert [(ask.person, bool(ask.item)) for ask in story.state.asks.values()] == [(7, True), (8, False)]
    story.do(CompleteItem(asked(story), {"agree": True}))
    second = story.before
    story.do(CompleteItem(asked(story), {"agree": True}))
    assert story.items == ["C"] and story.variables["sum"] == 3
    story.do(Restore(second, story.before))
    assert story.items == ["B"] and [ask.person for ask in story.state.asks.values()] == [8]
    story.do(CompleteItem(asked(story), {"agree": True}))
    assert story.items == ["C"]


def test_without_the_heaviest_the_rest_decides_by_its_own_weights() -> None:
    options = "signoff=ratio threshold=60% weight=who.w"
    story = Story(SIGN.format(options=options).replace("assignee=who", "assignee=who.user"))
    people = [{"user": user, "w": weight} for user, weight in (("a", 3), ("b", 1), ("c", 1))]
    story.start(people=people).complete("V", number=1, approved=True)
    assert story.items == ["V", "V"], "one of five"
    story.do(RemoveSigner(story.wait("V", "item")))
    assert story.items == ["V"], "one of two"
    assert story.complete("V", approved=True).items == ["Good"]


def test_a_sign_off_in_a_row_that_is_sent_back_straight_goes_on_with_the_votes_it_had() -> None:
    story = (
        Story("start s\nuser A\nuser V each=people item=who signoff=all sequential\nuser D\ns -> A -> V -> D")
        .start(people=["a", "b", "c"])
        .complete("A")
        .complete("V", approved=True)
    )
    story.send_back("V", "A", straight=True).complete("A").complete("V", approved=True).complete("V", approved=True)
    assert story.items == ["D"] and story.variables["approved"] is True


def test_an_initiator_takes_it_back_out_of_branches_with_all_that_was_arranged_in_them() -> None:
    story = Story(FORK).start().complete("A").complete("B1").ask("C1", "before").send_back("B2", "B1", straight=True)
    story.do(Jump(0, "A"))
    assert story.items == ["A"] and not story.state.asks and not story.state.reworks
    assert story.complete("A").items == ["B1", "C1"]


def test_who_begins_again_takes_votes_of_a_closed_sign_off_anew() -> None:
    story = ballot().complete("V", approved=True).complete("V", approved=True).complete("V", approved=True)
    assert story.send_back("Good", "V").items == ["V", "V", "V"]


@pytest.mark.parametrize("straight", [True, False])
def test_gone_back_to_a_call_calls_again_and_straight_comes_back_from_it(straight: bool) -> None:
    story = Story("start s\ncall C called=other\nuser A\nuser B\ns -> C -> A -> B").start().returned("C").complete("A")
    story.send_back("B", "C", straight=straight)
    assert "C" in story.open and story.items == []
    assert story.returned("C").items == (["B"] if straight else ["A"])


def test_a_jump_past_a_gateway_that_has_gone_on_overtakes_who_is_on_the_way_there() -> None:
    story = Story(ENOUGH_OF_THREE).start().complete("A").complete("B").complete("C")
    assert story.open == ["D", "E1"]
    with pytest.raises(CommandRejected, match="等不齐"):
        story.do(Jump(0, "B"))
    with pytest.raises(CommandRejected, match="等不齐"):
        story.do(Jump(story.wait("E1", "item"), "B"))
    story.do(Jump(story.wait("E1", "item"), "Z"))
    assert story.open == ["Z"] and story.complete("Z").outcome == "completed"
