"""Multi-instance and loops: how often, for what, what comes out, and when it ends early."""

from __future__ import annotations

import pytest

from bihuan.engine.runtime import IncidentRaised, ItemClosed, ItemOpened
from tests.engine.runtime.story import Story


def test_parallel_instances_open_all_at_once_and_join() -> None:
    story = Story("start s\nuser A times=3\nuser B\ns -> A -> B").start()
    assert story.open == ["A", "A", "A"]
    assert [item.variables["loopCounter"] for item in story.happened(ItemOpened)] == [1, 2, 3]
    story.complete("A").complete("A")
    assert story.open == ["A"]
    assert story.complete("A").open == ["B"]


def test_sequential_instances_open_one_after_the_other_with_their_item() -> None:
    story = Story("start s\nuser A each=人员 item=人 sequential assignee=人\nuser B\ns -> A -> B").start(
        人员=["甲", "乙"]
    )
    assert story.happened(ItemOpened)[0].assignee == "甲"
    story.complete("A")
    assert story.happened(ItemOpened)[0].assignee == "乙"
    assert story.complete("A").open == ["B"]
    assert "人" not in story.variables and "loopCounter" not in story.variables


def test_results_are_gathered_in_the_order_of_the_items_not_of_completion() -> None:
    story = Story("start s\nuser A each=人员 item=人 out=意见 value=意\nuser B\ns -> A -> B").start(
        人员=["甲", "乙", "丙"]
    )
    story.complete("A", 2, 意="丙的").complete("A", 0, 意="甲的").complete("A", 意="乙的")
    assert story.variables["意见"] == ["甲的", "乙的", "丙的"] and "意" not in story.variables


def test_without_a_collection_for_results_they_become_plain_variables() -> None:
    story = Story("start s\nuser A times=2\nuser B\ns -> A -> B").start().complete("A", x=1).complete("A", x=2)
    assert story.variables == {"x": 2}


@pytest.mark.parametrize("mode", ["", "sequential"])
def test_a_completion_condition_ends_the_rest(mode: str) -> None:
    model = f'start s\nuser A times=4 {mode} until="numberOfCompletedInstances >= 2"\nuser B\ns -> A -> B'
    story = Story(model).start().complete("A").complete("A")
    assert story.open == ["B"]
    cancelled = [event for event in story.happened(ItemClosed) if event.outcome == "cancelled"]
    assert len(cancelled) == (0 if mode else 2)


def test_a_completion_condition_sees_what_was_gathered() -> None:
    model = """
    start s
    user A times=3 out=意见 value=同意 until="count(意见[item = true]) / nrOfInstances > 0.5"
    user B
    s -> A -> B
    """
    story = Story(model).start().complete("A", 同意=True).complete("A", 同意=False)
    assert story.open == ["A"]
    assert story.complete("A", 同意=True).open == ["B"]
    assert story.variables["意见"] == [True, False, True]


def test_one_refusal_can_end_it() -> None:
    model = 'start s\nuser A times=3 out=意见 value=同意 until="同意 = false"\nuser B\ns -> A -> B'
    story = Story(model).start().complete("A", 2, 同意=False)
    assert story.open == ["B"] and story.variables["意见"] == [None, None, False]


def test_nothing_to_do_passes_with_an_empty_result() -> None:
    story = Story("start s\nuser A each=人员 item=人 out=意见 value=x\nuser B\ns -> A -> B").start(人员=[])
    assert story.open == ["B"] and story.variables["意见"] == []


@pytest.mark.parametrize("value", [None, "甲", -1, 2.5, 3_000, True])
def test_a_number_of_times_that_is_none_is_an_incident(value: object) -> None:
    story = Story("start s\nuser A times=几次\nuser B\ns -> A -> B").start(几次=value)
    assert len(story.happened(IncidentRaised)) == 1
    assert story.set(几次=1).retry().open == ["A"]


def test_a_sub_process_repeats_with_its_own_item_each() -> None:
    model = """
    start s
    sub P each=车辆 item=车 {
      start ps
      user A title=车
      user B
      ps -> A -> B
    }
    user C
    s -> P -> C
    """
    story = Story(model).start(车辆=["一", "二"])
    assert [item.title for item in story.happened(ItemOpened)] == ["一", "二"]
    story.complete("A").complete("B").complete("A")
    assert story.open == ["B"]
    assert story.complete("B").open == ["C"]


def test_a_boundary_event_covers_all_repetitions_together() -> None:
    model = "start s\nuser A times=3\nboundary T on=A after=PT1H\nuser B\nuser C\ns -> A -> B\nT -> C"
    story = Story(model).start().complete("A")
    assert story.open == ["A", "A", "T"]
    assert story.fire("T").open == ["C"]
    assert Story(model).start().complete("A").complete("A").complete("A").open == ["B"]


def test_an_error_in_one_repetition_ends_all() -> None:
    model = "start s\nservice A times=3\nboundary E on=A error=X\nuser B\nuser C\ns -> A -> B\nE -> C"
    assert Story(model).start().fail("A", "坏", "X").open == ["C"]


def test_a_failed_repetition_can_be_skipped() -> None:
    story = Story("start s\nservice A times=2 out=r value=x\nuser B\ns -> A -> B").start().fail("A").skip()
    assert story.finish("A", x=5).open == ["B"] and story.variables["r"] == [None, 5]


def test_a_completion_condition_that_fails_is_retried_without_doing_the_work_again() -> None:
    story = Story('start s\nuser A times=2 until="够了"\nuser B\ns -> A -> B').start().complete("A")
    assert story.happened(IncidentRaised)[0].stage == "count"
    assert story.set(够了=True).retry().open == ["B"]


def test_a_task_on_the_way_to_itself_makes_a_new_round() -> None:
    story = Story("start s\nuser A\nxor g\nuser B\ns -> A -> g\ng -> A : 返工\ng -> B : else").start()
    size = 0
    for number in range(1_000):
        story.complete("A", 返工=True)
        if number == 10:
            size = len(str(story.state.to_json()))
    assert len(str(story.state.to_json())) <= size + 8, "the state grows only by digits of its ids"
    assert story.complete("A", 返工=False).open == ["B"]


def test_a_standard_loop_repeats_while_its_condition_holds() -> None:
    story = Story('start s\nuser A while="再来" max=3\nuser B\ns -> A -> B').start()
    story.complete("A", 再来=True).complete("A")
    assert story.open == ["A"]
    assert story.complete("A").open == ["B"], "three times at most"
    assert Story('start s\nuser A while="再来"\nuser B\ns -> A -> B').start().complete("A", 再来=False).open == ["B"]


def test_a_standard_loop_may_ask_first() -> None:
    story = Story('start s\nuser A while="再来" before\nuser B\ns -> A -> B')
    assert story.start(再来=False).open == ["B"]


def test_a_loop_counts_its_rounds() -> None:
    assert Story('start s\nscript A while="loopCounter < 3" code="{n: n + 1}"\nuser B\ns -> A -> B').start(
        n=0
    ).variables == {"n": 3}
