"""Properties of every block-structured process, whatever its shape and the order in which people work."""

from __future__ import annotations

from collections import Counter

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


@SLOWLY
@given(shape=shapes(), data=st.data())
def test_it_ends_after_exactly_the_work_its_shape_asks_for(shape: Shape, data: st.DataObject) -> None:
    case = case_of(shape)
    story = Story(case.text).start(**case.variables)
    done = work(story, shape, data, 400)
    assert done == expected(shape), "a token was lost or made"
    assert story.outcome == "completed"


@SLOWLY
@given(shape=shapes(), data=st.data(), steps=st.integers(0, 12))
def test_cancelling_at_any_moment_leaves_nothing(shape: Shape, data: st.DataObject, steps: int) -> None:
    case = case_of(shape)
    story = Story(case.text).start(**case.variables)
    work(story, shape, data, steps)
    if story.state.status == "running":
        story.cancel()
        assert story.outcome == "cancelled" and not story.state.waits
