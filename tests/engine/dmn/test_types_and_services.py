"""Declared types, decision services and the boxed forms of DMN 1.4."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from bihuan.engine.dmn import DecisionModel, parse_dmn

HEAD = '<definitions xmlns="https://www.omg.org/spec/DMN/20230324/MODEL/" id="d" name="n" namespace="urn:t">'
TYPES = """
<itemDefinition name="等级"><typeRef>string</typeRef>
  <allowedValues><text>"金", "银"</text></allowedValues></itemDefinition>
<itemDefinition name="老客户等级"><typeRef>等级</typeRef></itemDefinition>
<itemDefinition name="金额们" isCollection="true"><typeRef>feel:number</typeRef></itemDefinition>
<itemDefinition name="几笔" isCollection="true"><typeRef>number</typeRef>
  <typeConstraint><text>count(?) &lt; 3</text></typeConstraint></itemDefinition>
<itemDefinition name="客户"><itemComponent name="姓名"><typeRef>string</typeRef></itemComponent>
  <itemComponent name="级"><typeRef>等级</typeRef></itemComponent>
  <itemComponent name="介绍人"><typeRef>客户</typeRef></itemComponent></itemDefinition>
"""


def file(inside: str) -> DecisionModel:
    return parse_dmn(f"{HEAD}{TYPES}{inside}</definitions>")


def text(expression: str) -> str:
    return f"<literalExpression><text>{expression}</text></literalExpression>"


def decision(logic: str, *, name: str = "x", kind: str = "", needs: str = "") -> str:
    return f'<decision id="{name}" name="{name}"><variable name="{name}" typeRef="{kind}"/>{needs}{logic}</decision>'


MIDNIGHT = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "expression", "expected"),
    [
        ("string", "1 + 1", None),
        ("number", "1 + 1", 2),
        ("", "1 + 1", 2),
        ("integer", "1.5", 1.5),
        ("number", "[2]", 2),
        ("number", "[2, 3]", None),
        ("金额们", "2", [2]),
        ("金额们", "[1, null]", [1, None]),
        ("金额们", '[1, "x"]', None),
        ("几笔", "[1, 2]", [1, 2]),
        ("几笔", "[1, 2, 3]", None),
        ("等级", '"金"', "金"),
        ("等级", '"铜"', None),
        ("老客户等级", '"铜"', None),
        ("ns1:老客户等级", '"铜"', None),
        (
            "客户",
            '{姓名: "王", 级: "金", 介绍人: null, 电话: 1}',
            {"姓名": "王", "级": "金", "介绍人": None, "电话": 1},
        ),
        ("客户", '{姓名: "王"}', None),
        ("客户", '{姓名: "王", 级: "金", 介绍人: {姓名: 1, 级: "金", 介绍人: null}}', None),
        ("date", '"2026-11-24"', date(2026, 11, 24)),
        ("dateTime", 'date("2026-11-24")', MIDNIGHT),
    ],
)
def test_a_value_is_made_to_fit_its_type_or_is_null(kind: str, expression: str, expected: Any) -> None:
    decided = file(decision(text(expression), kind=kind)).decide("x", {})
    assert decided.value == expected
    assert any("不符合类型" in warning for warning in decided.warnings) is (expected is None)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('"金" instance of 等级', True),
        ('"铜" instance of 等级', False),
        ("[1, 2] instance of 金额们", True),
        ("1 instance of 金额们", False),
        ("[1] instance of number", False),
        ('[{姓名: "王", 级: "金", 介绍人: null}] instance of list&lt;客户&gt;', True),
        ('{姓名: "王"} instance of 客户', False),
        ("null instance of 等级", False),
        ('(function(级: 等级) 级)("金")', "金"),
        ('(function(级: 等级) 级)("铜")', None),
        ("1 instance of 没有的", None),
    ],
)
def test_values_are_asked_whether_they_are_of_a_declared_type(expression: str, expected: Any) -> None:
    assert file(decision(text(expression))).evaluate("x", {}) == expected


@pytest.mark.parametrize("needs", ["", '<knowledgeRequirement><requiredKnowledge href="#k"/></knowledgeRequirement>'])
def test_a_business_knowledge_model_may_call_itself(needs: str) -> None:
    logic = (
        f'<encapsulatedLogic><formalParameter name="n"/>{text("if n = 0 then 1 else n * k(n - 1)")}</encapsulatedLogic>'
    )
    model = f'<businessKnowledgeModel id="k" name="k"><variable name="k"/>{needs}{logic}</businessKnowledgeModel>'
    call = '<knowledgeRequirement><requiredKnowledge href="#k"/></knowledgeRequirement>'
    assert file(model + decision(text("k(5)"), needs=call)).evaluate("x", {}) == 120


def test_a_reference_may_spell_out_the_namespace_of_the_file() -> None:
    needs = '<informationRequirement><requiredDecision href="urn:t#y"/></informationRequirement>'
    model = file(decision(text("1"), name="y") + decision(text("y + 1"), needs=needs))
    assert model.evaluate("x", {}) == 2


def test_a_name_may_have_an_apostrophe() -> None:
    needs = '<informationRequirement><requiredInput href="#i"/></informationRequirement>'
    data = '<inputData id="i" name="Driver\'s name"><variable name="Driver\'s name"/></inputData>'
    assert file(data + decision(text("Driver's name + 1"), needs=needs)).evaluate("x", {"Driver's name": 1}) == 2


def test_inputs_parameters_entries_and_calls_are_held_to_their_types() -> None:
    needs = '<informationRequirement><requiredInput href="#i"/></informationRequirement>'
    entry = f'<contextEntry><variable name="a" typeRef="number"/>{text("级")}</contextEntry>'
    call = '<knowledgeRequirement><requiredKnowledge href="#k"/></knowledgeRequirement>'
    model = file(
        '<inputData id="i" name="级"><variable name="级" typeRef="等级"/></inputData>'
        + decision(text("级"), needs=needs)
        + decision(f"<context>{entry}</context>", name="y", needs=needs)
        + decision(text("[k(1), k(&quot;银&quot;)]"), name="z", needs=call)
        + '<businessKnowledgeModel id="k" name="k"><variable name="k" typeRef="等级"/><encapsulatedLogic>'
        f'<formalParameter name="p" typeRef="string"/>{text("if p = null then &quot;金&quot; else p + p")}'
        "</encapsulatedLogic></businessKnowledgeModel>"
    )
    assert model.evaluate("x", {"级": "金"}) == "金"
    assert model.evaluate("x", {"级": "铜"}) is None
    assert model.evaluate("y", {"级": "金"}) == {"a": None}
    assert model.evaluate("z", {}) == ["金", None]


SERVICE = (
    '<inputData id="i" name="金额"><variable name="金额" typeRef="number"/></inputData>'
    + decision(text("0.9"), name="折扣")
    + decision(
        text("金额 * 折扣"),
        name="应付",
        needs='<informationRequirement><requiredInput href="#i"/></informationRequirement>'
        '<informationRequirement><requiredDecision href="#折扣"/></informationRequirement>',
    )
    + '<decisionService id="s" name="算应付"><outputDecision href="#应付"/><inputDecision href="#折扣"/>'
    '<inputData href="#i"/></decisionService>'
    '<decisionService id="two" name="两项"><outputDecision href="#应付"/><outputDecision href="#折扣"/>'
    "</decisionService>"
)
CALLS = '<knowledgeRequirement><requiredKnowledge href="#s"/></knowledgeRequirement>'


def test_a_decision_service_is_asked_like_a_decision() -> None:
    model = file(SERVICE)
    assert model.evaluate("s", {"金额": 100}) == 90
    assert model.evaluate("s", {"金额": 100, "折扣": 0.5}) == 50, "what it is handed is not worked out"
    assert model.evaluate("two", {"金额": 100}) == {"应付": 90, "折扣": Decimal("0.9")}


@pytest.mark.parametrize("call", ["算应付(100, 0.8)", "算应付(折扣: 0.8, 金额: 100)"])
def test_a_decision_service_is_called_with_its_inputs_before_its_decisions(call: str) -> None:
    assert file(SERVICE + decision(text(call), needs=CALLS)).evaluate("x", {"金额": 1}) == 80


def test_a_decision_service_called_with_too_little_is_null_and_told() -> None:
    decided = file(SERVICE + decision(text("算应付(100)"), needs=CALLS)).decide("x", {})
    assert decided.value is None and "「算应付」需要 2 个参数，给了 1 个" in decided.warnings


def boxed(**parts: str) -> str:
    return "".join(f"<{tag.strip('_')}>{text(expression)}</{tag.strip('_')}>" for tag, expression in parts.items())


@pytest.mark.parametrize(
    ("logic", "expected"),
    [
        (f"<conditional>{boxed(if_='a &gt; 1', then='1', else_='2')}</conditional>", 1),
        (f"<conditional>{boxed(if_='null', then='1', else_='2')}</conditional>", 2),
        (f'<for iteratorVariable="n">{boxed(in_="[1..a]", return_="n * a")}</for>', [2, 4]),
        (f'<for iteratorVariable="n">{boxed(in_="[1..3]", return_="n + count(partial)")}</for>', [1, 3, 5]),
        (f'<some iteratorVariable="n">{boxed(in_="[1, 5]", satisfies="n &gt; a")}</some>', True),
        (f'<every iteratorVariable="n">{boxed(in_="[1, 5]", satisfies="n &gt; a")}</every>', False),
        (f"<filter>{boxed(in_='[1, 5]', match='item &gt; a')}</filter>", [5]),
        (f"<filter>{boxed(in_='[{b: 1}, {b: 5}]', match='b &gt; a')}</filter>", [{"b": 5}]),
    ],
)
def test_conditions_and_loops_may_be_boxed(logic: str, expected: Any) -> None:
    assert file(decision(logic)).evaluate("x", {"a": 2}) == expected
