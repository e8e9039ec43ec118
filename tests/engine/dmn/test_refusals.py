"""What a decision file may not contain, and which place the message names."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bihuan.engine.dmn import check_dmn, parse_dmn

HEAD = '<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="n" namespace="x">\n'


def table(inside: str, attributes: str = "") -> str:
    start = f'{HEAD}<decision id="d1" name="表">\n<decisionTable {attributes}>\n'
    return f"{start}{inside}\n</decisionTable></decision></definitions>"


GOOD_INPUT = "<input><inputExpression><text>a</text></inputExpression></input>"
GOOD_OUTPUT = '<output name="o"/>'


@pytest.mark.parametrize(
    ("text", "line", "element", "code", "words"),
    [
        ("", 1, "", "empty", "空的"),
        ("<x/>", 1, "x", "not-dmn", "不是 DMN"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><x/>', 1, "", "doctype", "DOCTYPE"),
        (f"{HEAD}</definitions>", 1, "definitions", "no-decision", "没有决策"),
        (f'{HEAD}<decision id="d1" name="空"/></definitions>', 2, "decision", "missing-logic", "没有决策逻辑"),
        (f'{HEAD}<decisionService id="s"/></definitions>', 2, "decisionService", "missing-logic", "outputDecision"),
        (f'{HEAD}<import name="m" namespace="y"/></definitions>', 2, "import", "unsupported-element", "不在一起"),
        (f'{HEAD}<frobnicate id="s"/></definitions>', 2, "frobnicate", "unknown-element", "不支持"),
        (f'{HEAD}<inputData id="a"/>\n<inputData id="a"/></definitions>', 3, "inputData", "duplicate-id", "重复"),
        (
            f'{HEAD}<decision id="d1" name="x"><informationRequirement>\n<requiredDecision href="#no"/>'
            "</informationRequirement><literalExpression><text>1</text></literalExpression></decision></definitions>",
            3,
            "requiredDecision",
            "dangling-reference",
            "no",
        ),
        (
            f'{HEAD}<decision id="a" name="甲"><informationRequirement><requiredDecision href="#b"/>'
            "</informationRequirement><literalExpression><text>1</text></literalExpression></decision>\n"
            '<decision id="b" name="乙"><informationRequirement><requiredDecision href="#a"/>'
            "</informationRequirement><literalExpression><text>1</text></literalExpression></decision></definitions>",
            2,
            "decision",
            "cycle",
            "依赖它自己",
        ),
        (table(GOOD_OUTPUT, 'hitPolicy="BEST"'), 3, "decisionTable", "bad-hit-policy", "BEST"),
        (table(GOOD_OUTPUT, 'hitPolicy="FIRST" aggregation="SUM"'), 3, "decisionTable", "bad-hit-policy", "SUM"),
        (table(GOOD_OUTPUT, 'hitPolicy="PRIORITY"'), 3, "decisionTable", "bad-hit-policy", "优先顺序"),
        (table(GOOD_INPUT), 3, "decisionTable", "missing-logic", "输出列"),
        (table(f"<input/>{GOOD_OUTPUT}"), 4, "input", "missing-logic", "没有表达式"),
        (
            table(f"{GOOD_INPUT}{GOOD_OUTPUT}\n<rule><inputEntry><text>1</text></inputEntry></rule>"),
            5,
            "rule",
            "rule-shape",
            "规则 1 有 1 个条件、0 个结果",
        ),
        (
            table(
                f"{GOOD_INPUT}{GOOD_OUTPUT}\n<rule id='r'><inputEntry>\n<text>\n 1 = = 2</text></inputEntry>"
                "<outputEntry><text>1</text></outputEntry></rule>"
            ),
            7,
            "rule",
            "bad-expression",
            "第 5 列",
        ),
        (
            f'{HEAD}<decision id="d1" name="x"><conditional><if/></conditional></decision></definitions>',
            2,
            "if",
            "missing-logic",
            "缺少决策逻辑",
        ),
        (
            f'{HEAD}<decision id="d1" name="x"><frobnicate/></decision></definitions>',
            2,
            "frobnicate",
            "unsupported-element",
            "不支持这种决策逻辑",
        ),
        (
            f'{HEAD}<decision id="d1" name="x"><literalExpression expressionLanguage="javascript"><text>1</text>'
            "</literalExpression></decision></definitions>",
            2,
            "literalExpression",
            "unsupported-language",
            "javascript",
        ),
    ],
)
def test_problem(text: str, line: int, element: str, code: str, words: str) -> None:
    problem = check_dmn(text, source="x.dmn")[0]
    assert (problem.source, problem.line, problem.element, problem.code) == ("x.dmn", line, element, code)
    assert words in problem.reason


def test_all_problems_are_found_at_once() -> None:
    text = table(f"<input/>{GOOD_OUTPUT}<rule/><rule/>", 'hitPolicy="BEST"')
    assert [problem.code for problem in check_dmn(text)] == [
        "bad-hit-policy",
        "missing-logic",
        "rule-shape",
        "rule-shape",
    ]


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_give_problems(data: bytes) -> None:
    assert check_dmn(data)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_file_never_raises(data: st.DataObject) -> None:
    good = table(f"{GOOD_INPUT}{GOOD_OUTPUT}<rule><inputEntry><text>1</text></inputEntry></rule>").encode()
    start = data.draw(st.integers(0, len(good)))
    end = data.draw(st.integers(start, min(len(good), start + 40)))
    check_dmn(good[:start] + data.draw(st.binary(max_size=10)) + good[end:])


@pytest.mark.parametrize(
    "text", ["abs()", "[1, 2][abs(1, 2) = 1]", "range(fron: 1)", "{a: 1, a: 2}", '@"1 May"', "is defined()", ""]
)
def test_what_can_only_give_null_is_null_as_the_standard_has_it_but_not_published(text: str) -> None:
    logic = f"<literalExpression><text>{text}</text></literalExpression>" if text else ""
    file = f'{HEAD}<decision id="d1" name="x">{logic}</decision></definitions>'
    decided = parse_dmn(file).decide("d1", {})
    assert not decided.value and decided.warnings
    assert [problem.code for problem in check_dmn(file)] == ["bad-expression" if text else "missing-logic"]
