"""Others see to a step too: before its holder, after, in their stead, or by signing it together; and standing still."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bihuan.engine.definition import DefinitionError
from bihuan.engine.runtime import (
    AddSigner,
    Ask,
    CommandRejected,
    CompleteItem,
    ItemOpened,
    RemoveSigner,
    Restore,
    Resume,
    Suspend,
    Unask,
)
from tests.engine.runtime.models import build
from tests.engine.runtime.story import Story

CHAIN = """
    start s
    user A form=sheet
    boundary late on=A after=PT2H
    user B
    end e
    s -> A -> B -> e
    late -> B
"""
SIGN = """
    start s
    user V each=people item=who assignee=who {options}
    xor g
    user Good
    user Bad
    end e
    s -> V -> g
    g -> Good : approved
    g -> Bad : else
    Good -> e
    Bad -> e
"""


def ballot(options: str = "signoff=all", people: object = ("a", "b", "c")) -> Story:
    return Story(SIGN.format(options=options)).start(people=list(people))  # type: ignore[call-overload]


def votes(story: Story, *agree: bool) -> Story:
    for vote in agree:
        story.complete("V", approved=vote)
    return story


def asked(story: Story) -> int:
    """The item of the one person who is asked now."""
    [item] = [ask.item for ask in story.state.asks.values() if ask.item]
    return item


def test_who_is_asked_before_answers_and_the_holder_decides() -> None:
    story = Story(CHAIN).start().ask("A", "before")
    [opened] = story.happened(ItemOpened)
    assert (opened.assignee, opened.form, opened.role) == (7, "", "")
    with pytest.raises(CommandRejected, match="等别人先办完"):
        story.complete("A")
    with pytest.raises(CommandRejected, match="同意或不同意"):
        story.do(CompleteItem(asked(story)))
    story.do(CompleteItem(asked(story), {"agree": False}))
    assert story.items == ["A"] and not story.state.asks
    assert story.complete("A").items == ["B"]


def test_several_may_be_asked_before_and_all_are_waited_for() -> None:
    story = Story(CHAIN).start()
    wait = story.wait("A", "item")
    for person in (7, 8):
        story.do(Ask(wait, "before", person, asker=1))
    with pytest.raises(CommandRejected, match="已经请过"):
        story.do(Ask(wait, "before", 7, asker=1))
    first, second = (ask.item for ask in story.state.asks.values())
    story.do(Ask(first, "before", 9, asker=7))
    story.do(CompleteItem(second, {"agree": True}))
    assert story.items == ["A"], "the one asked by who was asked"
    story.do(CompleteItem(asked_by(story, 9), {"agree": True}))
    story.do(CompleteItem(first, {"agree": True}))
    assert story.items == ["A"] and story.complete("A").items == ["B"]


def asked_by(story: Story, person: int) -> int:
    return next(ask.item for ask in story.state.asks.values() if ask.person == person)


def test_who_is_asked_after_lets_the_step_go_on_or_gives_it_back() -> None:
    story = Story(CHAIN).start().ask("A", "after").complete("A", total=5)
    assert story.items == ["A"] and "total" not in story.variables
    story.do(CompleteItem(asked(story), {"agree": False}))
    [opened] = story.happened(ItemOpened)
    assert (opened.assignee, opened.form) == (1, "sheet")
    story.ask("A", "after").complete("A", total=6)
    story.do(CompleteItem(asked(story), {"agree": True}))
    assert story.items == ["B"] and story.variables["total"] == 6


def test_a_delegate_does_the_step_and_who_delegated_confirms_it() -> None:
    story = Story(CHAIN).start().ask("A", "delegate")
    [opened] = story.happened(ItemOpened)
    assert opened.form == "sheet"
    story.do(CompleteItem(asked(story), {"total": 5}))
    assert story.items == ["A"] and story.variables["total"] == 5


def test_taking_somebody_out_gives_the_turn_back() -> None:
    story = Story(CHAIN).start().ask("A", "before").ask("A", "after", person=8)
    first, later = story.state.asks
    story.do(Unask(later))
    story.do(Unask(first))
    assert story.items == ["A"] and story.complete("A").items == ["B"]


def test_an_exception_ends_the_asking_with_the_step() -> None:
    story = Story(CHAIN).start().ask("A", "before").ask("A", "after", person=8).fire("late")
    assert story.open == ["B"] and not story.state.asks


@pytest.mark.parametrize(
    ("options", "given", "leads_to"),
    [
        ("signoff=all", [True, True, True], "Good"),
        ("signoff=all", [True, False], "Bad"),
        ("signoff=any", [False, True], "Good"),
        ("signoff=any", [False, False, False], "Bad"),
        ("signoff=ratio threshold=60%", [True, False, True], "Good"),
        ("signoff=ratio threshold=60%", [False, False], "Bad"),
        ("signoff=all early=false", [False, True, True], "Bad"),
        ("signoff=all sequential", [True, True, True], "Good"),
        ("signoff=any sequential", [True], "Good"),
    ],
)
def test_a_sign_off_ends_when_its_verdict_is_certain(options: str, given: list[bool], leads_to: str) -> None:
    story = votes(ballot(options), *given[:-1])
    assert "Good" not in story.open and "Bad" not in story.open
    assert votes(story, given[-1]).open == [leads_to]


def test_votes_have_weights() -> None:
    weight = "'weight=if who = \"chief\" then 3 else 1'"
    story = Story(SIGN.format(options=f"signoff=ratio threshold=0.5 {weight}"))
    story.start(people=["chief", "a", "b"])
    assert votes(story, True).open == ["Good"]


def test_a_vote_must_be_given() -> None:
    with pytest.raises(CommandRejected, match="同意或不同意"):
        ballot().complete("V")


def test_a_sign_off_without_anybody_is_an_incident() -> None:
    assert "没有一个会签人" in str(ballot(people=()).last)


def test_signers_join_and_leave() -> None:
    story = ballot()
    story.do(AddSigner(story.wait("V", "item"), "d"))
    assert [event.assignee for event in story.happened(ItemOpened)] == ["d"] and len(story.items) == 4
    votes(story, True, True)
    story.do(RemoveSigner(story.wait("V", "item")))
    assert votes(story, True).open == ["Good"]


def test_who_joins_a_sign_off_in_a_row_is_next() -> None:
    story = ballot("signoff=all sequential")
    story.do(AddSigner(story.wait("V", "item"), "d"))
    votes(story, True)
    assert [event.assignee for event in story.happened(ItemOpened)] == ["d"]
    story.do(RemoveSigner(story.wait("V", "item")))
    assert [event.assignee for event in story.happened(ItemOpened)] == ["b"]
    assert votes(story, True, True).open == ["Good"]


def test_who_joins_a_sign_off_in_a_row_may_come_last_or_before_another() -> None:
    story = ballot("signoff=all sequential")
    story.do(AddSigner(story.wait("V", "item"), "last", place=4))
    story.do(AddSigner(story.wait("V", "item"), "d", place=3))
    for place in (1, 7):
        with pytest.raises(CommandRejected, match="轮过"):
            story.do(AddSigner(story.wait("V", "item"), "e", place=place))
    turns = [[event.assignee for event in votes(story, True).happened(ItemOpened)] for _ in range(4)]
    assert turns == [["b"], ["d"], ["c"], ["last"]] and votes(story, True).open == ["Good"]


def test_signers_in_a_row_leave_before_their_turn_and_keep_out_when_others_join() -> None:
    story = ballot("signoff=all sequential")
    story.do(RemoveSigner(story.wait("V", "item"), 2))
    story.do(AddSigner(story.wait("V", "item"), "d"))
    with pytest.raises(CommandRejected, match="已经减掉"):
        story.do(RemoveSigner(story.wait("V", "item"), 3))
    assert [event.assignee for event in votes(story, True).happened(ItemOpened)] == ["d"]
    assert [event.assignee for event in votes(story, True).happened(ItemOpened)] == ["c"], "b is passed over"
    assert votes(story, True).open == ["Good"]
    story = ballot("signoff=ratio threshold=60% sequential")
    votes(story, True)
    story.do(RemoveSigner(story.wait("V", "item"), 3))
    assert story.open == ["V"] and votes(story, True).open == ["Good"]


def test_taking_the_last_undecided_signer_out_decides() -> None:
    story = votes(ballot(), True, True)
    story.do(RemoveSigner(story.wait("V", "item")))
    assert story.open == ["Good"]
    story = ballot(people=("a",))
    with pytest.raises(CommandRejected, match="至少要留一个人"):
        story.do(RemoveSigner(story.wait("V", "item")))


@pytest.mark.parametrize("options", ["signoff=most", "signoff=ratio"])
def test_a_sign_off_nobody_could_count_is_refused(options: str) -> None:
    with pytest.raises(DefinitionError):
        build(SIGN.format(options=options))


def test_a_suspended_instance_stands_still_with_its_timers() -> None:
    story = Story(CHAIN).start()
    due = story.state.waits[story.wait("late", "timer")].due_at
    story.do(Suspend())
    with pytest.raises(CommandRejected, match="挂起"):
        story.complete("A")
    story.later(hours=5).do(Resume())
    moved = story.state.waits[story.wait("late", "timer")].due_at
    assert due is not None and moved == due + timedelta(hours=5)
    with pytest.raises(CommandRejected, match="没有挂起"):
        story.do(Resume())


def test_a_timer_for_a_given_date_keeps_it_while_suspended() -> None:
    story = Story(CHAIN.replace("after=PT2H", "at=2026-11-25T08:00:00Z")).start()
    due = story.state.waits[story.wait("late", "timer")].due_at
    story.do(Suspend())
    story.later(hours=5).do(Resume())
    assert story.state.waits[story.wait("late", "timer")].due_at == due


def test_a_message_that_comes_while_suspended_comes_when_it_goes_on() -> None:
    story = Story("""
        start s
        catch m message=paid
        user B
        end e
        s -> m -> B -> e
    """).start()
    story.do(Suspend())
    story.message("m", amount=5)
    assert story.open == ["m"]
    story.do(Resume())
    assert story.open == ["B"] and story.variables["amount"] == 5


def test_a_step_is_taken_back_from_those_who_are_to_sign_after() -> None:
    story = Story(CHAIN).start().ask("A", "after")
    before = story.before
    story.complete("A", total=5)
    story.do(Restore(before, story.before))
    assert story.items == ["A"] and not story.state.asks and not story.state.held
    assert story.complete("A").items == ["B"]


def test_a_suspended_instance_may_be_called_off() -> None:
    story = Story(CHAIN).start()
    story.do(Suspend())
    assert story.cancel().outcome == "cancelled"
