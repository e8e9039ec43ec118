"""The same models and answers in SpiffWorkflow: the same tasks are open after every step, and both end together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from SpiffWorkflow.bpmn.exceptions import WorkflowDataException

from tests.engine.runtime.blocks import Case, Shape, case_of, shapes
from tests.engine.runtime.peer import Peer
from tests.engine.runtime.story import Story


def agree(case: Case, choose: st.DataObject | None = None, limit: int = 60) -> None:
    """Drive both engines alike and compare after every step."""
    ours, theirs = Story(case.text), Peer(case.text)
    ours.start(**case.variables)
    theirs.start(**case.variables)
    visits: Counter[str] = Counter()
    lost = set(case.beside)
    spent: set[str] = set()
    for _ in range(limit):
        # What comes again and again here comes once there, see below.
        listening = [node for node in ours.open if node in case.inside and node not in spent]
        assert (ours.items, listening) == (theirs.open, theirs.listening)
        assert (ours.state.status == "ended") == theirs.ended
        if not ours.items:
            assert answered(ours.state.variables, lost) == answered(theirs.data, lost)
            return
        node = ours.items[0] if choose is None else choose.draw(st.sampled_from([*ours.items, *listening]))
        if node in case.inside:
            ours.set_off(node)
            theirs.set_off(node)
            lost.update(case.inside[node])
            spent.update(case.repeated & {node})
            continue
        visits[node] += 1
        answers = case.answers(node, visits[node])
        ours.complete(node, **answers)
        theirs.complete(node, **answers)


def answered(variables: Mapping[str, Any], lost: Collection[str] = ()) -> dict[str, Any]:
    """What the tasks said, which both engines must still know at the end."""
    return {name: value for name, value in variables.items() if name[:2] == "v_" and name[2:] not in lost}


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(shape=shapes(peer=True), data=st.data())
def test_generated_processes(shape: Shape, data: st.DataObject) -> None:
    agree(case_of(shape), data)


@pytest.mark.long
@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(shape=shapes(4, peer=True), data=st.data())
def test_many_and_deeper_generated_processes(shape: Shape, data: st.DataObject) -> None:
    agree(case_of(shape), data, limit=200)


MODELS = {
    "two tokens into one task": "start s\nand f\nuser A\nuser B\nuser C\nend e\ns -> f -> A -> C -> e\nf -> B -> C",
    "an inclusive join one branch never reaches": """
        start s
        or f
        user A
        user B
        xor x
        end away
        or j
        user D
        end e
        s -> f
        f -> A : yes
        f -> B : yes
        A -> j
        B -> x
        x -> j : no
        x -> away : else
        j -> D -> e
        """,
    "an inclusive join behind a loop": """
        start s
        and f
        user A
        user B
        user q9
        xor again
        or j
        user D
        end e
        s -> f -> A -> j
        f -> B -> q9 -> again
        again -> B : again_q9
        again -> j : else
        j -> D -> e
        """,
    "an error out of a sub-process": """
        start s
        sub P {
          start ps
          and f
          user A
          user B
          end x error=E
          end y
          ps -> f -> A -> x
          f -> B -> y
        }
        boundary b on=P error=E
        user C
        user D
        end e
        s -> P -> C -> e
        b -> D -> e
        """,
    "terminating": "start s\nand f\nuser A\nuser B\nend t terminate\nend e\ns -> f -> A -> t\nf -> B -> e",
}


@pytest.mark.parametrize("name", MODELS)
def test_hand_made_processes(name: str) -> None:
    case = Case([MODELS[name]], {"yes": True, "no": False}, {"q9": 2})
    agree(case)


FED_TWICE = """
start s
and f
user A
user B
user C
xor m
and j
user D
end e
s -> f -> A -> m
f -> B -> m
f -> C -> j
m -> j
j -> D -> e
"""


def test_a_disagreement_a_token_too_many_is_reported_here_and_swallowed_there() -> None:
    """BPMN 2.0: a parallel join takes one token from each flow. The second token on a flow must not vanish."""
    ours, theirs = Story(FED_TWICE).start(), Peer(FED_TWICE)
    theirs.start()
    for node in ("A", "B", "C", "D"):
        ours.complete(node)
        theirs.complete(node)
    assert theirs.ended
    assert ours.state.status == "running" and len(ours.state.incidents) == 1


def test_a_disagreement_a_task_without_a_type_passes_here_and_waits_there() -> None:
    model = "start s\ntask A\nuser B\nend e\ns -> A -> B -> e"
    ours, theirs = Story(model).start(), Peer(model)
    theirs.start()
    assert (ours.open, theirs.open) == (["B"], ["A"])


JOIN_IN_LOOP = """
start s
xor m
and f
user A
user B
and j
user q
xor again
end e
s -> m -> f
f -> A -> j
f -> B -> j
j -> q -> again
again -> m : more
again -> e : else
"""


def test_a_disagreement_a_join_in_a_loop_waits_in_every_round_here_and_in_the_first_there() -> None:
    """BPMN 2.0: a parallel join takes one token from each flow, each time. There it remembers the round before."""
    ours, theirs = Story(JOIN_IN_LOOP).start(more=True), Peer(JOIN_IN_LOOP)
    theirs.start(more=True)
    for node in ("A", "B", "q", "B"):
        ours.complete(node)
        theirs.complete(node)
    assert (ours.open, theirs.open) == (["A"], ["A", "q"])


def test_a_disagreement_a_message_that_does_not_interrupt_comes_again_here_and_once_there() -> None:
    """BPMN 2.0: such a boundary event goes on listening as long as its activity runs."""
    model = "start s\nuser A\nboundary b on=A message=m nonint\nuser B\nend e\nend f\ns -> A -> e\nb -> B -> f"
    ours, theirs = Story(model).start(), Peer(model)
    theirs.start()
    ours.message("b")
    theirs.set_off("b")
    assert (ours.items, theirs.open) == (["A", "B"], ["A", "B"])
    assert (ours.open, theirs.listening) == (["A", "B", "b"], [])


def test_a_disagreement_results_are_gathered_by_item_here_and_by_completion_there() -> None:
    """A list that fits the list it was made of is worth more than one in the order of answering."""
    case = case_of(("each", (2, False)))
    ours, theirs = Story(case.text).start(**case.variables), Peer(case.text)
    theirs.start(**case.variables)
    for number, answer in ((1, "second"), (0, "first")):
        ours.complete("n1", number, o_n1=answer)
        theirs.complete("n1", number, o_n1=answer)
    assert (ours.variables["v_n1"], theirs.data["v_n1"]) == (["first", "second"], ["second", "first"])


def test_a_disagreement_a_list_is_written_anew_here_and_refused_there_the_second_time() -> None:
    case = case_of(("loop", (2, ("each", (1, False)))))
    ours, theirs = Story(case.text).start(**case.variables), Peer(case.text)
    theirs.start(**case.variables)
    [node], [ask] = case.items, case.rounds
    for task, answers in ((node, {f"o_{node}": "one"}), (ask, {f"again_{ask}": True})):
        ours.complete(task, **answers)
        if task == node:
            theirs.complete(task, **answers)
    with pytest.raises(WorkflowDataException):
        theirs.complete(ask, **{f"again_{ask}": True})
    assert ours.complete(node, **{f"o_{node}": "two"}).variables[f"v_{node}"] == ["two"]
