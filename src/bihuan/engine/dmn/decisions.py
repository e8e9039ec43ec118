"""Evaluates decisions: those they require first, then their own logic."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bihuan.engine.dmn.model import (
    BoxedConditional,
    BoxedContext,
    BoxedFunction,
    BoxedInvocation,
    BoxedIteration,
    BoxedList,
    DecisionError,
    Element,
    Logic,
    Service,
    Table,
    Typed,
)
from bihuan.engine.dmn.tables import Trace, evaluate_table
from bihuan.engine.dmn.types import Fit
from bihuan.engine.feel import Expression, FeelError, FeelFunction, Value
from bihuan.engine.feel.expression import bounded
from bihuan.engine.feel.loops import Weighed, filtered, for_loop, quantified
from bihuan.engine.feel.scope import Env, Run
from bihuan.engine.feel.types import TypeTest
from bihuan.engine.feel.values import MISSING


@dataclass(frozen=True, slots=True)
class Decided:
    """The outcome of a decision, with which rules applied, by table name, and why parts came out as null."""

    value: Value
    rules: Mapping[str, tuple[int, ...]]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DecisionModel:
    """A DMN file. `decisions` holds its decision services too, `inputs` are the names of its input data, `types` check
    whether a value is of a type that it declares, `imports` are the files it imports, by the name each is known as."""

    source: str
    name: str
    decisions: Mapping[str, Element]
    knowledge: Mapping[str, Element]
    inputs: tuple[str, ...]
    types: Mapping[str, TypeTest]
    imports: Mapping[str, DecisionModel]

    def evaluate(self, decision_id: str, variables: Mapping[str, Any], *, now: datetime | None = None) -> Value:
        """The value of a decision, after those it requires. Raises DecisionError; KeyError for an unknown id."""
        return self.decide(decision_id, variables, now=now).value

    def decide(self, decision_id: str, variables: Mapping[str, Any], *, now: datetime | None = None) -> Decided:
        """The same with the rules that applied."""
        from_outside = self.decisions[decision_id]
        run = Run(now, self.types)
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
        if isinstance(element.logic, Service):
            given = self._outputs(element.logic, env, {**self._handed(element.logic, env), **known}, trace)
            return given if element.fit is None else element.fit(given, env)
        names = self._required(element, env, known, trace)
        value = evaluate_logic(element.logic, Env(names, env, env.run), trace)
        if isinstance(element.logic, BoxedFunction):
            names[element.variable] = value  # so that it can call itself
        if element.fit is not None:
            value = element.fit(value, env)
        known[element.id] = value
        return value

    def _required(self, element: Element, env: Env, known: dict[str, Value], trace: Trace) -> dict[str, Value]:
        """What an element requires, by name: its typed inputs, other decisions, and what it calls."""
        names: dict[str, Value] = {}
        for data in element.inputs:
            value = env.find(data.name)
            if data.fit is not None and value is not MISSING:
                names[data.name] = data.fit(value, env)
        for required in element.decisions:
            other = self.decisions.get(required)
            if other is not None:
                names[other.variable] = self._value(other, env, known, trace)
            else:
                self._reach(required, env, names, trace)
        for required in element.knowledge:
            other = self.knowledge.get(required)
            if other is not None:
                names[other.variable] = self._offered(other, env, known, trace)
            else:
                self._reach(required, env, names, trace)
        return names

    def _offered(self, element: Element, env: Env, known: dict[str, Value], trace: Trace) -> Value:
        """What those who require an element see: a value, or a service to call."""
        if isinstance(element.logic, Service):
            return self._as_function(element, element.logic, env, trace)
        return self._value(element, env, known, trace)

    def _reach(self, required: str, env: Env, names: dict[str, Value], trace: Trace) -> None:
        """Put something of an imported file into the context the import is known as; its input data are there."""
        name, _, identity = required.partition("#")
        given = env.find(name)
        data = dict(given) if isinstance(given, Mapping) else {}
        held: dict[str, Value] = names.setdefault(name, dict(data))
        model = self.imports[name]
        element = model.decisions.get(identity) or model.knowledge.get(identity)
        if element is not None:
            held[element.variable] = model._offered(element, Env(data, None, env.run), {}, trace)

    def _handed(self, service: Service, env: Env) -> dict[str, Value]:
        """The decisions whose values a service is handed, as far as there are variables of their names."""
        values = {decision: env.find(self.decisions[decision].variable) for decision in service.given}
        return {decision: value for decision, value in values.items() if value is not MISSING}

    def _outputs(self, service: Service, env: Env, known: dict[str, Value], trace: Trace) -> Value:
        outputs = [self.decisions[output] for output in service.outputs]
        values = {output.variable: self._value(output, env, known, trace) for output in outputs}
        return next(iter(values.values())) if len(values) == 1 else values

    def _as_function(self, element: Element, service: Service, env: Env, trace: Trace) -> FeelFunction:
        """A service as those who require it call it: with its input data, then the decisions it is handed."""
        given = [self.decisions[decision] for decision in service.given]
        names = (*(data.name for data in service.inputs), *(decision.variable for decision in given))
        fits = (*(data.fit for data in service.inputs), *(decision.fit for decision in given))

        def body(inner: Env) -> Value:
            value = self._outputs(service, inner, self._handed(service, inner), trace)
            return value if element.fit is None else element.fit(value, env)

        return _function_of(element.name, names, fits, env, body)


def _function_of(
    name: str, names: tuple[str, ...], fits: tuple[Fit | None, ...], env: Env, body: Callable[[Env], Value]
) -> FeelFunction:
    """A function whose arguments are made to fit their types; null, and why, for too few or too many of them."""

    def call(run: Run, *arguments: Value) -> Value:
        if len(arguments) != len(names):
            run.warn(f"「{name}」需要 {len(names)} 个参数，给了 {len(arguments)} 个")
            return None
        given = {
            key: value if fit is None else fit(value, env)
            for key, fit, value in zip(names, fits, arguments, strict=True)
        }
        run.enter(1)
        value = body(Env(given, env, run))
        run.leave()
        return value

    return FeelFunction("", names, call)


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
    def body(inner: Env) -> Value:
        return evaluate_logic(logic.body, inner, trace)

    return _function_of("业务知识模型", logic.parameters, logic.fits, env, body)


def _invocation(logic: BoxedInvocation, env: Env, trace: Trace) -> Value:
    function = logic.function.code(env)
    if not isinstance(function, FeelFunction):
        raise DecisionError(f"要调用的「{logic.function.text}」不是业务知识模型")
    given = {name: evaluate_logic(argument, env, trace) for name, argument in logic.arguments}
    unknown = [name for name in given if name not in function.parameters]
    if unknown:
        raise DecisionError(f"「{logic.function.text}」没有参数 {'、'.join(unknown)}")
    return function.call(env.run, *[given.get(name) for name in function.parameters])


def _conditional(logic: BoxedConditional, env: Env, trace: Trace) -> Value:
    chosen = logic.then if evaluate_logic(logic.condition, env, trace) is True else logic.otherwise
    return evaluate_logic(chosen, env, trace)


def _iteration(logic: BoxedIteration, env: Env, trace: Trace) -> Value:
    def source(scope: Env) -> Value:
        return evaluate_logic(logic.source, scope, trace)

    body = Weighed(lambda scope: evaluate_logic(logic.body, scope, trace), 1)
    each = ((logic.variable, source),)
    if logic.kind == "filter":
        return filtered(source, body)(env)
    if logic.kind == "for":
        partial = isinstance(logic.body, Expression) and "partial" in logic.body.names
        return for_loop(each, body, uses_partial=partial)(env)
    return quantified(logic.kind == "every", each, body)(env)


def _typed(logic: Typed, env: Env, trace: Trace) -> Value:
    return logic.fit(evaluate_logic(logic.logic, env, trace), env)


_EVALUATORS: dict[type, Callable[[Any, Env, Trace], Value]] = {
    Expression: _expression,
    BoxedContext: _context,
    BoxedInvocation: _invocation,
    BoxedList: _list,
    BoxedFunction: _function,
    BoxedConditional: _conditional,
    BoxedIteration: _iteration,
    Typed: _typed,
    Table: evaluate_table,
}
