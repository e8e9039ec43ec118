"""Correlation as the standard writes it: keys, their properties in messages, and what a process knows of them."""

from __future__ import annotations

from bihuan.engine.definition import check_bpmn, parse_bpmn
from bihuan.engine.runtime import MessageThrown, Subscribed
from tests.engine.runtime.models import HEAD
from tests.engine.runtime.story import Story

ORDER = '<correlationPropertyRetrievalExpression messageRef="m"><messagePath>{}</messagePath></correlationPropertyRetrievalExpression>'  # noqa: E501
PROPERTY = '<correlationProperty id="{}">{}</correlationProperty>'
BINDING = '<correlationPropertyBinding correlationPropertyRef="{}"><dataPath>{}</dataPath></correlationPropertyBinding>'


def model(*properties: tuple[str, str, str], key: str = "k") -> str:
    """A process that sends message m and waits for it, with a key of these properties (name, in the message, known)."""
    declared = "".join(PROPERTY.format(name, ORDER.format(path) if path else "") for name, path, _ in properties)
    references = "".join(f"<correlationPropertyRef>tns:{name}</correlationPropertyRef>" for name, _, _ in properties)
    bound = "".join(BINDING.format(name, known) for name, _, known in properties if known)
    return (
        f'{HEAD}<message id="m" name="到货"/>{declared}<collaboration id="c"><participant id="pa" processRef="p"/>'
        f'<correlationKey id="k">{references}</correlationKey></collaboration><process id="p">'
        f'<correlationSubscription id="cs" correlationKeyRef="{key}">{bound}</correlationSubscription>'
        '<startEvent id="s"/><sendTask id="t" messageRef="m"/><receiveTask id="r" messageRef="m"/><endEvent id="e"/>'
        '<sequenceFlow id="a" sourceRef="s" targetRef="t"/><sequenceFlow id="b" sourceRef="t" targetRef="r"/>'
        '<sequenceFlow id="d" sourceRef="r" targetRef="e"/></process></definitions>'
    )


def test_what_is_sent_carries_its_key_and_what_is_awaited_asks_for_that_of_the_process() -> None:
    story = Story(parse_bpmn(model(("order", "parcel.order", "no"))).main).start(parcel={"order": "7"}, no="8")
    assert [event.correlation for event in story.happened(MessageThrown)] == ["7"]
    assert [event.correlation for event in story.happened(Subscribed)] == ["8"]


def test_a_key_may_have_several_properties_and_lacks_a_value_if_one_does() -> None:
    process = parse_bpmn(model(("site", "a", "here"), ("order", "b", "no"))).main
    story = Story(process).start(a="x", b=2, here="y", no=3)
    assert [event.correlation for event in story.happened(MessageThrown)] == ["x|2"]
    assert [event.correlation for event in story.happened(Subscribed)] == ["y|3"]
    assert len(Story(process).start(a="x", b=2, here="y").state.incidents) == 1


def test_a_key_that_cannot_be_found_is_refused() -> None:
    assert [problem.element_id for problem in check_bpmn(model(("order", "x", "y"), key="other"))] == ["cs"]
    assert [problem.element_id for problem in check_bpmn(model(("order", "x", "")))] == ["cs"], "not in the process"
    assert [problem.element_id for problem in check_bpmn(model(("order", "", "y")))] == ["cs"], "not in the message"
