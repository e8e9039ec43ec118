"""Closures that walk over lists: paths, filters, for, some and every, and functions written in FEEL."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from bihuan.engine.feel import limits
from bihuan.engine.feel.builtins import BUILTINS
from bihuan.engine.feel.errors import FeelError, UnfitError
from bihuan.engine.feel.scope import Env, Run, member
from bihuan.engine.feel.temporal import PROPERTIES
from bihuan.engine.feel.types import TypeTest
from bihuan.engine.feel.values import MISSING, FeelFunction, FeelRange, Value, chinese_kind, is_date, kind_of


@dataclass(frozen=True, slots=True)
class Weighed:
    """A closure and what one run of it costs."""

    code: Callable[[Env], Value]
    weight: int


def unknown_name(name: str, env: Env) -> Value:
    """What a name means that no scope holds: a built-in function as a value, else null with a warning."""
    builtin = BUILTINS.get(name)
    if builtin is not None:
        return builtin.as_value()
    env.run.warn(f"没有名为“{name}”的变量")
    return None


def property_of(value: Value, name: str, run: Run) -> Value:
    """`value.name` for one value, MISSING if it has no such thing."""
    if isinstance(value, Mapping):
        return member(run, value, name)
    readers = PROPERTIES.get(kind_of(value))
    reader = readers.get(name) if readers is not None else None
    return MISSING if reader is None else reader(value)


def path(target: Callable[[Env], Value], name: str) -> Callable[[Env], Value]:
    """`target.name`; over a list it gathers the name of each item."""

    def walk(env: Env) -> Value:
        value = target(env)
        if type(value) is dict:
            found = value.get(name, MISSING)
            if found is MISSING:
                env.run.warn(f"对象里没有“{name}”")
                return None
            return found
        if type(value) is list:
            env.run.spend(len(value))
            items = (property_of(item, name, env.run) for item in value)
            return [None if item is MISSING else item for item in items]
        if value is None:
            env.run.warn(f"空值没有“{name}”")
            return None
        found = property_of(value, name, env.run)
        if found is MISSING:
            env.run.warn(f"{chinese_kind(value)}没有“{name}”")
            return None
        return found

    return walk


def item_at(value: Value, position: Decimal, run: Run) -> Value:
    """`list[position]`: from 1 at the front, from -1 at the back, null outside."""
    items = value if type(value) is list else [] if value is None else [value]
    if position != position.to_integral_value() or not 1 <= abs(position) <= len(items):
        run.warn("列表里没有这个位置")
        return None
    index = int(position)
    return items[index - 1 if index > 0 else index]


def filtered(target: Callable[[Env], Value], condition: Weighed) -> Callable[[Env], Value]:
    """`list[condition]`; a condition that is a number picks a position."""
    code, weight = condition.code, condition.weight

    def pick(env: Env) -> Value:
        value = target(env)
        run = env.run
        items = value if type(value) is list else [] if value is None else [value]
        kept: list[Value] = []
        if not items:
            # A position in nothing is null, a condition on nothing is an empty list.
            return None if type(code(env)) is Decimal else kept
        for item in items:
            run.spend(weight)
            scope = Env({"item": item}, env, run)
            if isinstance(item, Mapping):
                scope = Env(item, scope, run, type(item) is dict)
            verdict = code(scope)
            if verdict is True:
                kept.append(item)
            elif type(verdict) is Decimal:
                return item_at(items, verdict, run)
        return kept

    return pick


def walked(source: Value, run: Run) -> Iterator[Value]:
    """The values a `for` walks over: a list, or a range of whole numbers or of days, up or down. Raises UnfitError."""
    if type(source) is list:
        yield from source
        return
    if not isinstance(source, FeelRange):
        raise UnfitError(f"不能逐个处理{chinese_kind(source)}")
    start, end = source.start, source.end
    if type(start) is Decimal and type(end) is Decimal:
        if start != start.to_integral_value() or end != end.to_integral_value():
            raise UnfitError("区间两端要是整数")
        yield from map(Decimal, _counted(start, end - start, source))
    elif is_date(start) and is_date(end):
        for shift in _counted(Decimal(0), Decimal((end - start).days), source):
            yield start + timedelta(days=shift)
    else:
        raise UnfitError("区间两端要都是整数或都是日期")


def _counted(start: Decimal, length: Decimal, source: FeelRange) -> range:
    if abs(length) >= limits.MAX_LIST:
        raise FeelError(f"区间太长（超过 {limits.MAX_LIST} 项）")
    step = -1 if length < 0 else 1
    first = int(start) + (0 if source.start_included else step)
    last = int(start) + int(length) - (0 if source.end_included else step)
    return range(first, last + step, step)


def _combinations(iterators: tuple[tuple[str, Callable[[Env], Value]], ...], env: Env, weight: int) -> Iterator[Env]:
    """An Env for every combination of the iterators' values, the last iterator fastest."""
    name, source = iterators[0]
    for value in walked(source(env), env.run):
        env.run.spend(weight)
        inner = Env({name: value}, env, env.run)
        if len(iterators) == 1:
            yield inner
        else:
            yield from _combinations(iterators[1:], inner, weight)


def for_loop(
    iterators: tuple[tuple[str, Callable[[Env], Value]], ...], body: Weighed, *, uses_partial: bool
) -> Callable[[Env], list[Value] | None]:
    """`for … return …`; the list of results so far is made for bodies that ask for `partial` only."""
    code = body.code

    def loop(env: Env) -> list[Value] | None:
        results: list[Value] = []
        try:
            for scope in _combinations(iterators, env, body.weight + 1):
                if len(results) >= limits.MAX_LIST:
                    raise FeelError(f"列表太长（超过 {limits.MAX_LIST} 项）")
                if uses_partial:
                    env.run.spend(len(results))
                    scope = Env({"partial": list(results)}, scope, env.run)
                results.append(code(scope))
        except UnfitError as reason:
            env.run.warn(reason.reason)
            return None
        return results

    return loop


def quantified(
    every: bool, iterators: tuple[tuple[str, Callable[[Env], Value]], ...], condition: Weighed
) -> Callable[[Env], bool | None]:
    """`some … satisfies …` and `every …`: like `or` and `and` over all combinations."""
    code = condition.code

    def quantify(env: Env) -> bool | None:
        result: bool | None = every
        try:
            for scope in _combinations(iterators, env, condition.weight + 1):
                verdict = code(scope)
                if verdict is (not every):
                    return not every
                if verdict is not every:
                    result = None
        except UnfitError as reason:
            env.run.warn(reason.reason)
            return None
        return result

    return quantify


def function(parameters: tuple[tuple[str, TypeTest | None], ...], body: Weighed) -> Callable[[Env], FeelFunction]:
    """`function(…) …`, closed over the names in sight."""
    names = tuple(name for name, _ in parameters)
    tests = tuple(test for _, test in parameters)
    code = body.code

    def build(env: Env) -> FeelFunction:
        def call(run: Run, *arguments: Value) -> Value:
            if len(arguments) != len(names):
                raise UnfitError(f"函数需要 {len(names)} 个参数，给了 {len(arguments)} 个")
            for name, test, argument in zip(names, tests, arguments, strict=True):
                if test is not None and argument is not None and not test(argument, run):
                    raise UnfitError(f"参数“{name}”的类型不对，得到{chinese_kind(argument)}")
            run.enter(body.weight + 1)
            value = code(Env(dict(zip(names, arguments, strict=True)), env, run))
            run.leave()
            return value

        return FeelFunction("", names, call)

    return build
