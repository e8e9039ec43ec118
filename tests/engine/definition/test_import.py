"""Models drawn for other engines: what they say about people, forms, services and variables arrives."""

from __future__ import annotations

import pytest

from bihuan.engine.definition import Node, Process, parse_bpmn, review_bpmn
from bihuan.engine.feel import to_text
from tests.engine.runtime.models import HEAD


def process(xml: str, declarations: str = "") -> Process:
    return parse_bpmn(
        f'{HEAD}{declarations}<process id="process" isExecutable="true">{xml}</process></definitions>'
    ).main


def node(xml: str) -> Node:
    return process(xml).nodes["x"]


@pytest.mark.parametrize(
    ("attributes", "inside", "role", "assignee", "form"),
    [
        ('bihuan:role="advisor" bihuan:assignee="顾问" bihuan:form="f"', "", "advisor", "li", "f"),
        ('camunda:assignee="li" camunda:candidateGroups="a,b" camunda:formKey="f"', "", "a,b", "li", "f"),
        ('camunda:assignee="${顾问}" camunda:formRef="f"', "", "", "li", "f"),
        ('flowable:assignee="#{顾问}" flowable:candidateGroups="a" flowable:formKey="f"', "", "a", "li", "f"),
        ("", '<zeebe:assignmentDefinition assignee="li" candidateGroups="a"/><zeebe:formDefinition formId="f"/>', "a", "li", "f"),  # noqa: E501
        ('camunda:candidateUsers="li"', "", "", '["li"]', ""),
        ('flowable:candidateUsers="${顾问}"', "", "", "li", ""),
        ("", '<zeebe:assignmentDefinition candidateUsers="li, wang"/>', "", '["li", "wang"]', ""),
        ('camunda:candidateUsers="li" camunda:candidateGroups="a" camunda:assignee="${顾问}"', "", "a", "li", ""),
        ("", '<zeebe:assignmentDefinition assignee="=顾问"/><zeebe:formDefinition formKey="f"/>', "", "li", "f"),
    ],
)  # fmt: skip
def test_who_does_a_task_with_which_form(attributes: str, inside: str, role: str, assignee: str, form: str) -> None:
    task = node(f'<userTask id="x" {attributes}><extensionElements>{inside}</extensionElements></userTask>')
    assert (task.extension.role, task.extension.form) == (role, form)
    assert task.assignee is not None and to_text(task.assignee.evaluate({"顾问": "li"})) == assignee


@pytest.mark.parametrize(
    ("attributes", "inside", "service"),
    [
        ('bihuan:service="s"', "", "s"),
        ('camunda:type="external" camunda:topic="s"', "", "s"),
        ('camunda:class="org.example.S"', "", "org.example.S"),
        ('camunda:delegateExpression="${s}"', "", "s"),
        ('camunda:expression="${s.run(x)}"', "", "s.run(x)"),
        ('flowable:class="org.example.S"', "", "org.example.S"),
        ('flowable:type="mail"', "", "mail"),
        ("", '<zeebe:taskDefinition type="s" retries="3"/>', "s"),
        ('name="打印"', "", ""),
    ],
)
def test_which_service_is_asked_for(attributes: str, inside: str, service: str) -> None:
    task = node(f'<serviceTask id="x" {attributes}><extensionElements>{inside}</extensionElements></serviceTask>')
    assert task.extension.service == service


@pytest.mark.parametrize(
    "text",
    [
        "x > 1",
        "= x > 1",
        "${x > 1}",
        "#{x &gt; 1}",
        "$x > 1 and not('a' = 'b')",
        "x is not None and x > 1",
        "not x == 1",
        "this.data.x > 1",
        "item.data.x > 1",
        "item.data.x!=null &amp;&amp; 'item.data.y' != 'this.y' &amp;&amp; item.data.x > 1",
        "(this.x==2)",
        "this.variables.x === 2",
    ],
)
def test_conditions_in_every_dialect(text: str) -> None:
    flow = process(
        '<startEvent id="s"/><exclusiveGateway id="g" default="gb"/><userTask id="a"/><userTask id="b"/>'
        '<sequenceFlow id="sg" sourceRef="s" targetRef="g"/><sequenceFlow id="gb" sourceRef="g" targetRef="b"/>'
        '<sequenceFlow id="ga" sourceRef="g" targetRef="a"><conditionExpression xsi:type="tFormalExpression">'
        f"{text.replace(' > ', ' &gt; ')}</conditionExpression></sequenceFlow>"
    ).flows["ga"]
    assert flow.condition is not None
    assert flow.condition.evaluate({"x": 2}) is True and flow.condition.evaluate({"x": 1}) is False


def test_decisions() -> None:
    ours = node('<businessRuleTask id="x" bihuan:decision="d" bihuan:result="r"/>')
    seven = node('<businessRuleTask id="x" camunda:decisionRef="d" camunda:resultVariable="r"/>')
    eight = node(
        '<businessRuleTask id="x"><extensionElements><zeebe:calledDecision decisionId="d" resultVariable="r"/>'
        "</extensionElements></businessRuleTask>"
    )
    assert {(task.decision, task.result_variable) for task in (ours, seven, eight)} == {("d", "r")}


def test_loops_over_collections() -> None:
    head = '<userTask id="x"><multiInstanceLoopCharacteristics isSequential="true" '
    texts = [
        head + 'bihuan:collection="人" bihuan:item="p"/></userTask>',
        head + 'camunda:collection="人" camunda:elementVariable="p"/></userTask>',
        head + 'flowable:collection="${人}" flowable:elementVariable="p"/></userTask>',
        head + 'camunda:collection="(this.data.人)" camunda:elementVariable="p"/></userTask>',
        head + '><extensionElements><zeebe:loopCharacteristics inputCollection="=人" inputElement="p"/>'
        "</extensionElements></multiInstanceLoopCharacteristics></userTask>",
        '<dataObject id="d" name="人"/>' + head + "><loopDataInputRef>d</loopDataInputRef>"
        '<inputDataItem id="i" name="p"/></multiInstanceLoopCharacteristics></userTask>',
    ]
    for text in texts:
        loop = node(text).loop
        assert loop is not None and loop.sequential and loop.item == "p" and loop.collection is not None
        assert loop.collection.evaluate({"人": ["甲"]}) == ["甲"]


def test_lanes_give_their_role_to_what_is_in_them() -> None:
    found = process(
        '<laneSet id="ls"><lane id="l1" name="服务顾问"><flowNodeRef>a</flowNodeRef><flowNodeRef>sub</flowNodeRef>'
        '<childLaneSet id="cl"><lane id="l2" name="技师" bihuan:role="technician"><flowNodeRef>b</flowNodeRef></lane>'
        '</childLaneSet></lane></laneSet><startEvent id="s"/><userTask id="a"/><userTask id="b"/>'
        '<userTask id="c" bihuan:role="cashier"/><subProcess id="sub"><userTask id="d"/></subProcess>'
        '<sequenceFlow id="f1" sourceRef="s" targetRef="a"/><sequenceFlow id="f2" sourceRef="a" targetRef="b"/>'
        '<sequenceFlow id="f3" sourceRef="b" targetRef="c"/><sequenceFlow id="f4" sourceRef="c" targetRef="sub"/>'
    )
    roles = {name: found.nodes[name].extension.role for name in "abcd"}
    assert roles == {"a": "服务顾问", "b": "technician", "c": "cashier", "d": "服务顾问"}
    assert found.nodes["b"].lane == "l2" and found.lanes["l2"].parent == "l1"


def test_our_own_words_for_a_task() -> None:
    extension = node(
        '<userTask id="x" bihuan:limit="接待" bihuan:script="打招呼" bihuan:effects="open_case take_key" bihuan:button="完成"'  # noqa: E501
        ' bihuan:prints="预检单 估价单" bihuan:knowledge="k" bihuan:title="= 车牌" bihuan:colour="red"/>'
    ).extension
    assert (extension.limit, extension.script, extension.button, extension.knowledge) == ("接待", "打招呼", "完成", "k")
    assert extension.effects == ("open_case", "take_key") and extension.prints == ("预检单", "估价单")
    assert extension.title == "车牌" and extension.properties == {"colour": "red"}


def test_everything_knows_its_line() -> None:
    found = process('\n<startEvent id="s"/>\n<userTask id="x"/>\n<sequenceFlow id="f" sourceRef="s" targetRef="x"/>\n')
    first = HEAD.count("\n") + 2
    assert [found.nodes["s"].line, found.nodes["x"].line, found.flows["f"].line] == [first, first + 1, first + 2]


def test_a_definition_cannot_be_changed() -> None:
    task = node('<userTask id="x"/>')
    with pytest.raises(AttributeError):
        task.name = "anders"  # type: ignore[misc]


@pytest.mark.parametrize(
    "written",
    [
        'language="java">return amount &gt; 5 &amp;&amp; ok;',
        'language="JavaScript">(item.data.amount &gt; 5 &amp;&amp; this.ok)',
        'language="javascript">next(null, this.environment.variables.amount &gt; 5);',
        "language=\"http://www.w3.org/1999/XPath\">$amount &gt; 5 and ok = true() and starts-with('ab', 'a')",
    ],
)
def test_conditions_in_other_languages_are_read_where_they_only_compare(written: str) -> None:
    xml = (
        f'{HEAD}<process id="p"><startEvent id="s"/><userTask id="a"/><userTask id="b"/><exclusiveGateway id="g"/>'
        '<sequenceFlow id="f" sourceRef="s" targetRef="g"/><sequenceFlow id="x" sourceRef="g" targetRef="a">'
        f"<conditionExpression {written}</conditionExpression>"
        '</sequenceFlow><sequenceFlow id="y" sourceRef="g" targetRef="b"/></process></definitions>'
    )
    condition = parse_bpmn(xml).main.flows["x"].condition
    assert condition is not None and condition.evaluate({"amount": 6, "ok": True}) is True


@pytest.mark.parametrize("assignee", ["$INITIATOR", "${我}", "#{ 我 }"])
def test_whoever_started_is_known_under_the_name_other_engines_give(assignee: str) -> None:
    found = process(
        f'<startEvent id="s" flowable:initiator="我"/><userTask id="x" flowable:assignee="{assignee}"/>'
        '<sequenceFlow id="f" sourceRef="s" targetRef="x"/>'
    ).nodes["x"]
    assert found.assignment is not None and found.assignment.source == "starter" and found.assignee is None


@pytest.mark.parametrize(
    ("inside", "value"),
    [
        ("${x + 1}", 3),
        ("x", "x"),
        ("<camunda:list><camunda:value>a</camunda:value><camunda:value>${x}</camunda:value></camunda:list>", ["a", 2]),
        ('<camunda:map><camunda:entry key="k k">a</camunda:entry></camunda:map>', {"k k": "a"}),
        ('<camunda:script scriptFormat="groovy">return x * 2;</camunda:script>', 4),
        ('<camunda:list><camunda:script scriptFormat="javascript">x == 2</camunda:script></camunda:list>', [True]),
    ],
)
def test_parameters_are_texts_expressions_lists_maps_and_small_scripts(inside: str, value: object) -> None:
    parameter = f'<camunda:inputParameter name="p">{inside}</camunda:inputParameter>'
    [mapping] = node(
        f'<userTask id="x"><extensionElements><camunda:inputOutput>{parameter}</camunda:inputOutput>'
        "</extensionElements></userTask>"
    ).inputs
    assert mapping.target == "p" and mapping.expression.evaluate({"x": 2}) == value


DROOLS = 'xmlns:drools="http://www.jboss.org/drools"'


@pytest.mark.parametrize(
    ("owner", "role", "assignee"),
    [
        ("advisor", "advisor", None),
        ("group(a), group(b)", "a,b", None),
        ("user(li), group(a), c", "a,c", None),
        ("user(li), user(wang)", "", ["li", "wang"]),
        ("", "", None),
    ],
)
def test_the_owners_of_a_task_are_groups_or_users(owner: str, role: str, assignee: object) -> None:
    said = f"<resourceAssignmentExpression><formalExpression>{owner}</formalExpression></resourceAssignmentExpression>"
    task = node(f'<userTask id="x"><potentialOwner>{said}</potentialOwner></userTask>')
    assert task.extension.role == role
    assert (task.assignee and task.assignee.evaluate({})) == assignee


def input_of(name: str, value: str) -> str:
    return (
        f"<dataInputAssociation><targetRef>i{name}</targetRef><assignment><from>{value}</from><to>i{name}</to>"
        "</assignment></dataInputAssociation>"
    )


def test_the_inputs_of_a_task_of_jbpm_say_who_does_it_and_are_texts() -> None:
    names = {"GroupId": "advisor", "ActorId": "#{顾问}", "Comment": "please"}
    declared = "".join(f'<dataInput id="i{name}" name="{name}"/>' for name in names)
    inputs = "".join(input_of(*pair) for pair in names.items())
    task = f'<userTask id="x"><ioSpecification>{declared}</ioSpecification>{inputs}</userTask>'
    head = HEAD.replace(" id=", ' expressionLanguage="http://www.mvel.org/2.0" id=', 1)
    found = parse_bpmn(f'{head}<process id="p">{task}</process></definitions>').main.nodes["x"]
    assert found.extension.role == "advisor"
    assert found.assignee is not None and found.assignee.evaluate({"顾问": "li"}) == "li"
    given = {mapping.target: mapping.expression.evaluate({"please": 1}) for mapping in found.inputs}
    assert given["Comment"] == "please"


def test_inputs_of_camunda_8_without_an_equals_sign_are_texts() -> None:
    mappings = '<zeebe:input source="hello" target="a"/><zeebe:input source="= hello" target="b"/>'
    mappings += '<zeebe:input source="" target="c"/><zeebe:input target="d"/>'
    task = f'<userTask id="x"><extensionElements><zeebe:ioMapping>{mappings}</zeebe:ioMapping></extensionElements>'
    given = {each.target: each.expression.evaluate({"hello": 1}) for each in node(f"{task}</userTask>").inputs}
    assert given == {"a": "hello", "b": 1, "c": "", "d": None}


def test_a_task_with_a_handler_of_jbpm_is_a_service() -> None:
    task = node(f'<task id="x" {DROOLS} drools:taskName="Email"/>')
    assert (task.kind, task.extension.service) == ("serviceTask", "Email")


def told(inside: str, flow: str = "", beside: str = "") -> list[tuple[str, str, bool]]:
    return [
        (problem.element, problem.reason, problem.advice)
        for problem in review_bpmn(
            f'{HEAD}<process id="process" isExecutable="true">{beside}<startEvent id="s"/>{inside}<endEvent id="e"/>'
            f'<sequenceFlow id="f" sourceRef="s" targetRef="x">{flow}</sequenceFlow>'
            '<sequenceFlow id="g" sourceRef="x" targetRef="e"/></process></definitions>'
        )
    ]


LISTENER = '<extensionElements><camunda:executionListener event="start" class="X"/></extensionElements>'


@pytest.mark.parametrize(
    ("inside", "flow", "beside", "where"),
    [
        (f'<userTask id="x">{LISTENER}</userTask>', "", "", "userTask"),
        ('<userTask id="x"/>', LISTENER, "", "sequenceFlow"),
        ('<userTask id="x"/>', "", LISTENER, "process"),
        (
            '<userTask id="x"><extensionElements><zeebe:taskListeners/></extensionElements></userTask>',
            "", "", "userTask",
        ),
        (
            f'<userTask id="x"><extensionElements><drools:onEntry-script {DROOLS}/></extensionElements></userTask>',
            "", "", "userTask",
        ),
    ],
)  # fmt: skip
def test_code_that_other_engines_run_beside_an_element_is_refused_there(
    inside: str, flow: str, beside: str, where: str
) -> None:
    [(element, reason, advice)] = told(inside, flow, beside)
    assert element == where and "不支持附带的代码" in reason and not advice


def test_settings_of_other_engines_that_do_nothing_here_are_named_once() -> None:
    form = "<extensionElements><flowable:formProperty id='a'/><flowable:formProperty id='b'/></extensionElements>"
    signal = f'{HEAD}<signal id="g" name="g" flowable:scope="global"/><process id="p"><task id="t"/></process>'
    assert [problem.element for problem in review_bpmn(signal + "</definitions>")] == ["signal"]
    task = f'<userTask id="x" flowable:skipExpression="${{x}}" flowable:async="true">{form}</userTask>'
    names = ["flowable:skipExpression", "flowable:formProperty"]
    assert told(task) == [("userTask", f"其他引擎的设置 {name} 在这里不起作用", True) for name in names]
