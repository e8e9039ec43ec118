"""Decision tables on screen, as whoever owns the rule reads them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bihuan.engine.dmn.model import BoxedContext, Element, Logic, Table
from bihuan.engine.feel import Expression
from bihuan.forms.models import TextVersion
from bihuan.kernel.errors import NotFound
from bihuan.operations.decisions import DecisionFile, decision_files, decision_versions
from bihuan.org.actor import Actor

POLICIES = {
    "U": "唯一：只能有一条规则适用",
    "A": "任一：适用的规则结果须相同",
    "F": "首个：取最先适用的一条",
    "P": "优先：取结果最重要的一条",
    "R": "按规则顺序列出全部结果",
    "O": "按重要程度列出全部结果",
    "C": "汇总全部适用的规则",
}
_SIGNS = {"<=": "不超过 {}", ">=": "{} 以上（含）", "<": "不到 {}", ">": "超过 {}"}
_PLAIN = re.compile(r"[\w.]+")
_RANGE = re.compile(r"([\[(\]])\s*([\w.]+?)\s*\.\.\s*([\w.]+?)\s*([\])\[])")
AGGREGATIONS = {"SUM": "求和", "MIN": "取最小", "MAX": "取最大", "COUNT": "计数"}


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One row of a table as text: its conditions and its results."""

    number: int
    tests: tuple[str, ...]
    results: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DecisionView:
    """One decision: a table (`rules`), or named expressions (`lines`); `policy` says what when several rules apply."""

    id: str
    name: str
    requires: tuple[str, ...]
    policy: str = ""
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    rules: tuple[RuleRow, ...] = ()
    lines: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class DecisionPage:
    """A file of decisions in force with its versions, newest first."""

    file: DecisionFile
    decisions: list[DecisionView]
    versions: list[TextVersion]


def published_decisions(*, actor: Actor) -> list[DecisionFile]:
    """The files of decisions in force."""
    actor.require("process.view")
    return decision_files()


def decision_page(key: str, *, actor: Actor) -> DecisionPage:
    """One file of decisions. Raises NotFound."""
    versions = decision_versions(key, actor=actor)
    file = next((one for one in decision_files() if one.key == key), None)
    if file is None:
        raise NotFound("没有这份决策表")
    views = [_view(file, element) for element in file.model.decisions.values()]
    return DecisionPage(file, views, versions)


def _view(file: DecisionFile, element: Element) -> DecisionView:
    requires = tuple(file.model.decisions[one].name for one in element.decisions)
    logic = element.logic
    if not isinstance(logic, Table):
        return DecisionView(element.id, element.name, requires, lines=tuple(_lines("", logic)))
    policy = POLICIES[logic.policy]
    if logic.aggregation:
        policy += f"，{AGGREGATIONS[logic.aggregation]}"
    return DecisionView(
        element.id,
        element.name,
        requires,
        policy=policy,
        inputs=tuple(clause.label or clause.expression.text for clause in logic.inputs),
        outputs=tuple(clause.label or clause.name for clause in logic.outputs),
        rules=tuple(
            RuleRow(
                rule.number,
                tuple(in_words(test.text) for test in rule.tests),
                tuple(result.text if result is not None else "" for result in rule.results),
            )
            for rule in logic.rules
        ),
    )


def in_words(test: str) -> str:
    """A condition of one comparison or range as people say it; any other as it stands."""
    text = test.strip()
    if text in ("", "-"):
        return "不论"
    for sign, words in _SIGNS.items():
        if text.startswith(sign) and _PLAIN.fullmatch(text.removeprefix(sign).strip()):
            return words.format(text.removeprefix(sign).strip())
    found = _RANGE.fullmatch(text)
    if found is None:
        return text
    left, low, high, right = found.groups()
    return f"{low}{'（含）' if left == '[' else '（不含）'}到 {high}{'（含）' if right == ']' else '（不含）'}"


def _lines(name: str, logic: Logic) -> Iterator[tuple[str, str]]:
    if isinstance(logic, Expression):
        yield name, logic.text
    elif isinstance(logic, BoxedContext):
        for entry, inside in logic.entries:
            yield from _lines(entry, inside)
        if logic.result is not None:
            yield from _lines("结果", logic.result)
    else:
        yield name, "（较复杂的算法，请在 DMN 工具里查看）"
