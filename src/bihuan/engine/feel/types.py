"""Checks values against declared types (`instance of`, parameters, DMN type references)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

from bihuan.engine.feel.nodes import TypeRef
from bihuan.engine.feel.values import FeelFunction, FeelRange, Value, kind_of

if TYPE_CHECKING:
    from bihuan.engine.feel.scope import Run

_SAME = {
    "number": "number",
    "string": "string",
    "boolean": "boolean",
    "date": "date",
    "time": "time",
    "date and time": "date and time",
    "datetime": "date and time",
    "days and time duration": "days and time duration",
    "day time duration": "days and time duration",
    "years and months duration": "years and months duration",
    "year month duration": "years and months duration",
    "list": "list",
    "context": "context",
    "range": "range",
    "function": "function",
    "null": "null",
}


TypeTest: TypeAlias = "Callable[[Value, Run], bool]"
"""Whether a value is of a type; the evaluation knows the types that the file declares."""


def type_test(kind: TypeRef) -> TypeTest:
    """The check whether a value is of a type. A type that nobody declares holds for nothing, with a warning."""
    if kind.name.lower() == "any":
        return lambda value, run: value is not None
    if kind.name == "list" and kind.arguments:
        item = _or_null(type_test(kind.arguments[0]))
        return lambda value, run: isinstance(value, list) and all(item(each, run) for each in value)
    if kind.name == "context" and kind.fields:
        fields = tuple((name, _or_null(type_test(field))) for name, field in kind.fields)
        return lambda value, run: (
            isinstance(value, Mapping) and all(name in value and test(value[name], run) for name, test in fields)
        )
    if kind.name == "range" and kind.arguments:
        end = _or_null(type_test(kind.arguments[0]))
        return lambda value, run: isinstance(value, FeelRange) and end(value.start, run) and end(value.end, run)
    if kind.name == "function":
        count = len(kind.arguments) - 1
        return lambda value, run: isinstance(value, FeelFunction) and (count < 0 or len(value.parameters) == count)
    wanted = _SAME.get(kind.name, _SAME.get(kind.name.lower()))
    if wanted is None:
        return lambda value, run: _of_declared(kind.name, value, run)
    if wanted == "number":
        return lambda value, run: type(value) is Decimal
    return lambda value, run: kind_of(value) == wanted


def unknown_types(kind: TypeRef) -> frozenset[str]:
    """The names in a type that are no types of FEEL: the file has to declare them."""
    inner = (*kind.arguments, *(field for _, field in kind.fields))
    own = frozenset() if kind.name.lower() in (*_SAME, "any") else frozenset({kind.name})
    return own.union(*map(unknown_types, inner))


def _of_declared(name: str, value: Value, run: Run) -> bool:
    test = run.types.get(name)
    if test is None:
        run.warn(f"没有名为“{name}”的类型")
        return False
    return test(value, run)


def _or_null(test: TypeTest) -> TypeTest:
    return lambda value, run: value is None or test(value, run)
