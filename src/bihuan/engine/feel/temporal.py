"""Dates, times and durations: reading them from text, writing them, and their properties."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bihuan.engine.feel.errors import UnfitError
from bihuan.engine.feel.values import Value, YearMonthDuration, is_date

_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_TIME = re.compile(
    r"([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,12}))?"
    r"(Z|z|[+-][0-9]{2}:?[0-9]{2}(?::?[0-9]{2})?|@[A-Za-z][A-Za-z0-9_+\-/]{0,60})?"
)
_SHORT_TIME = re.compile(r"([0-9]{2}):([0-9]{2})(Z|[+-][0-9]{2}:[0-9]{2})?")
_DAYS = re.compile(
    r"(-)?P(?:([0-9]{1,9})W)?(?:([0-9]{1,9})D)?"
    r"(?:T(?:([0-9]{1,12})H)?(?:([0-9]{1,12})M)?(?:([0-9]{1,12})(?:\.([0-9]{1,12}))?S)?)?"
)
_MONTHS = re.compile(r"(-)?P(?:([0-9]{1,9})Y)?(?:([0-9]{1,9})M)?")
MAX_MONTHS = 12 * 999_999_999


def parse_date(text: str) -> date:
    """`2026-11-24`. Raises UnfitError."""
    match = _DATE.fullmatch(text)
    if match is None:
        raise UnfitError(f"“{text[:40]}”不是日期，日期要写成 2026-11-24")
    try:
        return date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        raise UnfitError(f"没有“{text}”这一天") from None


def parse_time(text: str) -> time:
    """`08:30:00`, optionally with fraction and `Z`, offset or `@Zone/Name`. Raises UnfitError."""
    match = _TIME.fullmatch(text.removeprefix("T"))
    if match is None:
        short = _SHORT_TIME.fullmatch(text)
        if short is None:
            raise UnfitError(f"“{text[:40]}”不是时间，时间要写成 08:30:00")
        return _time(short[1], short[2], "00", None, short[3], text)
    return _time(match[1], match[2], match[3], match[4], match[5], text)


def _time(hour: str, minute: str, second: str, fraction: str | None, zone: str | None, text: str) -> time:
    if (hour, minute, second, _micro(fraction)) == ("24", "00", "00", 0):
        # ISO 8601's end of the day is the beginning of the next.
        hour = "00"
    try:
        return time(int(hour), int(minute), int(second), _micro(fraction), tzinfo=parse_zone(zone))
    except ValueError:
        raise UnfitError(f"没有“{text[:40]}”这个时间") from None


def parse_datetime(text: str) -> datetime:
    """`2026-11-24T08:30:00`, or a date alone for its midnight. Raises UnfitError."""
    day, mark, moment = text.partition("T")
    if not mark:
        day, mark, moment = text.partition(" ")
    if not mark:
        return datetime.combine(parse_date(text), time())
    start = parse_date(day)
    at = parse_time(moment)
    if moment.startswith("24"):
        if start == date.max:
            raise UnfitError("日期超出公元 1 年到 9999 年")
        start += timedelta(days=1)
    return datetime.combine(start, at)


def parse_zone(text: str | None) -> tzinfo | None:
    """A time zone from `Z`, `+08:00` or `@Asia/Shanghai`. Raises UnfitError."""
    if not text:
        return None
    if text in ("Z", "z"):
        return UTC
    if text.startswith("@"):
        return _named_zone(text[1:])
    digits = text[1:].replace(":", "")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:4]), seconds=int(digits[4:6] or 0))
    if offset > timedelta(hours=18):
        raise UnfitError(f"时区“{text}”超出范围")
    return UTC if not offset else timezone(-offset if text[0] == "-" else offset)


@lru_cache(maxsize=64)
def _named_zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UnfitError(f"没有名为“{name}”的时区") from None


def _micro(fraction: str | None) -> int:
    return int((fraction or "0")[:6].ljust(6, "0"))


def parse_duration(text: str) -> timedelta | YearMonthDuration:
    """`P1DT2H30M` as days and time, `P1Y2M` as years and months. Raises UnfitError."""
    months = _MONTHS.fullmatch(text)
    if months is not None and (months[2] or months[3]):
        count = int(months[2] or 0) * 12 + int(months[3] or 0)
        return YearMonthDuration(-count if months[1] else count)
    days = _DAYS.fullmatch(text)
    if days is None or text.endswith(("P", "T")):
        raise UnfitError(f"“{text[:40]}”不是时长，时长要写成 P1DT2H30M 或 P1Y2M")
    try:
        span = timedelta(
            weeks=int(days[2] or 0),
            days=int(days[3] or 0),
            hours=int(days[4] or 0),
            minutes=int(days[5] or 0),
            seconds=int(days[6] or 0),
            microseconds=_micro(days[7]),
        )
        return -span if days[1] else span
    except OverflowError:
        raise UnfitError(f"时长“{text[:40]}”太长") from None


def temporal_literal(text: str) -> Value:
    """The value of `@"…"`: whatever date, time or duration the text is. Raises UnfitError."""
    if text.lstrip("-").startswith("P"):
        return parse_duration(text)
    if _DATE.fullmatch(text):
        return parse_date(text)
    if _DATE.match(text):
        return parse_datetime(text)
    if _TIME.fullmatch(text.removeprefix("T")) or _SHORT_TIME.fullmatch(text):
        return parse_time(text)
    raise UnfitError(f"“{text[:40]}”不是日期、时间或时长")


def format_temporal(value: Value) -> str:
    """The text FEEL's string() gives for a date, time or duration."""
    if isinstance(value, datetime):
        return f"{_format_date(value)}T{_format_time(value.time())}{_format_zone(value)}"
    if isinstance(value, date):
        return _format_date(value)
    if isinstance(value, time):
        return f"{_format_time(value)}{_format_zone(value)}"
    if isinstance(value, timedelta):
        return _format_span(value)
    return str(value)


def _format_date(value: date) -> str:
    return f"{value.year:04d}-{value.month:02d}-{value.day:02d}"


def _format_time(value: time) -> str:
    text = f"{value.hour:02d}:{value.minute:02d}:{value.second:02d}"
    return f"{text}.{value.microsecond:06d}".rstrip("0") if value.microsecond else text


def _format_zone(value: datetime | time) -> str:
    zone = value.tzinfo
    if zone is None:
        return ""
    if isinstance(zone, ZoneInfo) and zone.key != "UTC":
        return f"@{zone.key}"
    offset = value.utcoffset()
    if not offset:
        return "Z"
    minutes, seconds = divmod(abs(int(offset.total_seconds())), 60)
    text = f"{'-' if offset < timedelta() else '+'}{minutes // 60:02d}:{minutes % 60:02d}"
    return f"{text}:{seconds:02d}" if seconds else text


def _format_span(value: timedelta) -> str:
    span = abs(value)
    minutes, seconds = divmod(span.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    tail = f"{hours}H" if hours else ""
    tail += f"{minutes}M" if minutes else ""
    if span.microseconds:
        tail += f"{seconds}.{span.microseconds:06d}".rstrip("0") + "S"
    elif seconds:
        tail += f"{seconds}S"
    if not span:
        return "PT0S"
    sign = "-" if value < timedelta() else ""
    return f"{sign}P{f'{span.days}D' if span.days else ''}{f'T{tail}' if tail else ''}"


def _offset(value: Value) -> timedelta | None:
    offset: timedelta | None = value.utcoffset()
    return offset


def _zone_name(value: Value) -> str | None:
    if value.tzinfo is None:
        return None
    return value.tzinfo.key if isinstance(value.tzinfo, ZoneInfo) else _format_zone(value)


def _seconds(value: Value) -> Decimal:
    return (
        Decimal(value.second) + Decimal(value.microsecond) / 1_000_000 if value.microsecond else Decimal(value.second)
    )


_OF_DATE: dict[str, Callable[[Value], Value]] = {
    "year": lambda value: Decimal(value.year),
    "month": lambda value: Decimal(value.month),
    "day": lambda value: Decimal(value.day),
    "weekday": lambda value: Decimal(value.isoweekday()),
}
_OF_TIME: dict[str, Callable[[Value], Value]] = {
    "hour": lambda value: Decimal(value.hour),
    "minute": lambda value: Decimal(value.minute),
    "second": _seconds,
    "time offset": _offset,
    "timezone": _zone_name,
}


def _sign(value: timedelta) -> int:
    return -1 if value < timedelta() else 1


_OF_SPAN: dict[str, Callable[[Value], Value]] = {
    "days": lambda value: Decimal(_sign(value) * abs(value).days),
    "hours": lambda value: Decimal(_sign(value) * (abs(value).seconds // 3600)),
    "minutes": lambda value: Decimal(_sign(value) * (abs(value).seconds // 60 % 60)),
    "seconds": lambda value: (
        _sign(value) * (Decimal(abs(value).seconds % 60) + Decimal(abs(value).microseconds) / 10**6)
    ),
}
_OF_MONTHS: dict[str, Callable[[Value], Value]] = {
    "years": lambda value: Decimal(_towards_zero(value.months, 12)[0]),
    "months": lambda value: Decimal(_towards_zero(value.months, 12)[1]),
}
_OF_RANGE: dict[str, Callable[[Value], Value]] = {
    "start": lambda value: value.start,
    "end": lambda value: value.end,
    "start included": lambda value: value.start_included,
    "end included": lambda value: value.end_included,
}


def _towards_zero(count: int, unit: int) -> tuple[int, int]:
    whole, rest = divmod(abs(count), unit)
    return (-whole, -rest) if count < 0 else (whole, rest)


PROPERTIES: dict[str, dict[str, Callable[[Value], Value]]] = {
    "date": _OF_DATE,
    "date and time": _OF_DATE | _OF_TIME,
    "time": _OF_TIME,
    "days and time duration": _OF_SPAN,
    "years and months duration": _OF_MONTHS,
    "range": _OF_RANGE,
}
"""Properties that a path reaches, by type."""


def add_months(value: date, months: int) -> date:
    """The same day so many months later, or the last day of that month if it is shorter. Raises UnfitError."""
    index = value.year * 12 + value.month - 1 + months
    year, month = divmod(index, 12)
    if not 1 <= year <= 9999:
        raise UnfitError("日期超出公元 1 年到 9999 年")
    first_of_next = date(year + month // 11, (month + 1) % 12 + 1, 1) if (year, month) != (9999, 11) else None
    last = 31 if first_of_next is None else (first_of_next - timedelta(days=1)).day
    return value.replace(year=year, month=month + 1, day=min(value.day, last))


def months_between(start: date, end: date) -> int:
    """Whole months from one day to another, negative if it lies earlier."""
    if end < start:
        return -months_between(end, start)
    months = (end.year - start.year) * 12 + end.month - start.month
    return months - 1 if end.day < start.day else months


def midnight_of(value: Value) -> datetime:
    """A date as the moment it begins; moments stay."""
    return datetime.combine(value, time(), UTC) if is_date(value) else value
