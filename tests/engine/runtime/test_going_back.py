"""Returning to a step passed before: by the way again, or straight back; out of branches, sub-processes, sign-offs."""

from __future__ import annotations

import pytest

from bihuan.engine.runtime import CommandRejected, Jump, Moved, Restore, SendBack, plan_send_back
from tests.engine.runtime.story import Story

CHAIN = """
    start s
    user A
    user B
    user C
    end e
    s -> A -> B -> C -> e
"""
FORK = """
    start s
    user A
    and f
    user B1
    user B2
    user C1
    user C2
    and j
    user D
    end e
    s -> A -> f
    f -> B1 -> B2 -> j
    f -> C1 -> C2 -> j
    j -> D -> e
"""
LOOP = """
    start s
    xor again
    user A
    and f
    user B1
    user B2
    user C
    and j
    xor good
    end e
    s -> again -> A -> f
    f -> B1 -> B2 -> j
    f -> C -> j
    j -> good
    good -> e : ok
    good -> again : else
"""
INSIDE = """
    start s
    user A
    sub S {
      start t
      user P
      and f
      user Q
      user R
      and j
      end u
      t -> P -> f
      f -> Q -> j
      f -> R -> j
      j -> u
    }
    boundary late on=S after=PT1H nonint
    user Chase
    end z
    user D
    end e
    s -> A -> S -> D -> e
    late -> Chase -> z
"""
SIGN = """
    start s
    user A
    user V each=people item=who assignee=who signoff=all
    user D
    end e
    s -> A -> V -> D -> e
"""


def signing(rule: str = "all", **variables: object) -> Story:
    model = SIGN.replace("signoff=all", f"signoff={rule}")
    return Story(model).start(people=["a", "b", "c"], **variables).complete("A")


def test_sending_back_walks_the_way_again() -> None:
    story = Story(CHAIN).start().complete("A").complete("B").send_back("C", "A")
    assert story.open == ["A"]
    assert [(move.node, move.target, move.how) for move in story.happened(Moved)] == [("C", "A", "send_back")]
    assert story.complete("A").open == ["B"]
    assert story.complete("B").complete("C").outcome == "completed"


def test_sending_back_within_a_branch_leaves_the_other_branches() -> None:
    story = Story(FORK).start().complete("A").complete("B1").complete("C1").send_back("B2", "B1")
    assert story.open == ["B1", "C2"]
    story.complete("C2").complete("B1").complete("B2")
    assert story.open == ["D"]


def test_sending_back_before_the_fork_takes_every_branch_along() -> None:
    story = Story(FORK).start().complete("A").complete("B1").complete("C1").complete("C2")
    assert story.send_back("B2", "A").open == ["A"]
    assert not [token for token in story.state.tokens.values() if token.node == "j"]
    story.complete("A")
    assert story.open == ["B1", "C1"]


def test_a_way_round_through_the_join_is_no_way_back() -> None:
    story = Story(LOOP).start(ok=False).complete("A").complete("B1").send_back("B2", "B1")
    assert story.open == ["B1", "C"]
    story.complete("C").complete("B1").complete("B2")
    assert story.open == ["A"], "the join has seen both branches once"


def test_sent_back_from_behind_the_join_the_other_branches_stay_done() -> None:
    story = Story(FORK).start().complete("A").complete("B1").complete("B2").complete("C1").complete("C2")
    story.send_back("D", "B2")
    assert story.open == ["B2"] and story.complete("B2").open == ["D"]
    story.send_back("D", "A")
    assert story.open == ["A"]


def test_a_branch_inside_a_closed_sub_process_is_done_again_by_itself() -> None:
    story = Story(INSIDE).start().complete("A").complete("P").complete("Q").complete("R").send_back("D", "Q")
    assert story.open == ["Q", "late"] and story.complete("Q").open == ["D"]


def test_who_is_asked_does_not_send_back_but_says_no() -> None:
    story = Story(CHAIN).start().complete("A").ask("B", "before")
    with pytest.raises(CommandRejected, match="请选不同意"):
        story.do(SendBack(max(story.state.waits), "A"))


def test_asking_another_branch_to_redo_keeps_ones_own_work() -> None:
    story = Story(FORK).start().complete("A").complete("C1").complete("C2").send_back("B1", "C1")
    assert story.open == ["B1", "C1"]
    story.complete("B1").complete("B2").complete("C1").complete("C2")
    assert story.open == ["D"]


def test_sending_back_out_of_a_sub_process_ends_what_runs_in_it() -> None:
    story = Story(INSIDE).start().complete("A").complete("P").fire("late").send_back("Q", "A")
    assert story.open == ["A"], "the reminder beside the sub-process belongs to what is done again"
    story.complete("A")
    assert story.open == ["P", "late"]


def test_sending_back_into_a_sub_process_opens_it_around_the_step() -> None:
    story = Story(INSIDE).start().complete("A").complete("P").complete("Q").complete("R").send_back("D", "P")
    assert story.open == ["P", "late"]
    story.complete("P")
    assert story.open == ["Q", "R", "late"]


def test_sending_back_from_a_sign_off_ends_it_for_all_who_sign() -> None:
    story = signing().complete("V", approved=True).send_back("V", "A")
    assert story.open == ["A"]
    assert story.complete("A").open == ["V", "V", "V"], "everybody signs anew"


def test_sent_back_straight_from_a_sign_off_the_votes_are_kept() -> None:
    story = signing().complete("V", approved=True).send_back("V", "A", straight=True)
    assert story.items == ["A", "V"]
    story.complete("A")
    assert story.items == ["V", "V"]
    assert story.complete("V", approved=True).complete("V", approved=True).open == ["D"]


def test_a_sign_off_may_be_sent_back_to() -> None:
    story = signing()
    for _ in range(3):
        story.complete("V", approved=True)
    assert story.before.tokens
    assert story.send_back("D", "V").open == ["V", "V", "V"]
    for _ in range(3):
        story.complete("V", approved=True)
    story.send_back("D", "V", straight=True)
    assert story.items == ["V", "V", "V"]
    for _ in range(3):
        story.complete("V", approved=True)
    assert story.items == ["D"]


def test_sending_back_while_somebody_is_asked_ends_the_asking() -> None:
    story = Story(CHAIN).start().complete("A").ask("B", "before")
    wait = min(wait for wait, held in story.state.waits.items() if held.node == "B")
    story.do(SendBack(wait, "A"))
    assert story.open == ["A"] and not story.state.asks
    story.complete("A").ask("B", "before")
    wait = min(wait for wait, held in story.state.waits.items() if held.node == "B")
    story.do(SendBack(wait, "A", straight=True))
    assert story.items == ["A"] and story.complete("A").items == ["B"]


@pytest.mark.parametrize(("target", "why"), [("C", "就是现在"), ("e", "由人办理"), ("nobody", "由人办理")])
def test_there_is_no_way_back_to_what_is_no_step_before(target: str, why: str) -> None:
    story = Story(CHAIN).start().complete("A").complete("B")
    with pytest.raises(CommandRejected, match=why):
        story.send_back("C", target)


def test_a_step_that_lies_ahead_is_not_gone_back_to() -> None:
    story = Story(CHAIN).start()
    with pytest.raises(CommandRejected, match="走不到现在的环节"):
        story.send_back("A", "C")


def test_what_goes_and_what_stays_is_told_before() -> None:
    story = Story(FORK).start().complete("A").complete("B1")
    wait = story.wait("B2", "item")
    tokens = story.state.tokens
    before_fork = plan_send_back(story.process, story.state, SendBack(wait, "A"))
    assert sorted(tokens[token].node for token in before_fork.gone) == ["B2", "C1"]
    within = plan_send_back(story.process, story.state, SendBack(wait, "B1"))
    assert [tokens[token].node for token in within.gone] == ["B2"]


def test_an_administrator_jumps_within_a_branch_and_past_the_join() -> None:
    story = Story(FORK).start().complete("A")
    story.do(Jump(story.wait("B1", "item"), "B2"))
    assert story.open == ["B2", "C1"]
    story.do(Jump(story.wait("B2", "item"), "D"))
    assert story.open == ["D"], "who was still to come to the join is overtaken"


def test_a_jump_that_would_starve_a_join_is_refused() -> None:
    story = Story(FORK).start().complete("A")
    with pytest.raises(CommandRejected, match="等不齐"):
        story.do(Jump(story.wait("B1", "item"), "C2"))
    story.do(Jump(0, "A"))
    assert story.open == ["A"]


def recall(story: Story, node: str, **variables: object) -> Story:
    """Complete a step and take it back."""
    before = story.before
    story.complete(node, **variables)
    after = story.before
    story.do(Restore(before, after))
    return story


def test_a_step_taken_back_is_open_again_where_the_next_one_forked() -> None:
    story = recall(Story(FORK).start(), "A")
    assert story.open == ["A"]
    assert story.complete("A").open == ["B1", "C1"]


def test_a_step_taken_back_after_a_join_gives_the_others_their_place_again() -> None:
    story = Story(FORK).start().complete("A").complete("C1").complete("C2").complete("B1")
    recall(story, "B2")
    assert story.open == ["B2"]
    assert [token.flow for token in story.state.tokens.values() if token.node == "j"] == ["C2_j"]
    assert story.complete("B2").open == ["D"]


def test_what_moved_in_another_branch_meanwhile_stays() -> None:
    story = Story(FORK).start().complete("A")
    before = story.before
    story.complete("B1")
    after = story.before
    story.complete("C1")
    story.do(Restore(before, after))
    assert story.open == ["B1", "C2"]


def test_a_step_that_somebody_acted_on_is_not_taken_back() -> None:
    story = Story(CHAIN).start()
    before = story.before
    story.complete("A")
    after = story.before
    story.ask("B", "before")
    with pytest.raises(CommandRejected, match="已经有人办了"):
        story.do(Restore(before, after))


def test_the_last_step_of_a_sub_process_is_taken_back_into_it() -> None:
    story = Story(INSIDE).start().complete("A").complete("P").complete("R")
    recall(story, "Q")
    assert story.open == ["Q", "late"]
    assert story.complete("Q").open == ["D"]


@pytest.mark.parametrize("rule", ["all", "any"])
def test_a_vote_is_taken_back_and_given_otherwise(rule: str) -> None:
    story = recall(signing(rule), "V", approved=rule == "any")
    assert story.open == ["V", "V", "V"]
    story.complete("V", approved=True)
    assert story.open == (["D"] if rule == "any" else ["V", "V"])


def test_a_return_may_be_taken_back_too() -> None:
    story = Story(FORK).start().complete("A").complete("C1").complete("B1")
    before = story.before
    story.send_back("B2", "A")
    story.do(Restore(before, story.before))
    assert story.open == ["B2", "C2"]


def test_a_redone_step_taken_back_makes_the_sender_wait_again() -> None:
    story = Story(CHAIN).start().complete("A").complete("B").send_back("C", "A", straight=True)
    recall(story, "A")
    assert story.items == ["A"]
    assert story.complete("A").items == ["C"]


def test_an_ended_instance_wakes_where_it_stopped() -> None:
    story = Story(INSIDE).start().complete("A").complete("P").complete("R")
    before = story.before
    story.cancel()
    story.do(Restore(before, story.before, "wake"))
    assert story.open == ["Q", "late"] and story.state.status == "running"
    story = Story(CHAIN).start().complete("A").complete("B")
    before = story.before
    story.complete("C")
    story.do(Restore(before, story.before, "wake"))
    assert story.open == ["C"] and story.complete("C").outcome == "completed"


def test_a_step_taken_back_is_undone_once_a_step_done_again_as_often_as_it_was_done() -> None:
    model = """
        start s
        user Book
        boundary b on=Book compensate
        user Undo undoes
        b ~> Undo
        user Pay
        throw t compensate
        end e
        s -> Book -> Pay -> t -> e
    """
    story = recall(Story(model).start(), "Book").complete("Book").complete("Pay")
    assert story.open == ["Undo"] and story.complete("Undo").outcome == "completed"
    story = Story(model).start().complete("Book").send_back("Pay", "Book").complete("Book").complete("Pay")
    assert story.complete("Undo").open == ["Undo"], "both bookings were made"
