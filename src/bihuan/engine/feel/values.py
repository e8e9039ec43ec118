"""The values FEEL knows beside Python's own: months-long durations, ranges and functions; and how each is named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from functools import total_ordering
from typing import Any, TypeAlias

Value: TypeAlias = Any
"""None, bool, Decimal, str, date, time, datetime, timedelta, YearMonthDuration, list, dict, range or function."""

NUMBERS = Context(
    prec=34, rounding=ROUND_HALF_EVEN, Emin=-6143, Emax=6144, traps=[InvalidOperation, DivisionByZero, Overflow]
)
"""The arithmetic of DMN: 34 decimal digits, banker's rounding."""


@total_ordering
@dataclass(frozen=True, slots=True)
class YearMonthDuration:
    """A duration counted in months, e.g. one year and two months; days do not convert into it."""

    months: int

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, YearMonthDuration):
            return NotImplemented
        return self.months < other.months

    def __str__(self) -> str:
        years, months = divmod(abs(self.months), 12)
        sign = "-" if self.months < 0 else ""
        if not years and not months:
            return "P0M"
        return f"{sign}P{f'{years}Y' if years else ''}{f'{months}M' if months else ''}"


@dataclass(frozen=True, slots=True)
class FeelRange:
    """An interval; an end that is None is open to infinity."""

    start: Value
    end: Value
    start_included: bool = True
    end_included: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class FeelFunction:
    """A function value: a built-in or one written in FEEL. `call` takes the run and the positional arguments."""

    name: str
    parameters: tuple[str, ...]
    call: Callable[..., Value]


class Missing:
    """Marks a name that stands for nothing, so that it differs from a name that stands for null."""

    __slots__ = ()


MISSING = Missing()

_KINDS: dict[type, str] = {
    type(None): "null",
    bool: "boolean",
    Decimal: "number",
    str: "string",
    datetime: "date and time",
    date: "date",
    time: "time",
    timedelta: "days and time duration",
    YearMonthDuration: "years and months duration",
    list: "list",
    dict: "context",
    FeelRange: "range",
    FeelFunction: "function",
}

_CHINESE = {
    "null": "空值",
    "boolean": "是/否值",
    "number": "数字",
    "string": "文字",
    "date and time": "日期时间",
    "date": "日期",
    "time": "时间",
    "days and time duration": "时长",
    "years and months duration": "年月时长",
    "list": "列表",
    "context": "对象",
    "range": "区间",
    "function": "函数",
    "any": "任意值",
}


def kind_of(value: Value) -> str:
    """The FEEL name of a value's type."""
    kind = _KINDS.get(type(value))
    if kind is not None:
        return kind
    if isinstance(value, Mapping):
        return "context"
    return "any"


def chinese_kind(value: Value) -> str:
    """The name of a value's type as a person reads it."""
    return _CHINESE[kind_of(value)]


def chinese_name(kind: str) -> str:
    """The Chinese word for a FEEL type name."""
    return _CHINESE.get(kind.lower(), kind)


def is_date(value: Value) -> bool:
    """Whether a value is a date without a time (Python's datetime is a date too, FEEL's is not)."""
    return isinstance(value, date) and not isinstance(value, datetime)
