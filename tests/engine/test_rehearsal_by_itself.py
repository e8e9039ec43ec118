"""Running without answers to the end: each way of a drawing in turn, and data that nobody gives made up."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bihuan.engine.definition import parse_bpmn
from bihuan.engine.rehearsal import Outcome, rehearse
from tests.engine.runtime.models import HEAD, xml_of
from tests.engine.test_rehearsal import NINE


def walk(xml: str) -> Outcome:
    """What becomes of it without any answers, as the drawing it may be."""
    model = parse_bpmn(xml, drawings=True)
    return rehearse(model, model.main, now=NINE, auto=True, pools=model.pools)


def drawn(text: str) -> str:
    return xml_of(text).replace('isExecutable="true"', 'isExecutable="false"')


LOOP = "start s\nxor back\nuser A\nxor g\nuser Again\nend e\ns -> back -> A -> g\ng -> Again{}\nAgain -> back\ng -> e{}"


def test_where_a_drawing_does_not_say_which_way_each_is_taken_in_turn_so_that_loops_end() -> None:
    outcome = walk(drawn(LOOP.format("", "")))
    assert outcome.state == "completed" and [node.id for node in outcome.in_turn] == ["g"]
    assert outcome.main.nodes == ["s", "back", "A", "g", "Again", "back", "A", "g", "e"]


def test_a_condition_that_a_drawing_cannot_tell_is_as_good_as_none() -> None:
    outcome = walk(drawn(LOOP.format(" : 不合格", " : 合格")))
    assert outcome.state == "completed" and [node.id for node in outcome.in_turn] == ["g"]
    stuck = walk(xml_of(LOOP.format(" : 不合格", " : 合格")))
    assert stuck.state == "incident" and not stuck.in_turn, "what is to run for real must tell"


def test_the_events_behind_a_gateway_take_turns() -> None:
    outcome = walk(xml_of("start s\nxor j\nevent w\ncatch t after=PT1H\ncatch m message=x\nend e\n"
                          "s -> j -> w\nw -> t -> j\nw -> m -> e"))  # fmt: skip
    assert outcome.state == "completed" and outcome.main.nodes == ["s", "j", "w", "t", "j", "w", "m", "e"]


TYPED = (
    f'{HEAD}<itemDefinition id="n" structureRef="xsd:{{kind}}" isCollection="{{many}}"/><process id="p">'
    '<dataObject id="o" name="needed" itemSubjectRef="n" isCollection="{many}"/><startEvent id="s"/><userTask id="T">'
    '<ioSpecification id="io"><dataInput id="i" name="in" itemSubjectRef="n" isCollection="{many}"/>'
    '<inputSet id="is"><dataInputRefs>i</dataInputRefs></inputSet></ioSpecification><dataInputAssociation id="a">'
    "<sourceRef>o</sourceRef><targetRef>i</targetRef></dataInputAssociation></userTask>"
    '<sequenceFlow id="f" sourceRef="s" targetRef="T"/></process></definitions>'
)


@pytest.mark.parametrize(
    ("kind", "many", "value"),
    [
        ("string", "false", ""),
        ("integer", "false", Decimal(0)),
        ("nonNegativeInteger", "false", Decimal(0)),
        ("boolean", "false", False),
        ("dateTime", "false", NINE),
        ("string", "true", [""]),
        ("Invoice", "false", ""),
    ],
)
def test_data_that_a_step_needs_is_made_up_by_its_declared_type(kind: str, many: str, value: object) -> None:
    outcome = walk(TYPED.format(kind=kind, many=many))
    assert outcome.state == "completed" and outcome.main.state.variables == {"needed": value}
    assert [(one.node.id, one.name, one.value) for one in outcome.made_up] == [("T", "needed", value)]


def test_what_is_repeated_for_whom_and_under_which_key_is_made_up_too() -> None:
    outcome = walk(
        xml_of("start s\nuser A each=(signers) item=signer\ncatch m message=x correlation=number\ns -> A -> m")
    )
    assert outcome.state == "completed"
    assert [(one.name, one.value) for one in outcome.made_up] == [("signers", [""]), ("number", "1")]
