"""Decision tables by hit policy, required decisions, boxed expressions."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from bihuan.engine.dmn import DecisionError, DecisionModel, parse_dmn

HEAD = '<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="折扣" namespace="urn:t">'


def table(policy: str, rules: str, *, outputs: str = '<output id="o" name="折扣"/>', more: str = "") -> DecisionModel:
    return parse_dmn(
        f"""{HEAD}<inputData id="i1" name="金额"/>
        <decision id="d1" name="定折扣"><informationRequirement><requiredInput href="#i1"/></informationRequirement>
        <decisionTable id="t" hitPolicy="{policy}" {more}>
          <input id="c1" label="金额"><inputExpression typeRef="number"><text>金额</text></inputExpression></input>
          {outputs}{rules}
        </decisionTable></decision></definitions>"""
    )


def rule(test: str, *results: str) -> str:
    cells = "".join(f"<outputEntry><text>{result}</text></outputEntry>" for result in results)
    return f"<rule><inputEntry><text>{test}</text></inputEntry>{cells}</rule>"


OVERLAPPING = rule("&gt; 10", "3") + rule("&gt; 5", "1") + rule("-", "2")


@pytest.mark.parametrize(
    ("policy", "more", "amount", "expected"),
    [
        ("FIRST", "", 20, 3),
        ("FIRST", "", 7, 1),
        ("RULE ORDER", "", 20, [3, 1, 2]),
        ("COLLECT", "", 7, [1, 2]),
        ("COLLECT", 'aggregation="SUM"', 20, 6),
        ("COLLECT", 'aggregation="MIN"', 20, 1),
        ("COLLECT", 'aggregation="MAX"', 7, 2),
        ("COLLECT", 'aggregation="COUNT"', 20, 3),
    ],
)
def test_hit_policies_with_several_matching_rules(policy: str, more: str, amount: int, expected: Any) -> None:
    assert table(policy, OVERLAPPING, more=more).evaluate("d1", {"金额": amount}) == expected


def test_priority_takes_the_most_important_output() -> None:
    outputs = '<output id="o" name="级"><outputValues><text>"高", "中", "低"</text></outputValues></output>'
    rules = rule("-", '"低"') + rule("&gt; 5", '"高"') + rule("-", '"中"')
    assert table("PRIORITY", rules, outputs=outputs).evaluate("d1", {"金额": 9}) == "高"
    assert table("PRIORITY", rules, outputs=outputs).evaluate("d1", {"金额": 1}) == "中"
    assert table("OUTPUT ORDER", rules, outputs=outputs).evaluate("d1", {"金额": 9}) == ["高", "中", "低"]


def test_unique_refuses_two_matching_rules_and_names_them() -> None:
    model = table("UNIQUE", OVERLAPPING)
    assert model.evaluate("d1", {"金额": 1}) == 2
    with pytest.raises(DecisionError, match="规则 1、2、3 同时符合"):
        model.evaluate("d1", {"金额": 20})


def test_any_allows_several_rules_with_the_same_result() -> None:
    assert table("ANY", rule("&gt; 5", "1") + rule("-", "1")).evaluate("d1", {"金额": 9}) == 1
    with pytest.raises(DecisionError, match="结果不同"):
        table("ANY", rule("&gt; 5", "1") + rule("-", "2")).evaluate("d1", {"金额": 9})


def test_several_outputs_make_a_context() -> None:
    outputs = '<output id="o1" name="折"/><output id="o2" name="赠"/>'
    model = table("UNIQUE", rule("&gt; 5", "金额 * 0.8", '"洗车"'), outputs=outputs)
    assert model.evaluate("d1", {"金额": 10}) == {"折": 8, "赠": "洗车"}


@pytest.mark.parametrize(
    ("policy", "more", "expected"),
    [
        ("UNIQUE", "", None),
        ("COLLECT", "", []),
        ("RULE ORDER", "", []),
        ("COLLECT", 'aggregation="COUNT"', 0),
        ("COLLECT", 'aggregation="SUM"', None),
    ],
)
def test_no_matching_rule(policy: str, more: str, expected: Any) -> None:
    assert table(policy, rule("&gt; 100", "1"), more=more).evaluate("d1", {"金额": 1}) == expected


def test_the_default_output_stands_where_no_rule_matches() -> None:
    outputs = '<output id="o" name="折"><defaultOutputEntry><text>1</text></defaultOutputEntry></output>'
    assert table("FIRST", rule("&gt; 100", "0.8"), outputs=outputs).evaluate("d1", {"金额": 1}) == 1


def test_an_input_outside_the_allowed_values_is_told() -> None:
    model = parse_dmn(
        f"""{HEAD}<decision id="d1" name="x"><decisionTable>
        <input label="等级"><inputExpression><text>等级</text></inputExpression>
        <inputValues><text>"金", "银"</text></inputValues></input><output name="o"/>
        {rule('"金"', "1")}</decisionTable></decision></definitions>"""
    )
    assert model.evaluate("d1", {"等级": "金"}) == 1
    with pytest.raises(DecisionError, match="等级"):
        model.evaluate("d1", {"等级": "铜"})


def test_texts_become_dates_in_columns_declared_for_dates() -> None:
    model = parse_dmn(
        f"""{HEAD}<decision id="d1" name="x"><decisionTable>
        <input><inputExpression typeRef="date"><text>交车日</text></inputExpression></input><output name="o"/>
        {rule('&lt; @"2026-12-01"', "1")}</decisionTable></decision></definitions>"""
    )
    assert model.evaluate("d1", {"交车日": "2026-11-24"}) == 1
    assert model.evaluate("d1", {"交车日": date(2026, 12, 24)}) is None


REQUIREMENTS = f"""{HEAD}
  <inputData id="i1" name="工时"/>
  <decision id="fee" name="工时 费"><variable name="工时 费" typeRef="number"/>
    <informationRequirement><requiredInput href="#i1"/></informationRequirement>
    <knowledgeRequirement><requiredKnowledge href="#rate"/></knowledgeRequirement>
    <literalExpression><text>rate(工时, h: 2)[1]</text></literalExpression></decision>
  <decision id="total" name="合计">
    <informationRequirement><requiredDecision href="#fee"/></informationRequirement>
    <context>
      <contextEntry><variable name="税"/>
        <literalExpression><text>工时 费 * 0.06</text></literalExpression></contextEntry>
      <contextEntry><variable name="含税"/>
        <literalExpression><text>工时 费 + 税</text></literalExpression></contextEntry>
    </context></decision>
  <decision id="call" name="调用">
    <knowledgeRequirement><requiredKnowledge href="#price"/></knowledgeRequirement>
    <invocation><literalExpression><text>price</text></literalExpression>
      <binding><parameter name="h"/><literalExpression><text>工时</text></literalExpression></binding>
    </invocation></decision>
  <decision id="list" name="清单">
    <relation><column name="件"/><column name="价"/>
      <row><literalExpression><text>"油"</text></literalExpression>
        <literalExpression><text>80</text></literalExpression></row>
    </relation></decision>
  <businessKnowledgeModel id="price" name="price"><encapsulatedLogic><formalParameter name="h" typeRef="number"/>
    <literalExpression><text>h * 120</text></literalExpression></encapsulatedLogic></businessKnowledgeModel>
  <businessKnowledgeModel id="rate" name="rate"><encapsulatedLogic><formalParameter name="h"/>
    <literalExpression><text>[h * 100]</text></literalExpression></encapsulatedLogic></businessKnowledgeModel>
</definitions>""".replace("rate(工时, h: 2)[1]", "rate(工时)[1]")


def test_required_decisions_and_knowledge_are_evaluated_first() -> None:
    model = parse_dmn(REQUIREMENTS)
    assert model.inputs == ("工时",)
    assert model.evaluate("fee", {"工时": 2}) == 200
    assert model.evaluate("total", {"工时": 2}) == {"税": 12, "含税": 212}
    assert model.evaluate("call", {"工时": 2}) == 240
    assert model.evaluate("list", {}) == [{"件": "油", "价": 80}]


def test_the_outcome_names_the_rules_that_applied() -> None:
    decided = table("COLLECT", OVERLAPPING).decide("d1", {"金额": 7})
    assert decided.rules == {"定折扣": (2, 3)}
    assert table("FIRST", rule("1", "未知 + 1")).decide("d1", {"金额": 1}).warnings


def test_an_unknown_decision_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        parse_dmn(REQUIREMENTS).evaluate("nothing", {})


def test_a_decision_that_would_cost_too_much_is_an_error_not_a_hang() -> None:
    model = table("FIRST", rule("-", "count(for a in 1..40000, b in 1..40000 return a)"))
    with pytest.raises(DecisionError, match="列表太长"):
        model.evaluate("d1", {"金额": 1})


def test_files_of_camunda_7_are_read() -> None:
    model = parse_dmn(
        """<?xml version="1.0" encoding="UTF-8"?>
<dmn:definitions xmlns:dmn="http://www.omg.org/spec/DMN/20151101/dmn.xsd" id="d" name="n" namespace="x">
  <dmn:decision id="d1" name="审批"><dmn:decisionTable id="t">
    <dmn:input id="i"><dmn:inputExpression id="e" typeRef="double"><dmn:text>${amount}</dmn:text>
      </dmn:inputExpression></dmn:input>
    <dmn:output id="o" name="who"/>
    <dmn:rule id="r1"><dmn:inputEntry id="a"><dmn:text><![CDATA[< 100]]></dmn:text></dmn:inputEntry>
      <dmn:outputEntry id="b"><dmn:text>"主管"</dmn:text></dmn:outputEntry></dmn:rule>
    <dmn:rule id="r2"><dmn:description>大额</dmn:description>
      <dmn:inputEntry id="c"><dmn:text>&gt;= 100</dmn:text></dmn:inputEntry>
      <dmn:outputEntry id="f"><dmn:text>"经理"</dmn:text></dmn:outputEntry></dmn:rule>
  </dmn:decisionTable></dmn:decision></dmn:definitions>""".encode()
    )
    assert model.evaluate("d1", {"amount": 100}) == "经理"
