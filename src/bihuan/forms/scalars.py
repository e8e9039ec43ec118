"""Single values out of what people type: full-width digits, thousands commas and several date spellings included."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d*)?")
PLAIN_NUMBER = re.compile(r"[+-]?\d{1,15}(?:\.\d{1,9})?|[+-]?\.\d{1,9}")
DATE_PARTS = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?")
TIME_PARTS = re.compile(r"(\d{1,2})[:时](\d{1,2})(?::\d{1,2})?分?")
NAMES_APART = re.compile(r"[\s、，,;；]+")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


def plain_text(value: Any, *, multiline: bool) -> str | None:
    """Text without control and direction characters, trimmed; "" for nothing, None for what is no text at all."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, (str, int, float, Decimal, date, time)):
        return None
    text = CONTROL.sub("", str(value).replace("\r\n", "\n").replace("\r", "\n"))
    text = text.encode("utf-8", "ignore").decode("utf-8")
    return text.strip() if multiline else " ".join(text.split())


def names_in(value: Any) -> list[str]:
    """The names in what was written for several people: 李强、周敏."""
    return [name for name in NAMES_APART.split(plain_text(value, multiline=False) or "") if name]


def parse_decimal(value: Any) -> Decimal | None:
    """A number as typed: `1,234.5`, `１２` and `¥35` are read; exponents, NaN and words are not."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, Decimal, float)):
        text = str(value)
        if isinstance(value, float):
            text = repr(value)
    elif isinstance(value, str):
        text = (value if value.isascii() else unicodedata.normalize("NFKC", value)).strip().removeprefix("¥").strip()
    else:
        return None
    if "," in text and THOUSANDS.fullmatch(text):
        text = text.replace(",", "")
    if not PLAIN_NUMBER.fullmatch(text):
        return None
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def read_boolean(value: Any) -> bool | None:
    """A tick. Nothing sent means not ticked; None means the value is no answer to yes or no."""
    if value is None or value is False or value == "":
        return False
    if value is True:
        return True
    text = str(value).strip().lower()
    if text in {"on", "true", "1", "yes", "是"}:
        return True
    return False if text in {"off", "false", "0", "no", "否"} else None


def parse_date(value: Any) -> date | None:
    """A day: a date value or `2026-11-24`, `2026/11/24`, `2026年11月24日`."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    match = DATE_PARTS.fullmatch(_squeezed(value))
    if match is None:
        return None
    try:
        found = date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return None
    return found if 1900 <= found.year <= 2200 else None


def parse_time(value: Any) -> time | None:
    """A time of day: `14:30`, `14时30分`; a whole number counts minutes (YAML reads 14:30 as 870)."""
    if isinstance(value, time):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return time(value // 60, value % 60) if 0 <= value < 1440 else None
    match = TIME_PARTS.fullmatch(_squeezed(value))
    if match is None or int(match[1]) > 23 or int(match[2]) > 59:
        return None
    return time(int(match[1]), int(match[2]))


def parse_datetime(value: Any, zone: ZoneInfo) -> datetime | None:
    """A moment; one without a zone is meant in the site's zone. Aware in any case."""
    if isinstance(value, datetime):
        return value if value.tzinfo is not None else value.replace(tzinfo=zone)
    if not isinstance(value, str):
        return None
    text = unicodedata.normalize("NFKC", value).strip()
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        day, _, clock = text.replace("T", " ").partition(" ")
        parsed_day, parsed_time = parse_date(day), parse_time(clock)
        if parsed_day is None or parsed_time is None:
            return None
        found = datetime.combine(parsed_day, parsed_time)
    else:
        if len(text) <= 10 or not 1900 <= found.year <= 2200:
            return None
    return found if found.tzinfo is not None else found.replace(tzinfo=zone)


def _squeezed(value: Any) -> str:
    return unicodedata.normalize("NFKC", str(value)).replace(" ", "") if isinstance(value, str) else ""
