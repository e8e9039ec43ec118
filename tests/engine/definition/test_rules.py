"""What BPMN or this engine does not allow: told by element, line and reason."""

from __future__ import annotations

import pytest

from bihuan.engine.definition import Problem, check_bpmn, parse_bpmn
from tests.engine.runtime.models import HEAD, xml_of


def problems(text: str) -> list[Problem]:
    return check_bpmn(xml_of(text), source="m.bpmn")


def inside(xml: str) -> list[Problem]:
    """Problems of a process with a start event, a task `t` and this XML."""
    return check_bpmn(
        f'{HEAD}<process id="process"><startEvent id="s"/><userTask id="t"/>'
        f'<sequenceFlow id="st" sourceRef="s" targetRef="t"/>\n{xml}</process></definitions>',
        source="m.bpmn",
    )


@pytest.mark.parametrize(
    ("text", "code", "element"),
    [
        ("", "empty-process", "process"),
        ("start s\nuser A\nend e\ns -> A -> e\nA -> s", "flow-into-start", "startEvent"),
        ("start s\nuser A\nend e\ns -> e -> A", "flow-out-of-end", "endEvent"),
        ("start s\nuser A\nuser B\ns -> A", "unreachable", "userTask"),
        ("start s\nuser A\nuser B\nuser C\ns -> A\nB -> C -> B", "unreachable", "userTask"),
        ("start s\nxor g\nuser A\nuser B\ns -> g\ng -> A\ng -> B", "missing-condition", "sequenceFlow"),
        ("start s\nand g\nuser A\nuser B\ns -> g\ng -> A : x\ng -> B", "useless-condition", "sequenceFlow"),
        ("start s\nand g\nuser A\nuser B\ns -> g\ng -> A : else\ng -> B", "bad-default", "parallelGateway"),
        ("start s\nevent g\ncatch c message=m\nuser A\ns -> g -> c\ng -> A", "event-gateway", "sequenceFlow"),
        ("start s\nevent g\ncatch c message=m\ns -> g -> c", "event-gateway", "eventBasedGateway"),
        ("start s\nuser A\nboundary b on=A after=PT1H\ns -> A", "boundary-without-way", "boundaryEvent"),
        ("start s\nuser A\nboundary b on=s after=PT1H\nb -> A\ns -> A", "bad-boundary", "boundaryEvent"),
        ("start s\nuser A\nboundary b on=Z after=PT1H\nb -> A\ns -> A", "missing-reference", "boundaryEvent"),
        ("start s\nuser A\nboundary b on=A error=E nonint\nuser B\nb -> B\ns -> A", "error-not-interrupting", "boundaryEvent"),  # noqa: E501
        ("start s\nend e error=\ns -> e", "throw-without-code", "endEvent"),
        ("start s\nthrow a link=L\ns -> a", "link", "intermediateThrowEvent"),
        ("start s\nsub P {\nstart x message=m\n}\ns -> P", "sub-process-start", "startEvent"),
        ("start s\nsub P {\nstart x\nstart y\n}\ns -> P", "sub-process-start", "subProcess"),
        ("start s\nsub P {\nuser A\nuser B\nA -> B -> A\n}\ns -> P", "empty-sub-process", "subProcess"),
        ("start s\nuser A\ns -> A\nsub P byevent {\nstart x message=m\n}\nA -> P", "event-sub-process", "subProcess"),
        ("start s\nuser A\ns -> A\nsub P byevent {\nstart x\n}", "event-sub-process", "subProcess"),
        ("start s\nsub P {\nuser B\n}\nuser A\ns -> P -> A\nA -> B", "flow-crosses-border", "sequenceFlow"),
        ("start s\nuser A\ns -> A -> Z", "missing-reference", "sequenceFlow"),
        ("start s\ncall C\ns -> C", "call-without-process", "callActivity"),
        ("start s\nscript C format=ruby code=x\ns -> C", "unsupported-script", "scriptTask"),
        ("start s\ncatch c\ns -> c", "event-without-trigger", "intermediateCatchEvent"),
        ("start s\ncatch c after=gleich\ns -> c", "", ""),
        ('start s\ncatch c after="P1X"\ns -> c', "", ""),
        ('start s\ncatch c every="0 0 9 1W * ?"\ns -> c', "bad-timer", "intermediateCatchEvent"),
        ("start s\ncatch c every=R0/PT1H\ns -> c", "bad-timer", "intermediateCatchEvent"),
        ("start s\ncatch c every=R/PT0S\ns -> c", "bad-timer", "intermediateCatchEvent"),
        ("start s\ncatch c at=2026-02-30\ns -> c", "bad-timer", "intermediateCatchEvent"),
        ('start s\nxor g\nuser A\nuser B\ns -> g\ng -> A : x >\ng -> B', "bad-expression", "sequenceFlow"),
        ('start s\nuser A title="1 +"\ns -> A', "bad-expression", "userTask"),
        ("start s\nuser A max=viele\ns -> A", "bad-loop", "userTask"),
    ],
)  # fmt: skip
def test_it_is_refused(text: str, code: str, element: str) -> None:
    found = problems(text)
    if not code:
        return
    assert (code, element) in {(problem.code, problem.element) for problem in found}, found
    assert all(problem.line > 1 and problem.reason and problem.source == "m.bpmn" for problem in found)


@pytest.mark.parametrize(
    ("xml", "code"),
    [
        ('<choreographyTask id="x"/>', "unsupported-element"),
        ('<adHocSubProcess id="x"/>', "ad-hoc"),
        ('<adHocSubProcess id="o"><endEvent id="x"/></adHocSubProcess>', "ad-hoc"),
        ('<wizardTask id="x"/>', "unknown-element"),
        ('<zeebe:thing id="x"/>', "unknown-element"),
        ('<userTask id="x"><zeebe:thing/></userTask>', "unknown-element"),
        ('<userTask id="x"><nonsense/></userTask>', "unknown-element"),
        ('<userTask id="x" isForCompensation="true"/><sequenceFlow id="y" sourceRef="t" targetRef="x"/>', "compensation"),  # noqa: E501
        ('<receiveTask id="x" instantiate="true"><multiInstanceLoopCharacteristics><loopCardinality>2</loopCardinality></multiInstanceLoopCharacteristics></receiveTask>', "instantiate"),  # noqa: E501
        ('<boundaryEvent id="x" attachedToRef="t"><compensateEventDefinition/></boundaryEvent>', "compensation"),
        ('<intermediateThrowEvent id="x"><compensateEventDefinition activityRef="s"/></intermediateThrowEvent>', "missing-reference"),  # noqa: E501
        ('<intermediateThrowEvent id="x"><compensateEventDefinition activityRef="no"/></intermediateThrowEvent>', "missing-reference"),  # noqa: E501
        ('<boundaryEvent id="x" attachedToRef="t"><conditionalEventDefinition/></boundaryEvent>', "event-without-condition"),  # noqa: E501
        ('<endEvent id="x"><cancelEventDefinition/></endEvent>', "cancel-outside-transaction"),
        ('<boundaryEvent id="x" attachedToRef="t"><cancelEventDefinition/></boundaryEvent>', "cancel-outside-transaction"),  # noqa: E501
        ('<boundaryEvent id="x" attachedToRef="t" cancelActivity="false"><cancelEventDefinition/></boundaryEvent>', "cancel-not-interrupting"),  # noqa: E501
        ('<eventBasedGateway id="x" eventGatewayType="Parallel"/>', "event-gateway"),
        ('<startEvent id="x"><errorEventDefinition/></startEvent>', "unsupported-event"),
        ('<endEvent id="x"><errorEventDefinition/><terminateEventDefinition/></endEvent>', "multiple-event"),
        ('<intermediateCatchEvent id="x"><linkEventDefinition/><signalEventDefinition/></intermediateCatchEvent>', "multiple-event"),  # noqa: E501
        ('<intermediateThrowEvent id="x"><linkEventDefinition/><linkEventDefinition/></intermediateThrowEvent>', "multiple-event"),  # noqa: E501
        ('<boundaryEvent id="x" attachedToRef="t"><compensateEventDefinition/><signalEventDefinition/></boundaryEvent>', "multiple-event"),  # noqa: E501
        ('<boundaryEvent id="x" attachedToRef="t" parallelMultiple="true"><errorEventDefinition/><signalEventDefinition/></boundaryEvent>', "multiple-event"),  # noqa: E501
        ('<intermediateCatchEvent id="x"><messageEventDefinition messageRef="m"/></intermediateCatchEvent>', "missing-reference"),  # noqa: E501
        ('<userTask id="x" startQuantity="0"/>', "bad-quantity"),
        ('<userTask id="x" completionQuantity="1000000000000"/>', "bad-quantity"),
        ('<sequenceFlow id="x" sourceRef="t" targetRef="s"><conditionExpression language="java">return new X().y();</conditionExpression></sequenceFlow>', "bad-expression"),  # noqa: E501
        ('<intermediateCatchEvent id="x"><timerEventDefinition/></intermediateCatchEvent>', "timer-without-time"),
        ('<userTask id="x"><multiInstanceLoopCharacteristics/></userTask>', "bad-loop"),
        ('<userTask id="x"><standardLoopCharacteristics/></userTask>', "bad-loop"),
        ('<userTask id="x"><extensionElements><camunda:taskListener class="X"/></extensionElements></userTask>', "listener"),  # noqa: E501
        ('<userTask id="x"><extensionElements><zeebe:ioMapping><zeebe:input source="=a" target="b."/></zeebe:ioMapping></extensionElements></userTask>', "bad-mapping"),  # noqa: E501
        ('<sequenceFlow id="x" sourceRef="t" targetRef="s"><conditionExpression language="ruby">x</conditionExpression></sequenceFlow>', "unsupported-condition"),  # noqa: E501
    ],
)  # fmt: skip
def test_what_cannot_run_is_refused_by_name_and_line(xml: str, code: str) -> None:
    found = [problem for problem in inside(xml) if problem.code == code]
    assert found and found[0].line == HEAD.count("\n") + 2


def test_a_file_whose_message_is_broken_still_names_everything_else() -> None:
    found = problems('start s\nuser A title="1 +"\nuser B title="2 +"\ns -> A -> B')
    assert [problem.element_id for problem in found] == ["A", "B"]


def test_pictures_data_and_notes_are_left_alone() -> None:
    assert not inside(
        '<dataObject id="d" name="单"/><dataObjectReference id="dr" dataObjectRef="d"/><dataStoreReference id="ds"/>'
        '<textAnnotation id="ta"><text>说明</text></textAnnotation><association id="as" sourceRef="t" targetRef="ta"/>'
        '<group id="g"/><ioSpecification id="io"/><property id="pr"/>'
    )


def test_a_process_marked_not_executable_beside_others_is_a_drawing() -> None:
    body = '<startEvent id="{0}s"/><choreographyTask id="{0}c"/>'
    xml = (
        f'{HEAD}<process id="a" isExecutable="false">{body.format("a")}</process>'
        '<process id="b" isExecutable="true"><startEvent id="bs"/></process></definitions>'
    )
    assert list(parse_bpmn(xml).processes) == ["b"]


def test_ids_are_not_needed_where_nothing_refers_to_them() -> None:
    xml = (
        f'{HEAD}<process id="b"><startEvent id="s"/><userTask id="t"/><endEvent id="e"/>'
        '<sequenceFlow sourceRef="s" targetRef="t"/><sequenceFlow sourceRef="t" targetRef="e"/></process></definitions>'
    )
    assert len(parse_bpmn(xml).main.flows) == 2


def test_pools_may_be_black_boxes() -> None:
    xml = (
        f'{HEAD}<collaboration id="c"><participant id="p1" name="客户"/><participant id="p2" name="门店" processRef="b"/>'  # noqa: E501
        '<messageFlow id="mf" sourceRef="p1" targetRef="bs"/></collaboration>'
        '<process id="b" isExecutable="true"><startEvent id="bs"><messageEventDefinition/></startEvent>'
        "</process></definitions>"
    )
    model = parse_bpmn(xml)
    assert [(pool.name, pool.process) for pool in model.participants] == [("客户", ""), ("门店", "b")]


def test_the_main_process_is_the_one_nobody_calls() -> None:
    xml = (
        f'{HEAD}<process id="a" isExecutable="true"><startEvent id="as"/></process>'
        '<process id="b" isExecutable="true"><callActivity id="c" calledElement="a"/></process></definitions>'
    )
    assert parse_bpmn(xml).main.id == "b"
