"""Evaluates decisions: those they require first, then their own logic."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bihuan.engine.dmn.model import (
    BoxedContext,
    BoxedFunction,
    BoxedInvocation,
    BoxedList,
    DecisionError,
    Element,
    Logic,
    Table,
)
from bihuan.engine.dmn.tables import Trace, evaluate_table
from bihuan.engine.feel import Expression, FeelError, FeelFunction, Value
from bihuan.engine.feel.expression import bounded
from bihuan.engine.feel.scope import Env, Run


@dataclass(frozen=True, slots=True)
class Decided:
    """The outcome of a decision, with which rules applied, by table name, and why parts came out as null."""

    value: Value
    rules: Mapping[str, tuple[int, ...]]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DecisionModel:
    """A DMN file. `inputs` are the names of its input data."""

    source: str
    name: str
    decisions: Mapping[str, Element]
    knowledge: Mapping[str, Element]
    inputs: tuple[str, ...]

    def evaluate(self, decision_id: str, variables: Mapping[str, Any], *, now: datetime | None = None) -> Value:
        """The value of a decision, after those it requires. Raises DecisionError; KeyError for an unknown id."""
        return self.decide(decision_id, variables, now=now).value

    def decide(self, decision_id: str, variables: Mapping[str, Any], *, now: datetime | None = None) -> Decided:
        """The same with the rules that applied."""
        from_outside = self.decisions[decision_id]
        run = Run(now)
        trace = Trace()
        known: dict[str, Value] = {}
        try:
            value = bounded(lambda env: self._value(from_outside, env, known, trace), variables, run)
        except FeelError as error:
            raise DecisionError(f"决策「{from_outside.name}」算不出结果：{error.message}") from None
        return Decided(value, trace.rules, tuple(run.warnings))

    def _value(self, element: Element, env: Env, known: dict[str, Value], trace: Trace) -> Value:
        if element.id in known:
            return known[element.id]
        names: dict[str, Value] = {}
        for required in element.decisions:
            other = self.decisions[required]
            names[other.variable] = self._value(other, env, known, trace)
        for required in element.knowledge:
            other = self.knowledge[required]
            names[other.variable] = self._value(other, env, known, trace)
        value = evaluate_logic(element.logic, Env(names, env, env.run), trace)
        known[element.id] = value
        return value


def evaluate_logic(logic: Logic, env: Env, trace: Trace) -> Value:
    """The value of a piece of decision logic."""
    return _EVALUATORS[type(logic)](logic, env, trace)


def _expression(logic: Expression, env: Env, _trace: Trace) -> Value:
    return logic.code(env)


def _context(logic: BoxedContext, env: Env, trace: Trace) -> Value:
    result: dict[str, Value] = {}
    inner = Env(result, env, env.run)
    for name, entry in logic.entries:
        result[name] = evaluate_logic(entry, inner, trace)
    return dict(result) if logic.result is None else evaluate_logic(logic.result, inner, trace)


def _list(logic: BoxedList, env: Env, trace: Trace) -> Value:
    return [evaluate_logic(item, env, trace) for item in logic.items]


def _function(logic: BoxedFunction, env: Env, trace: Trace) -> Value:
    def call(run: Run, *arguments: Value) -> Value:
        if len(arguments) != len(logic.parameters):
            raise DecisionError(f"业务知识模型需要 {len(logic.parameters)} 个参数，给了 {len(arguments)} 个")
        run.enter(1)
        value = evaluate_logic(logic.body, Env(dict(zip(logic.parameters, arguments, strict=True)), env, run), trace)
        run.leave()
        return value

    return FeelFunction("", logic.parameters, call)


def _invocation(logic: BoxedInvocation, env: Env, trace: Trace) -> Value:
    function = logic.function.code(env)
    if not isinstance(function, FeelFunction):
        raise DecisionError(f"要调用的「{logic.function.text}」不是业务知识模型")
    given = {name: evaluate_logic(argument, env, trace) for name, argument in logic.arguments}
    unknown = [name for name in given if name not in function.parameters]
    if unknown:
        raise DecisionError(f"「{logic.function.text}」没有参数 {'、'.join(unknown)}")
    return function.call(env.run, *[given.get(name) for name in function.parameters])


_EVALUATORS: dict[type, Callable[[Any, Env, Trace], Value]] = {
    Expression: _expression,
    BoxedContext: _context,
    BoxedInvocation: _invocation,
    BoxedList: _list,
    BoxedFunction: _function,
    Table: evaluate_table,
}
