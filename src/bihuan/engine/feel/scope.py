"""Where names find their values, and what one evaluation may spend."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, TypeAlias

from bihuan.engine.feel import limits
from bihuan.engine.feel.errors import FeelError
from bihuan.engine.feel.types import TypeTest
from bihuan.engine.feel.values import MISSING, FeelFunction, FeelRange, Value, YearMonthDuration
from bihuan.kernel import clock

ATOMS: frozenset[type] = frozenset(
    {type(None), bool, Decimal, str, datetime, date, time, timedelta, YearMonthDuration, FeelRange, FeelFunction}
)
"""Types that are FEEL values as they stand; everything else is adopted first."""


Moment: TypeAlias = datetime | Callable[[], datetime] | None
"""The moment an evaluation goes by, or what tells it when it is asked for; `kernel.clock` if there is none."""

NO_TYPES: Mapping[str, TypeTest] = {}


class Run:
    """One evaluation: its moment, the types that its file declares, what it has spent, and why parts of it came out
    as null."""

    __slots__ = ("_adopted", "_now", "calls", "steps", "types", "warnings")

    def __init__(self, now: Moment, types: Mapping[str, TypeTest] = NO_TYPES) -> None:
        self._now = now
        self.types = types
        self._adopted: dict[int, tuple[Any, Value]] = {}
        self.steps = 0
        self.calls = 0
        self.warnings: list[str] = []

    def now(self) -> datetime:
        """The moment of this evaluation; the same however often it is asked for."""
        held = self._now
        if not isinstance(held, datetime):
            held = self._now = clock.now() if held is None else held()
        return held

    def spend(self, units: int) -> None:
        """Count work; refuse to go on past the bound."""
        self.steps += units
        if self.steps > limits.MAX_STEPS:
            raise FeelError("表达式计算量太大，已停止")

    def enter(self, units: int) -> None:
        """Count the call of a function that is itself an expression; refuse calls within calls without end."""
        self.spend(units)
        self.calls += 1
        if self.calls > limits.MAX_CALLS:
            raise FeelError("函数互相调用的层次太多")

    def leave(self) -> None:
        """The call that `enter` counted is over."""
        self.calls -= 1

    def warn(self, reason: str) -> None:
        """Remember why something became null."""
        if len(self.warnings) < limits.MAX_WARNINGS and reason not in self.warnings:
            self.warnings.append(reason)

    def adopt(self, value: Any) -> Value:
        """The FEEL value for a Python value from outside: int and float become Decimal, tuples and sets lists.

        Mappings that are not plain dicts stay as they are, so that a lazy view of a record is not read in full.
        """
        if type(value) in ATOMS:
            return _finite(value) if type(value) is Decimal else value
        if isinstance(value, (list, tuple, set, frozenset, dict)):
            known = self._adopted.get(id(value))
            if known is not None:
                return known[1]
            result = self._adopt_deep(value, 0)
            self._adopted[id(value)] = (value, result)
            return result
        return _adopt_scalar(value)

    def _adopt_deep(self, value: Any, depth: int) -> Value:
        if depth > limits.MAX_DEPTH:
            raise FeelError("变量里的列表或对象嵌套太深")
        if isinstance(value, dict):
            self.spend(len(value))
            return {
                str(key): item if type(item) in ATOMS else self._adopt_deep(item, depth + 1)
                for key, item in value.items()
            }
        if isinstance(value, (list, tuple, set, frozenset)):
            self.spend(len(value))
            return [item if type(item) in ATOMS else self._adopt_deep(item, depth + 1) for item in value]
        return _adopt_scalar(value)


def _finite(value: Decimal) -> Decimal | None:
    return value if value.is_finite() and -limits.MAX_EXPONENT <= value.adjusted() <= limits.MAX_EXPONENT else None


def _adopt_scalar(value: Any) -> Value:
    if isinstance(value, bool):
        return bool(value)
    if isinstance(value, int):
        # The bit length is checked first: turning a huge int into a Decimal takes quadratic time.
        return Decimal(value) if value.bit_length() < 20_000 else None
    if isinstance(value, float):
        return _finite(Decimal(repr(value)))
    if isinstance(value, Decimal):
        return _finite(Decimal(value))
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, (Mapping, date, time, timedelta, YearMonthDuration, FeelRange, FeelFunction)):
        return value
    return None


class Env:
    """A layer of names over the one outside it. The outermost layer holds the variables.

    `native` layers hold FEEL values only; the values of others are adopted when they are looked up.
    """

    __slots__ = ("names", "native", "outer", "run")

    def __init__(self, names: Mapping[str, Any], outer: Env | None, run: Run, native: bool = True) -> None:
        self.names = names
        self.outer = outer
        self.run = run
        self.native = native

    def find(self, name: str) -> Value:
        """The value of a name, or MISSING."""
        scope: Env | None = self
        while scope is not None:
            try:
                value = scope.names[name]
            except KeyError:
                scope = scope.outer
                continue
            return value if scope.native or type(value) in ATOMS else self.run.adopt(value)
        return MISSING


def member(run: Run, context: Mapping[str, Any], key: str) -> Value:
    """The value under a key of a context, or MISSING."""
    try:
        value = context[key]
    except KeyError:
        return MISSING
    return value if type(context) is dict or type(value) in ATOMS else run.adopt(value)


def measure(value: Value) -> None:
    """Refuse a result that shares its parts so often that writing it out would fill the memory."""
    seen = 0
    pending: list[tuple[Value, int]] = [(value, 0)]
    while pending:
        part, depth = pending.pop()
        if depth > limits.MAX_DEPTH:
            raise FeelError("结果里的列表或对象嵌套太深")
        if type(part) is dict:
            children = list(part.values())
        elif type(part) is list:
            children = part
        else:
            continue
        seen += len(children)
        if seen > limits.MAX_RESULT:
            raise FeelError("结果太大")
        pending.extend((child, depth + 1) for child in children if type(child) in (list, dict))
