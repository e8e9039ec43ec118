"""How built-in functions are declared: a signature in FEEL's own words above a Python function."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal, DivisionByZero, InvalidOperation, Overflow
from typing import TypeVar

from bihuan.engine.feel.errors import UnfitError
from bihuan.engine.feel.scope import Run
from bihuan.engine.feel.values import (
    FeelFunction,
    FeelRange,
    Value,
    YearMonthDuration,
    chinese_kind,
    chinese_name,
    is_date,
)

_CHECKS: dict[str, Callable[[Value], bool]] = {
    "any": lambda value: True,
    "number": lambda value: type(value) is Decimal,
    "string": lambda value: type(value) is str,
    "boolean": lambda value: type(value) is bool,
    "list": lambda value: type(value) is list,
    "context": lambda value: isinstance(value, Mapping),
    "date": is_date,
    "time": lambda value: isinstance(value, time),
    "datetime": lambda value: isinstance(value, datetime),
    "day": lambda value: isinstance(value, date),
    "span": lambda value: isinstance(value, timedelta),
    "months": lambda value: isinstance(value, YearMonthDuration),
    "duration": lambda value: isinstance(value, (timedelta, YearMonthDuration)),
    "function": lambda value: isinstance(value, FeelFunction),
    "range": lambda value: isinstance(value, FeelRange),
}
_CHINESE = {"datetime": "日期时间", "day": "日期", "span": "时长", "months": "年月时长", "duration": "时长"}

_PARAMETER = re.compile(r"(?P<name>[^:]+?)(?P<many>\.\.\.)?: (?P<kind>[a-z]+)(?P<optional>\?)?")

F = TypeVar("F", bound=Callable[..., Value])


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a built-in: name, kind of value, whether it may be left out."""

    name: str
    kind: str
    optional: bool


@dataclass(frozen=True, slots=True)
class Overload:
    """One way to call a built-in. `many`: the last parameter takes all remaining arguments."""

    parameters: tuple[Parameter, ...]
    many: bool
    function: Callable[..., Value]

    def takes(self, count: int) -> bool:
        """Whether so many arguments can be given."""
        least = sum(not parameter.optional for parameter in self.parameters)
        return least <= count and (self.many or count <= len(self.parameters))

    def prepared(self, arguments: Sequence[Value]) -> list[Value]:
        """The arguments fitted to the parameters; raises UnfitError."""
        ready: list[Value] = []
        last = len(self.parameters) - 1
        for index, argument in enumerate(arguments):
            parameter = self.parameters[min(index, last)]
            ready.append(_fitted(argument, parameter))
        return ready

    def arrange(self, names: Sequence[str]) -> list[int | None] | None:
        """For a call by name: which argument goes to which parameter; None if the names do not fit."""
        known = [parameter.name for parameter in self.parameters]
        if any(name not in known for name in names):
            return None
        order: list[int | None] = []
        for parameter in self.parameters:
            if parameter.name in names:
                order.append(names.index(parameter.name))
            elif parameter.optional:
                order.append(None)
            else:
                return None
        return order


def _fitted(argument: Value, parameter: Parameter) -> Value:
    kind = parameter.kind
    if _CHECKS[kind](argument):
        return argument
    if argument is None:
        if parameter.optional:
            return None
        raise UnfitError(f"参数“{parameter.name}”是空值")
    if kind == "list":
        return [argument]
    if type(argument) is list and len(argument) == 1 and _CHECKS[kind](argument[0]):
        return argument[0]
    wanted = _CHINESE.get(kind) or chinese_name(kind)
    raise UnfitError(f"参数“{parameter.name}”应是{wanted}，得到{chinese_kind(argument)}")


@dataclass(slots=True)
class Builtin:
    """A built-in function with its overloads."""

    name: str
    overloads: list[Overload] = field(default_factory=list)

    def call(self, run: Run, *arguments: Value) -> Value:
        """Call it; null with a warning where the arguments do not fit."""
        run.spend(2 + _size(arguments))
        try:
            result = self._choose(run, arguments)
        except UnfitError as unfit:
            run.warn(f"{self.name}：{unfit.reason}")
            return None
        except (InvalidOperation, Overflow, DivisionByZero, OverflowError, ValueError):
            run.warn(f"{self.name}：结果超出范围")
            return None
        run.spend(_size((result,)))
        return result

    def _choose(self, run: Run, arguments: tuple[Value, ...]) -> Value:
        reason = UnfitError(f"不能用 {len(arguments)} 个参数调用")
        for overload in self.overloads:
            if not overload.takes(len(arguments)):
                continue
            try:
                ready = overload.prepared(arguments)
            except UnfitError as unfit:
                reason = unfit
                continue
            return overload.function(run, *ready)
        raise reason

    def takes(self, count: int) -> bool:
        """Whether some overload takes so many arguments."""
        return any(overload.takes(count) for overload in self.overloads)

    def usage(self) -> str:
        """How it is called, for messages."""
        return " 或 ".join(map(self._usage_of, self.overloads))

    def _usage_of(self, overload: Overload) -> str:
        names = ", ".join(parameter.name for parameter in overload.parameters)
        return f"{self.name}({names}{', …' if overload.many else ''})"

    def as_value(self) -> FeelFunction:
        """The function as a value, to hand to another function."""
        parameters = tuple(parameter.name for parameter in self.overloads[0].parameters)
        return FeelFunction(self.name, parameters, self.call)


def _size(values: Sequence[Value]) -> int:
    size = 0
    for value in values:
        if type(value) is str:
            size += len(value) >> 3
        elif type(value) is list or type(value) is dict:
            size += len(value)
    return size


BUILTINS: dict[str, Builtin] = {}


def builtin(signature: str) -> Callable[[F], F]:
    """Declare a built-in: `name(parameter: kind, other: kind?, rest...: kind)`; `?` may be left out or null."""
    name, _, rest = signature.removesuffix(")").partition("(")
    parameters: list[Parameter] = []
    many = False
    for text in rest.split(", ") if rest else ():
        match = _PARAMETER.fullmatch(text)
        if match is None or match["kind"] not in _CHECKS:
            raise ValueError(f"bad signature: {signature}")
        many = match["many"] is not None
        parameters.append(Parameter(match["name"], match["kind"], match["optional"] is not None))

    def declare(function: F) -> F:
        BUILTINS.setdefault(name, Builtin(name)).overloads.append(Overload(tuple(parameters), many, function))
        return function

    return declare
