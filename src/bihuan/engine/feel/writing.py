"""Writes any value as FEEL's string() does, within the bound on strings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time, timedelta
from decimal import Decimal

from bihuan.engine.feel import limits
from bihuan.engine.feel.errors import FeelError
from bihuan.engine.feel.temporal import format_temporal
from bihuan.engine.feel.values import FeelFunction, FeelRange, Value, YearMonthDuration


def number_text(value: Decimal) -> str:
    """A number without exponent and without needless zeros."""
    if value == value.to_integral_value() and value.adjusted() < 40:
        return format(value.to_integral_value(), "f") if value else "0"
    if abs(value.adjusted()) > 60:
        return str(value.normalize()).replace("E+", "E")
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def to_text(value: Value) -> str:
    """The text of a value; a string stays as it is."""
    return value if type(value) is str else feel_text(value)


def feel_text(value: Value) -> str:
    """A value as one would write it in FEEL; raises FeelError past the bound on strings."""
    parts: list[str] = []
    _write(value, parts, [limits.MAX_STRING], 0)
    return "".join(parts)


def _put(text: str, parts: list[str], left: list[int]) -> None:
    left[0] -= len(text)
    if left[0] < 0:
        raise FeelError("文字太长，已停止")
    parts.append(text)


def _write(value: Value, parts: list[str], left: list[int], depth: int) -> None:
    if depth > limits.MAX_DEPTH:
        raise FeelError("列表或对象嵌套太深")
    if isinstance(value, list):
        _put("[", parts, left)
        for index, item in enumerate(value):
            _put(", " if index else "", parts, left)
            _write(item, parts, left, depth + 1)
        _put("]", parts, left)
    elif isinstance(value, Mapping):
        _put("{", parts, left)
        for index, (key, item) in enumerate(value.items()):
            _put(f"{', ' if index else ''}{_key(str(key))}: ", parts, left)
            _write(item, parts, left, depth + 1)
        _put("}", parts, left)
    elif isinstance(value, FeelRange):
        _put("[" if value.start_included else "(", parts, left)
        _write(value.start, parts, left, depth + 1)
        _put("..", parts, left)
        _write(value.end, parts, left, depth + 1)
        _put("]" if value.end_included else ")", parts, left)
    else:
        _put(_scalar(value), parts, left)


def _key(key: str) -> str:
    return key if all(word.isidentifier() for word in key.split()) and key else _quoted(key)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return '"' + escaped.replace("\r", "\\r") + '"'


def _scalar(value: Value) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return number_text(value) if value.is_finite() else "null"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, (date, time, timedelta, YearMonthDuration)):
        return format_temporal(value)
    if isinstance(value, FeelFunction):
        return f"function({', '.join(value.parameters)})"
    return "null"
