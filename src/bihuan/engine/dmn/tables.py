"""Evaluates decision tables by their hit policies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import reduce

from bihuan.engine.dmn.model import DecisionError, InputClause, OutputClause, Rule, Table
from bihuan.engine.dmn.types import converted
from bihuan.engine.feel import Value
from bihuan.engine.feel.errors import UnfitError
from bihuan.engine.feel.operators import add, compare, equal
from bihuan.engine.feel.scope import Env, Run

Row = tuple[Value, ...]


@dataclass(slots=True)
class Trace:
    """What one evaluation has done so far."""

    rules: dict[str, tuple[int, ...]] = field(default_factory=dict)


def evaluate_table(table: Table, env: Env, trace: Trace) -> Value:
    """The value of a table. Raises DecisionError where its rules contradict its hit policy."""
    inputs = [_input(clause, env) for clause in table.inputs]
    matching = [rule for rule in table.rules if _matches(rule, inputs, env)]
    env.run.spend(len(table.rules) * (len(table.inputs) + 1))
    if table.policy == "F":
        matching = matching[:1]
    trace.rules[table.name] = tuple(rule.number for rule in matching)
    if not matching:
        return _nothing(table, env)
    rows = [tuple(None if result is None else result.code(env) for result in rule.results) for rule in matching]
    return _POLICIES[table.policy](table, matching, rows, env.run)


def _matches(rule: Rule, inputs: list[Value], env: Env) -> bool:
    return all(cell.tests(env, value) is True for cell, value in zip(rule.tests, inputs, strict=True))


def _input(clause: InputClause, env: Env) -> Value:
    value = converted(clause.expression.code(env), clause.type)
    if clause.allowed is not None and value is not None and clause.allowed.tests(env, value) is False:
        raise DecisionError(f"输入「{clause.label}」的值不在允许的范围里")
    return value


def _nothing(table: Table, env: Env) -> Value:
    """What a table gives when no rule applies: its default outputs, else nothing of the kind its policy gives."""
    if any(output.default is not None for output in table.outputs):
        row = tuple(None if output.default is None else output.default.code(env) for output in table.outputs)
        value = _named(table, row)
        return [value] if table.policy in ("R", "O") or (table.policy == "C" and not table.aggregation) else value
    if table.aggregation:
        return Decimal(0) if table.aggregation == "COUNT" else None
    return [] if table.policy in ("R", "O", "C") else None


def _named(table: Table, row: Row) -> Value:
    if len(table.outputs) == 1:
        return row[0]
    return {output.name: value for output, value in zip(table.outputs, row, strict=True)}


def _numbers(rules: list[Rule]) -> str:
    return "、".join(str(rule.number) for rule in rules)


def _unique(table: Table, rules: list[Rule], rows: list[Row], _run: Run) -> Value:
    if len(rules) > 1:
        raise DecisionError(f"决策表「{table.name}」的规则 {_numbers(rules)} 同时符合，命中策略 U（唯一）只允许一条")
    return _named(table, rows[0])


def _any(table: Table, rules: list[Rule], rows: list[Row], run: Run) -> Value:
    for row in rows[1:]:
        if equal(list(row), list(rows[0]), run) is not True:
            raise DecisionError(
                f"决策表「{table.name}」的规则 {_numbers(rules)} 同时符合而结果不同，命中策略 A（任一）不允许"
            )
    return _named(table, rows[0])


def _first(table: Table, _rules: list[Rule], rows: list[Row], _run: Run) -> Value:
    return _named(table, rows[0])


def _rank(outputs: tuple[OutputClause, ...], row: Row, run: Run) -> tuple[int, ...]:
    """How important a row is, by the order of the allowed output values; what is not listed comes last."""
    ranks = []
    for output, value in zip(outputs, row, strict=True):
        places = [at for at, allowed in enumerate(output.order) if equal(value, allowed, run) is True]
        ranks.append(places[0] if places else len(output.order))
    return tuple(ranks)


def _priority(table: Table, _rules: list[Rule], rows: list[Row], run: Run) -> Value:
    return _named(table, min(rows, key=lambda row: _rank(table.outputs, row, run)))


def _rule_order(table: Table, _rules: list[Rule], rows: list[Row], _run: Run) -> Value:
    return [_named(table, row) for row in rows]


def _output_order(table: Table, _rules: list[Rule], rows: list[Row], run: Run) -> Value:
    return [_named(table, row) for row in sorted(rows, key=lambda row: _rank(table.outputs, row, run))]


def _collect(table: Table, _rules: list[Rule], rows: list[Row], run: Run) -> Value:
    if not table.aggregation:
        return [_named(table, row) for row in rows]
    values = [row[0] for row in rows]
    if table.aggregation == "COUNT":
        return Decimal(len(values))
    if None in [None if value is None else 0 for value in values]:
        raise DecisionError(f"决策表「{table.name}」要汇总的结果里有空值")
    try:
        if table.aggregation == "SUM":
            return reduce(lambda total, value: add(total, value, run), values)
        wanted = -1 if table.aggregation == "MIN" else 1
        return reduce(lambda best, value: value if compare(value, best, run) == wanted else best, values)
    except (UnfitError, ArithmeticError):
        raise DecisionError(f"决策表「{table.name}」的结果不能汇总（{table.aggregation}）") from None


_POLICIES: dict[str, Callable[[Table, list[Rule], list[Row], Run], Value]] = {
    "U": _unique,
    "A": _any,
    "F": _first,
    "P": _priority,
    "R": _rule_order,
    "O": _output_order,
    "C": _collect,
}
