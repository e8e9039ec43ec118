"""Gateways: who goes on where, and who waits for whom."""

from __future__ import annotations

import pytest

from bihuan.engine.runtime import CommandRejected, FlowTaken, IncidentRaised
from tests.engine.runtime.story import Story

CHOICE = """
start s
xor g
user A
user B
user C
s -> g
g -> A : x > 10
g -> B : x > 5
g -> C : else
"""


@pytest.mark.parametrize(("x", "node"), [(11, "A"), (6, "B"), (1, "C")])
def test_an_exclusive_gateway_takes_the_first_true_flow_else_the_default(x: int, node: str) -> None:
    assert Story(CHOICE).start(x=x).open == [node]


def test_one_flow_without_a_condition_serves_as_default_wherever_it_stands() -> None:
    model = "start s\nxor g\nuser A\nuser B\ns -> g\ng -> A\ng -> B : x > 5"
    assert Story(model).start(x=9).open == ["B"]
    assert Story(model).start(x=1).open == ["A"]


def test_a_condition_that_is_neither_true_nor_false_is_an_incident() -> None:
    story = Story(CHOICE).start()
    [raised] = story.happened(IncidentRaised)
    assert raised.node == "g" and "x > 10" in raised.reason
    assert story.set(x=6).retry().open == ["B"]


def test_where_no_way_is_open_the_variables_that_are_missing_are_named() -> None:
    model = "start s\nxor g\nuser A\nuser B\ns -> g\ng -> A : x = 1\ng -> B : this.y = 2"
    [raised] = Story(model).start(x=2).happened(IncidentRaised)
    assert raised.reason.endswith("默认出口，没有名为“y”的变量")


def test_no_way_to_take_is_an_incident_that_skipping_resolves_by_naming_one() -> None:
    story = Story("start s\nxor g\nuser A\nuser B\ns -> g\ng -> A : x > 10\ng -> B : x > 5").start(x=1)
    with pytest.raises(CommandRejected, match="走哪一条"):
        story.skip()
    with pytest.raises(CommandRejected, match="没有流线"):
        story.skip("nowhere")
    assert story.skip("g_B").open == ["B"]


def test_no_way_to_take_can_be_skipped_with_the_variable_it_lacked() -> None:
    story = Story("start s\nxor g\nuser A\nuser B\ns -> g\ng -> A : x > 10\ng -> B : x > 5").start(x=1)
    assert story.skip(x=20).open == ["A"]


PARALLEL = """
start s
and f
user A
user B
user C
and j
user D
s -> f -> A -> j -> D
f -> B -> j
f -> C -> j
"""


@pytest.mark.parametrize("order", ["ABC", "CBA", "BAC"])
def test_a_parallel_join_waits_for_all_branches_in_any_order(order: str) -> None:
    story = Story(PARALLEL).start()
    assert story.open == ["A", "B", "C"]
    for node in order:
        assert "D" not in story.open
        story.complete(node)
    assert story.open == ["D"] and story.complete("D").outcome == "completed"


def test_a_parallel_join_does_not_mistake_two_tokens_on_one_flow_for_two_branches() -> None:
    model = """
    start s
    and f
    user A
    user B
    user C
    xor m
    and j
    user D
    s -> f -> A -> m
    f -> B -> m
    m -> j
    f -> C -> j
    j -> D
    """
    story = Story(model).start().complete("A").complete("B")
    assert story.open == ["C"]
    story.complete("C")
    assert story.open == ["D"]
    assert story.complete("D").last, "the second token on the same flow stays and is reported as never joining"
    [raised] = story.happened(IncidentRaised)
    assert raised.node == "j" and raised.stage == "join"
    assert story.skip().open == ["D"]
    assert story.complete("D").outcome == "completed"


def test_a_join_whose_other_branch_was_never_taken_is_reported_not_left_hanging() -> None:
    model = "start s\nxor g\nuser A\nuser B\nand j\nuser D\ns -> g\ng -> A : x\ng -> B : else\nA -> j\nB -> j\nj -> D"
    story = Story(model).start(x=True).complete("A")
    [raised] = story.happened(IncidentRaised)
    assert "永远不会到" in raised.reason
    assert story.retry().happened(IncidentRaised), "retrying alone does not help"
    assert story.skip().open == ["D"]


INCLUSIVE = """
start s
or f
user A
user B
user C
or j
user D
s -> f
f -> A : a
f -> B : b
f -> C : else
A -> j
B -> j
C -> j
j -> D
"""


@pytest.mark.parametrize(
    ("a", "b", "opened"), [(True, True, ["A", "B"]), (True, False, ["A"]), (False, True, ["B"]), (False, False, ["C"])]
)
def test_an_inclusive_gateway_takes_every_true_flow_and_joins_exactly_those(
    a: bool, b: bool, opened: list[str]
) -> None:
    story = Story(INCLUSIVE).start(a=a, b=b)
    assert story.open == opened
    for node in opened:
        assert "D" not in story.open
        story.complete(node)
    assert story.open == ["D"] and story.complete("D").outcome == "completed"


def test_an_inclusive_join_goes_on_when_the_other_branch_turns_away() -> None:
    model = """
    start s
    or f
    user A
    user B
    xor x
    end away
    or j
    user D
    s -> f
    f -> A : true
    f -> B : true
    A -> j
    B -> x
    x -> j : go
    x -> away : else
    j -> D
    """
    story = Story(model).start(go=False).complete("A")
    assert story.open == ["B"], "B may still come"
    story.complete("B")
    assert story.open == ["D"], "B has turned away, so nobody is missing any more"


def test_an_inclusive_join_waits_for_a_token_that_loops_before_it_comes() -> None:
    model = """
    start s
    or f
    user A
    user B
    xor again
    or j
    user D
    s -> f
    f -> A : true
    f -> B : true
    A -> j
    B -> again
    again -> B : redo
    again -> j : else
    j -> D
    """
    story = Story(model).start(redo=True).complete("A").complete("B").complete("B")
    assert story.open == ["B"]
    assert story.complete("B", redo=False).open == ["D"]


def test_an_inclusive_join_does_not_wait_for_a_token_that_can_only_come_through_it() -> None:
    model = """
    start s
    or f
    user A
    user B
    or j
    xor again
    s -> f
    f -> A : a
    f -> B : b
    A -> j
    B -> j
    j -> again
    again -> f : more
    user D
    again -> D : else
    """
    story = Story(model).start(a=True, b=True, more=True).complete("A")
    assert story.open == ["B"]
    story.complete("B")
    assert story.open == ["A", "B"], "the second round begins"
    story.complete("A", b=False).complete("B", more=False)
    assert story.open == ["D"]


def test_an_inclusive_join_counts_a_way_over_a_boundary_event() -> None:
    model = """
    start s
    and f
    user A
    user B
    boundary late on=B after=PT1H
    user C
    or j
    user D
    s -> f -> A -> j
    f -> B
    late -> C -> j
    end e
    B -> e
    j -> D
    """
    story = Story(model).start().complete("A")
    assert "D" not in story.open, "B may still be late and come by C"
    assert story.complete("B").open == ["D"]
    assert Story(model).start().complete("A").fire("late").complete("C").open == ["D"]


def test_of_two_tokens_an_inclusive_join_lets_the_standard_decide() -> None:
    """BPMN 2.0, table 13.3: a token that can also reach a flow that has a token already is not waited for."""
    model = """
    start s
    and f
    user A
    user B
    xor x
    or j
    user D
    s -> f -> A -> j
    f -> B -> x
    x -> A : again
    x -> j : else
    j -> D
    """
    story = Story(model).start(again=False).complete("A")
    assert story.open == ["B", "D"]


def test_tasks_split_like_inclusive_gateways() -> None:
    model = "start s\nuser A\nuser B\nuser C\nuser E\ns -> A\nA -> B\nA -> C : x\nA -> E : else"
    assert Story(model).start().complete("A", x=True).open == ["B", "C"]
    assert Story(model).start().complete("A", x=False).open == ["B", "E"]


def test_a_task_with_only_conditional_ways_and_none_true_is_an_incident_after_the_work_is_kept() -> None:
    story = Story("start s\nuser A\nuser B\nuser C\ns -> A\nA -> B : x\nA -> C : y").start()
    story.complete("A", x=False, y=False)
    assert story.happened(IncidentRaised)[0].stage == "leave"
    assert story.set(y=True).retry().open == ["C"], "the task itself is not done again"


EVENTS = """
start s
event g
catch 到货 message=到货
catch 超时 after=PT2H
catch 停业 signal=停业
user A
user B
user C
s -> g -> 到货 -> A
g -> 超时 -> B
g -> 停业 -> C
"""


def test_the_first_event_wins_and_the_others_are_given_up() -> None:
    assert Story(EVENTS).start().message("到货", 数量=1).open == ["A"]
    assert Story(EVENTS).start().fire("超时").open == ["B"]
    story = Story(EVENTS).start().signal("停业")
    assert story.open == ["C"]
    assert [event.flow for event in story.happened(FlowTaken)] == ["g_停业", "停业_C"]


def test_an_event_gateway_may_lead_to_a_receive_task() -> None:
    model = "start s\nevent g\nreceive R message=m\ncatch T after=PT1H\nend e\nend f\ns -> g -> R -> e\ng -> T -> f"
    assert Story(model).start().message("R").outcome == "completed"


def test_an_endless_automatic_loop_stops_as_an_incident() -> None:
    story = Story("start s\nxor a\ntask T\nxor b\nend e\ns -> a -> T -> b\nb -> e : x\nb -> a : else").start(x=False)
    [raised] = story.happened(IncidentRaised)
    assert raised.stage == "limit" and "没有出口的循环" in raised.reason
    assert story.set(x=True).retry().outcome == "completed"
