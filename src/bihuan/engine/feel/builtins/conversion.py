"""Built-ins that make a value of one type from another, and `not`, `is`."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal

from bihuan.engine.feel.builtins.registry import builtin
from bihuan.engine.feel.errors import UnfitError
from bihuan.engine.feel.operators import compare, equal
from bihuan.engine.feel.scope import Run
from bihuan.engine.feel.temporal import (
    months_between,
    parse_date,
    parse_datetime,
    parse_duration,
    parse_time,
    parse_zone,
    temporal_literal,
)
from bihuan.engine.feel.values import NUMBERS, FeelRange, Value, YearMonthDuration, chinese_kind, kind_of
from bihuan.engine.feel.writing import to_text

_NUMBER = re.compile(r"-?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_TEMPORAL = (('@"', '"'), ('date("', '")'), ('date and time("', '")'), ('time("', '")'), ('duration("', '")'))
_RANGE = re.compile(r"\s*([\[\](])\s*(.*?)\s*\.\.\s*(.*?)\s*([\[\])])\s*", re.DOTALL)


def whole(value: Decimal, what: str) -> int:
    """A number as a whole one of sane size. Raises UnfitError."""
    if value != value.to_integral_value() or abs(value) > 1_000_000_000:
        raise UnfitError(f"{what}应是整数")
    return int(value)


@builtin("number(from: any)")
def _number(_run: Run, value: Value) -> Value:
    if type(value) is Decimal:
        return value
    return _number_from(_text(value), None, None)


@builtin("number(from: string, grouping separator: string?, decimal separator: string?)")
def _number_with_separators(_run: Run, text: str, group: str | None = None, point: str | None = None) -> Value:
    return _number_from(text, group, point)


def _number_from(text: str, group: str | None, point: str | None) -> Decimal:
    if group not in (None, " ", ",", ".") or point not in (None, ".", ",") or (group is not None and group == point):
        raise UnfitError("分隔符只能是空格、逗号或句点，且两者不同")
    plain = text.strip()
    if group:
        plain = plain.replace(group, "")
    if point == ",":
        plain = plain.replace(",", ".")
    if _NUMBER.fullmatch(plain) is None:
        raise UnfitError(f"“{text[:40]}”不是数字")
    return NUMBERS.create_decimal(plain)


def _text(value: Value) -> str:
    if type(value) is not str:
        raise UnfitError(f"不能从{chinese_kind(value)}得到")
    return value


@builtin("string(from: any)")
def _string(_run: Run, value: Value) -> Value:
    return None if value is None else to_text(value)


@builtin("date(from: any)")
def _date(_run: Run, value: Value) -> Value:
    if isinstance(value, datetime):
        return value.date()
    return value if isinstance(value, date) else parse_date(_text(value))


@builtin("date(year: number, month: number, day: number)")
def _date_of_parts(_run: Run, year: Decimal, month: Decimal, day: Decimal) -> Value:
    try:
        return date(whole(year, "年"), whole(month, "月"), whole(day, "日"))
    except ValueError:
        raise UnfitError("没有这一天") from None


@builtin("time(from: any)")
def _time(_run: Run, value: Value) -> Value:
    if isinstance(value, datetime):
        return value.timetz()
    if isinstance(value, date):
        return time(tzinfo=UTC)
    return value if isinstance(value, time) else parse_time(_text(value))


@builtin("time(hour: number, minute: number, second: number, offset: span?)")
def _time_of_parts(
    _run: Run, hour: Decimal, minute: Decimal, second: Decimal, offset: timedelta | None = None
) -> Value:
    return _clock_time(hour, minute, second, offset)


def _clock_time(hour: Decimal, minute: Decimal, second: Decimal, offset: timedelta | None) -> time:
    micro = int((second % 1) * 1_000_000)
    zone = None if offset is None else UTC if not offset else timezone(offset)
    try:
        return time(whole(hour, "时"), whole(minute, "分"), whole(second - second % 1, "秒"), micro, tzinfo=zone)
    except ValueError:
        raise UnfitError("没有这个时间") from None


@builtin("date and time(from: any)")
def _datetime(_run: Run, value: Value) -> Value:
    if isinstance(value, datetime):
        return value
    return datetime.combine(value, time()) if isinstance(value, date) else parse_datetime(_text(value))


@builtin("date and time(date: day, time: time)")
def _datetime_of_both(_run: Run, day: date, moment: time) -> Value:
    return datetime.combine(day, moment)


@builtin("date and time(date: datetime, timezone: string)")
def _datetime_in_zone(_run: Run, moment: datetime, zone: str) -> Value:
    found = parse_zone(zone if zone[:1] in ("Z", "+", "-", "@") else f"@{zone}")
    return moment.astimezone(found) if moment.tzinfo else moment.replace(tzinfo=found)


@builtin(
    "date and time(year: number, month: number, day: number, hour: number, minute: number, second: number,"
    " offset: span?)"
)
def _datetime_of_parts(
    run: Run,
    year: Decimal,
    month: Decimal,
    day: Decimal,
    hour: Decimal,
    minute: Decimal,
    second: Decimal,
    offset: timedelta | None = None,
) -> Value:
    return datetime.combine(_date_of_parts(run, year, month, day), _clock_time(hour, minute, second, offset))


@builtin("duration(from: any)")
def _duration(_run: Run, value: Value) -> Value:
    return value if isinstance(value, (timedelta, YearMonthDuration)) else parse_duration(_text(value))


@builtin("years and months duration(from: day, to: day)")
def _months_between(_run: Run, start: date, end: date) -> Value:
    first = start.date() if isinstance(start, datetime) else start
    last = end.date() if isinstance(end, datetime) else end
    return YearMonthDuration(months_between(first, last))


@builtin("range(from: string)")
def _range(run: Run, text: str) -> Value:
    match = _RANGE.fullmatch(text)
    if match is None:
        raise UnfitError(f"“{text[:40]}”不是区间")
    start, end = _end(match[2]), _end(match[3])
    closed_low, closed_high = match[1] == "[", match[4] == "]"
    endless = (start is None and closed_low) or (end is None and closed_high) or (start is None and end is None)
    if endless or (start is not None and end is not None and _reversed(start, end, run)):
        raise UnfitError(f"“{text[:40]}”不是区间")
    return FeelRange(start, end, closed_low, closed_high)


def _reversed(start: Value, end: Value, run: Run) -> bool:
    return kind_of(start) != kind_of(end) or compare(start, end, run) > 0


def _end(text: str) -> Value:
    if not text:
        return None
    if len(text) > 1 and text[0] == text[-1] == '"':
        return text[1:-1]
    if _NUMBER.fullmatch(text):
        return NUMBERS.create_decimal(text)
    for start, close in _TEMPORAL:
        if text.startswith(start) and text.endswith(close):
            return temporal_literal(text[len(start) : -len(close)])
    raise UnfitError(f"区间的一端“{text[:40]}”看不懂")


@builtin("not(negand: any)")
def _not(_run: Run, value: Value) -> Value:
    return not value if isinstance(value, bool) else None


@builtin("is(value1: any, value2: any)")
def _is(run: Run, first: Value, second: Value) -> Value:
    if kind_of(first) != kind_of(second):
        return False
    if isinstance(first, (datetime, time)) and (first.tzinfo is None) != (second.tzinfo is None):
        return False
    if isinstance(first, (datetime, time)) and str(first.tzinfo) != str(second.tzinfo):
        return False
    return equal(first, second, run) is True


@builtin("get or else(value: any, default: any)")
def _get_or_else(_run: Run, value: Value, default: Value) -> Value:
    return default if value is None else value
