"""Checks values against declared types (`instance of`, parameters, DMN type references)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from bihuan.engine.feel.nodes import TypeRef
from bihuan.engine.feel.values import FeelFunction, FeelRange, Value, kind_of

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


def type_test(kind: TypeRef) -> Callable[[Value], bool]:
    """The check whether a value is of a type. An unknown type holds for nothing."""
    if kind.name.lower() == "any":
        return lambda value: value is not None
    if kind.name == "list" and kind.arguments:
        item = _or_null(type_test(kind.arguments[0]))
        return lambda value: isinstance(value, list) and all(map(item, value))
    if kind.name == "context" and kind.fields:
        fields = tuple((name, _or_null(type_test(field))) for name, field in kind.fields)
        return lambda value: (
            isinstance(value, Mapping) and all(name in value and test(value[name]) for name, test in fields)
        )
    if kind.name == "range" and kind.arguments:
        end = _or_null(type_test(kind.arguments[0]))
        return lambda value: isinstance(value, FeelRange) and end(value.start) and end(value.end)
    if kind.name == "function":
        count = len(kind.arguments) - 1
        return lambda value: isinstance(value, FeelFunction) and (count < 0 or len(value.parameters) == count)
    wanted = _SAME.get(kind.name.lower() if kind.name not in _SAME else kind.name)
    if wanted == "number":
        return lambda value: type(value) is Decimal
    return lambda value: wanted is not None and kind_of(value) == wanted


def _or_null(test: Callable[[Value], bool]) -> Callable[[Value], bool]:
    return lambda value: value is None or test(value)
