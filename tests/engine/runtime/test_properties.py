"""Properties of every block-structured process, whatever its shape and the order in which people work."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bihuan.engine.runtime import CompleteItem
from tests.engine.runtime.blocks import Shape, case_of, expected, shapes
from tests.engine.runtime.story import Story

SLOWLY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


def work(story: Story, shape: Shape, data: st.DataObject, limit: int) -> int:
    """Complete items in a drawn order until nothing is open or the limit is reached. Returns how many."""
    case = case_of(shape)
    visits: Counter[str] = Counter()
    done = 0
    while story.state.status == "running" and done < limit:
        waits = sorted(story.state.waits.values(), key=lambda wait: wait.id)
        assert waits, f"nothing open but not ended: {story.state}"
        assert not story.state.incidents
        wait = data.draw(st.sampled_from(waits))
        visits[wait.node] += 1
        story.do(CompleteItem(wait.id, case.answers(wait.node, visits[wait.node])))
        done += 1
    return done


def ends_after_its_work(shape: Shape, data: st.DataObject) -> None:
    case = case_of(shape)
    story = Story(case.text).start(**case.variables)
    done = work(story, shape, data, 400)
    assert done == expected(shape), "a token was lost or made"
    assert story.outcome == "completed"


def leaves_nothing_when_cancelled(shape: Shape, data: st.DataObject, steps: int) -> None:
    case = case_of(shape)
    story = Story(case.text).start(**case.variables)
    work(story, shape, data, steps)
    if story.state.status == "running":
        story.cancel()
        assert story.outcome == "cancelled" and not story.state.waits


@SLOWLY
@given(shape=shapes(), data=st.data())
def test_it_ends_after_exactly_the_work_its_shape_asks_for(shape: Shape, data: st.DataObject) -> None:
    ends_after_its_work(shape, data)


@SLOWLY
@given(shape=shapes(), data=st.data(), steps=st.integers(0, 12))
def test_cancelling_at_any_moment_leaves_nothing(shape: Shape, data: st.DataObject, steps: int) -> None:
    leaves_nothing_when_cancelled(shape, data, steps)


@SLOWLY
@given(shape=shapes(2), shapes_beside=st.lists(shapes(2), min_size=1, max_size=3), data=st.data())
def test_a_join_waits_for_exactly_its_branches(shape: Shape, shapes_beside: list[Shape], data: st.DataObject) -> None:
    """What comes after a join opens when the last piece of work in its branches is done, and not before."""
    branches = [shape, *shapes_beside]
    case = case_of(("seq", [("and", branches), ("task", None)]))
    after = case.last_task
    story = Story(case.text).start(**case.variables)
    before = sum(expected(branch) for branch in branches)
    visits: Counter[str] = Counter()
    for _ in range(before):
        assert after not in story.open, "the join let go too early"
        wait = data.draw(st.sampled_from(sorted(story.state.waits.values(), key=lambda wait: wait.id)))
        visits[wait.node] += 1
        story.do(CompleteItem(wait.id, case.answers(wait.node, visits[wait.node])))
    assert story.open == [after], "the join waits for something that will not come"


@pytest.mark.long
@settings(SLOWLY, max_examples=500)
@given(shape=shapes(4), data=st.data())
def test_many_and_deeper_shapes_end_after_exactly_their_work(shape: Shape, data: st.DataObject) -> None:
    ends_after_its_work(shape, data)


@pytest.mark.long
@settings(SLOWLY, max_examples=500)
@given(shape=shapes(4), data=st.data(), steps=st.integers(0, 40))
def test_cancelling_many_and_deeper_shapes_leaves_nothing(shape: Shape, data: st.DataObject, steps: int) -> None:
    leaves_nothing_when_cancelled(shape, data, steps)
