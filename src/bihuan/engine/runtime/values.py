"""Process variables as JSON and back, without losing what FEEL can tell apart.

Text, yes/no, null, whole numbers and lists are themselves; every other value is an object with one `$` key, e.g.
`{"$number": "12.50"}`, `{"$date": "2026-11-24"}`. An object with a key that begins with `$` is written as pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from bihuan.engine.feel.values import FeelRange, YearMonthDuration

MAX_DEPTH = 40
_PLAIN = frozenset({str, bool, type(None)})
_WIDE = 2**63
"""Whole numbers from here on would come back from JSON as rough ones."""
_KEPT = frozenset({str, bool, int, type(None), Decimal, datetime, date, time, timedelta, YearMonthDuration})


class UnfitValue(ValueError):
    """A value that cannot be a process variable; the message is Chinese."""


def normalise(value: Any, depth: int = 0) -> Any:
    """The value as the engine keeps it: floats become Decimal, tuples and sets lists. Raises UnfitValue."""
    kind = type(value)
    if kind in _KEPT:
        if kind is Decimal and not value.is_finite():
            raise UnfitValue("数字不能是无穷大或非数")
        return value
    if depth > MAX_DEPTH:
        raise UnfitValue("变量嵌套太深")
    if kind is dict or isinstance(value, Mapping):
        return {_key(key): normalise(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [normalise(item, depth + 1) for item in value]
    if isinstance(value, (set, frozenset)):
        return [normalise(item, depth + 1) for item in sorted(value, key=repr)]
    if kind is float:
        return normalise(Decimal(repr(value)))
    if isinstance(value, FeelRange):
        ends = (normalise(value.start, depth + 1), normalise(value.end, depth + 1))
        return FeelRange(*ends, value.start_included, value.end_included)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Decimal):
        return normalise(Decimal(value))
    if isinstance(value, int):
        return int(value)
    raise UnfitValue(f"「{kind.__name__}」类型的值不能作为流程变量")


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise UnfitValue("对象的键必须是文字")
    return key


def normalised(values: Mapping[str, Any]) -> dict[str, Any]:
    """`normalise` for a set of variables."""
    kept = _KEPT
    return {
        _key(name): value if type(value) in kept and type(value) is not Decimal else normalise(value)
        for name, value in values.items()
    }


def encode(value: Any) -> Any:
    """A normalised value as plain JSON."""
    kind = type(value)
    if kind in _PLAIN or (kind is int and -_WIDE < value < _WIDE):
        return value
    if kind is dict:
        for key in value:
            if key.startswith("$"):
                return {"$pairs": [[key, encode(item)] for key, item in value.items()]}
        return {key: item if type(item) in _PLAIN else encode(item) for key, item in value.items()}
    if kind is list:
        return [encode(item) for item in value]
    writer = _WRITERS.get(kind)
    if writer is not None:
        return writer(value)
    if isinstance(value, Mapping):
        return encode(dict(value))
    return encode(normalise(value))


def decode(value: Any) -> Any:
    """The value that `encode` wrote."""
    kind = type(value)
    if kind is dict:
        if len(value) == 1:
            [(key, inner)] = value.items()
            reader = _READERS.get(key)
            if reader is not None:
                return reader(inner)
        return {key: decode(item) for key, item in value.items()}
    if kind is list:
        return [decode(item) for item in value]
    if kind is float:
        return Decimal(repr(value))
    return value


def _number(value: Decimal | int) -> Any:
    return {"$number": str(value)}


def _range(value: FeelRange) -> Any:
    return {"$range": [encode(value.start), encode(value.end), value.start_included, value.end_included]}


def _duration(value: timedelta) -> Any:
    return {"$seconds": [value.days, value.seconds, value.microseconds]}


_WRITERS: dict[type, Callable[[Any], Any]] = {
    Decimal: _number,
    int: _number,
    datetime: lambda value: {"$moment": value.isoformat()},
    date: lambda value: {"$date": value.isoformat()},
    time: lambda value: {"$time": value.isoformat()},
    timedelta: _duration,
    YearMonthDuration: lambda value: {"$months": value.months},
    FeelRange: _range,
}

_READERS: dict[str, Callable[[Any], Any]] = {
    "$number": Decimal,
    "$moment": datetime.fromisoformat,
    "$date": date.fromisoformat,
    "$time": time.fromisoformat,
    "$seconds": lambda parts: timedelta(*parts),
    "$months": YearMonthDuration,
    "$range": lambda parts: FeelRange(decode(parts[0]), decode(parts[1]), parts[2], parts[3]),
    "$pairs": lambda pairs: {key: decode(item) for key, item in pairs},
}
