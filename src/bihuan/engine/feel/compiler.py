"""Turns nodes into closures over an Env, so that evaluating is calling."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeAlias

from bihuan.engine.feel import loops, operators
from bihuan.engine.feel.calls import compile_call
from bihuan.engine.feel.errors import FeelSyntaxError
from bihuan.engine.feel.loops import Weighed
from bihuan.engine.feel.nodes import (
    Between,
    Call,
    Chain,
    Comparison,
    ContextOf,
    Filter,
    For,
    FunctionOf,
    If,
    In,
    InstanceOf,
    ListOf,
    Literal,
    Logic,
    Mistake,
    Name,
    Negation,
    Node,
    Path,
    Quantified,
    RangeOf,
    Test,
    Tests,
)
from bihuan.engine.feel.scope import ATOMS, Env
from bihuan.engine.feel.types import type_test, unknown_types
from bihuan.engine.feel.values import FeelRange, Value

Code: TypeAlias = Callable[[Env], Value]


class Compiler:
    """One pass over an expression. `parts` counts nodes: what one iteration over them costs.

    `mistake` is the first place that can only give null.
    """

    def __init__(self, error: Callable[[str, int], FeelSyntaxError]) -> None:
        self.error = error
        self.mistake: FeelSyntaxError | None = None
        self.parts = 0
        self.questions = 0
        self.partials = 0

    def compile(self, node: Node) -> Code:
        """The closure that computes a node."""
        self.parts += 1
        return _COMPILERS[type(node)](self, node)

    def weigh(self, node: Node) -> Weighed:
        """The closure with what one run of it costs."""
        before = self.parts
        code = self.compile(node)
        return Weighed(code, self.parts - before)


def _literal(_compiler: Compiler, node: Literal) -> Code:
    value = node.value
    return lambda env: value


def _mistake(compiler: Compiler, node: Mistake) -> Code:
    compiler.mistake = compiler.mistake or compiler.error(node.message, node.position)
    for argument in node.arguments:
        compiler.compile(argument)
    return lambda env: env.run.warn(node.message)


def _name(compiler: Compiler, node: Name) -> Code:
    name = node.name
    if name == "?":
        compiler.questions += 1
    elif name == "partial":
        compiler.partials += 1

    def look_up(env: Env) -> Value:
        scope: Env | None = env
        while scope is not None:
            try:
                value = scope.names[name]
            except KeyError:
                scope = scope.outer
                continue
            return value if scope.native or type(value) in ATOMS else env.run.adopt(value)
        return loops.unknown_name(name, env)

    return look_up


def _path(compiler: Compiler, node: Path) -> Code:
    return loops.path(compiler.compile(node.target), node.name)


def _filter(compiler: Compiler, node: Filter) -> Code:
    target = compiler.compile(node.target)
    if isinstance(node.condition, Literal) and type(node.condition.value) is Decimal:
        compiler.parts += 1
        position = node.condition.value
        return lambda env: loops.item_at(target(env), position, env.run)
    return loops.filtered(target, compiler.weigh(node.condition))


def _negation(compiler: Compiler, node: Negation) -> Code:
    operand = compiler.compile(node.operand)
    return lambda env: operators.negated(operand(env), env.run)


def _chain(compiler: Compiler, node: Chain) -> Code:
    first = compiler.compile(node.first)
    rest = tuple((operator, compiler.compile(operand)) for operator, operand in node.rest)
    calculated = operators.calculated
    if len(rest) == 1:
        operator, second = rest[0]
        return lambda env: calculated(operator, first(env), second(env), env.run)

    def chain(env: Env) -> Value:
        value = first(env)
        for operator, operand in rest:
            value = calculated(operator, value, operand(env), env.run)
        return value

    return chain


def _logic(compiler: Compiler, node: Logic) -> Code:
    parts = tuple(compiler.compile(part) for part in node.parts)
    decisive: bool = node.operator == "or"

    def logic(env: Env) -> bool | None:
        result: bool | None = not decisive
        for part in parts:
            value = part(env)
            if value is decisive:
                return value is True
            if value is not (not decisive):
                result = None
        return result

    return logic


def _comparison(compiler: Compiler, node: Comparison) -> Code:
    left = compiler.compile(node.left)
    right = compiler.compile(node.right)
    return _COMPARERS[node.operator](left, right)


def _equals(left: Code, right: Code) -> Code:
    def equals(env: Env) -> bool | None:
        first = left(env)
        second = right(env)
        if type(first) is str and type(second) is str:
            return first == second
        return operators.equal(first, second, env.run)

    return equals


def _differs(left: Code, right: Code) -> Code:
    return lambda env: operators.holds("!=", left(env), right(env), env.run)


def _orders(operator: str, fast: Callable[[Any, Any], bool]) -> Callable[[Code, Code], Code]:
    ordered = operators.ordered

    def build(left: Code, right: Code) -> Code:
        def order(env: Env) -> bool | None:
            first = left(env)
            second = right(env)
            if type(first) is Decimal and type(second) is Decimal and first == first and second == second:
                return fast(first, second)
            return ordered(operator, first, second, env.run)

        return order

    return build


_COMPARERS: dict[str, Callable[[Code, Code], Code]] = {
    "=": _equals,
    "!=": _differs,
    "<": _orders("<", lambda first, second: first < second),
    "<=": _orders("<=", lambda first, second: first <= second),
    ">": _orders(">", lambda first, second: first > second),
    ">=": _orders(">=", lambda first, second: first >= second),
}


def _between(compiler: Compiler, node: Between) -> Code:
    value, low, high = (compiler.compile(part) for part in (node.value, node.low, node.high))

    def between(env: Env) -> bool | None:
        tested = value(env)
        run = env.run
        above = operators.ordered(">=", tested, low(env), run)
        return operators.both(above, operators.ordered("<=", tested, high(env), run))

    return between


def _in(compiler: Compiler, node: In) -> Code:
    value = compiler.compile(node.value)
    tests = compile_tests(compiler, node.tests)
    return lambda env: tests(env, value(env))


def compile_tests(compiler: Compiler, node: Tests) -> Callable[[Env, Value], bool | None]:
    """The closure that puts a value to unary tests."""
    tests = tuple(_one_test(compiler, test) for test in node.tests)
    negated = node.negated

    def try_all(env: Env, value: Value) -> bool | None:
        result: bool | None = not tests
        for test in tests:
            verdict = test(env, value)
            if verdict is True:
                result = True
                break
            if verdict is None:
                result = None
        return operators.opposite(result) if negated else result

    return try_all


def _one_test(compiler: Compiler, node: Node) -> Callable[[Env, Value], bool | None]:
    if isinstance(node, Test):
        operator = node.operator
        operand = compiler.compile(node.operand)
        return lambda env, value: operators.holds(operator, value, operand(env), env.run)
    before = compiler.questions
    code = compiler.compile(node)
    if compiler.questions > before:
        compiler.questions = before

        def asked(env: Env, value: Value) -> bool | None:
            answer = code(Env({"?": value}, env, env.run))
            return answer if isinstance(answer, bool) else operators.passes(value, answer, env.run)

        return asked
    computed = not isinstance(node, (Literal, Name))
    interval = isinstance(node, RangeOf)

    def tested(env: Env, value: Value) -> bool | None:
        answer = code(env)
        if interval and answer is None:
            return None
        if computed and isinstance(answer, bool) and not isinstance(value, bool):
            return answer
        return operators.passes(value, answer, env.run)

    return tested


def _tests(compiler: Compiler, node: Tests) -> Code:
    tests = compile_tests(compiler, node)
    return lambda env: tests(env, env.find("?"))


def _test(compiler: Compiler, node: Test) -> Code:
    operand = compiler.compile(node.operand)
    operator = node.operator
    return lambda env: operators.range_of_test(operator, operand(env), env.run)


def _if(compiler: Compiler, node: If) -> Code:
    condition, yes, no = (compiler.compile(part) for part in (node.condition, node.yes, node.no))
    return lambda env: yes(env) if condition(env) is True else no(env)


def _for(compiler: Compiler, node: For) -> Code:
    iterators = tuple((name, compiler.compile(source)) for name, source in node.iterators)
    before = compiler.partials
    body = compiler.weigh(node.body)
    return loops.for_loop(iterators, body, uses_partial=compiler.partials > before)


def _quantified(compiler: Compiler, node: Quantified) -> Code:
    iterators = tuple((name, compiler.compile(source)) for name, source in node.iterators)
    return loops.quantified(node.every, iterators, compiler.weigh(node.condition))


def _list(compiler: Compiler, node: ListOf) -> Code:
    items = tuple(compiler.compile(item) for item in node.items)
    return lambda env: [item(env) for item in items]


def _context(compiler: Compiler, node: ContextOf) -> Code:
    entries = tuple((key, compiler.compile(value)) for key, value in node.entries)

    def context(env: Env) -> dict[str, Value]:
        result: dict[str, Value] = {}
        inner = Env(result, env, env.run)
        for key, value in entries:
            result[key] = value(inner)
        # Functions inside keep `result` as their scope, so the caller gets a copy it may not change under them.
        return dict(result)

    return context


def _range(compiler: Compiler, node: RangeOf) -> Code:
    start, end = compiler.compile(node.start), compiler.compile(node.end)
    start_included, end_included = node.start_included, node.end_included

    def interval(env: Env) -> FeelRange | None:
        low, high = start(env), end(env)
        if low is None or high is None:
            env.run.warn("区间的一端是空值")
            return None
        return FeelRange(low, high, start_included, end_included)

    return interval


def _function(compiler: Compiler, node: FunctionOf) -> Code:
    parameters = tuple((name, None if kind is None else type_test(kind)) for name, kind in node.parameters)
    return loops.function(parameters, compiler.weigh(node.body))


def _instance_of(compiler: Compiler, node: InstanceOf) -> Code:
    value = compiler.compile(node.value)
    test, unknown = type_test(node.type), unknown_types(node.type)

    def instance_of(env: Env) -> Value:
        answer = test(value(env), env.run)
        return None if unknown and not unknown <= env.run.types.keys() else answer

    return instance_of


def _call(compiler: Compiler, node: Call) -> Code:
    return compile_call(compiler, node)


_COMPILERS: dict[type, Callable[[Compiler, Any], Code]] = {
    Literal: _literal,
    Mistake: _mistake,
    Name: _name,
    Path: _path,
    Filter: _filter,
    Call: _call,
    Negation: _negation,
    Chain: _chain,
    Logic: _logic,
    Comparison: _comparison,
    Between: _between,
    In: _in,
    Tests: _tests,
    Test: _test,
    If: _if,
    For: _for,
    Quantified: _quantified,
    ListOf: _list,
    ContextOf: _context,
    RangeOf: _range,
    FunctionOf: _function,
    InstanceOf: _instance_of,
}
