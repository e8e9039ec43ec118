"""Reading one cell as what its column means; each reader returns a plain value or raises BusinessError."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from bihuan.kernel.errors import BusinessError
from bihuan.records.search_keys import plain

Reader = Callable[[Any], Any]
FORMULA_MARKS = ("=", "+", "-", "@", "\t", "\r")
_DATE = re.compile(r"^(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?$")
_YES = frozenset(["是", "y", "yes", "true", "1", "在用", "√"])
_NO = frozenset(["否", "n", "no", "false", "0", "停用", "×"])
_MAX_TEXT = 4000


def is_blank(value: Any) -> bool:
    """Nothing was written in the cell."""
    return value is None or (isinstance(value, str) and not value.strip())


def as_text(value: Any) -> str:
    """The cell as text: whole numbers without “.0”, dates in ISO form."""
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e16 else repr(value)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(sep=" ")
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value).strip()


def text(limit: int) -> Reader:
    """Plain text; what a spreadsheet could take for a formula is refused."""

    def read(value: Any) -> str:
        found = as_text(value)
        if found.startswith(FORMULA_MARKS):
            raise BusinessError(f"以“{found[0]}”开头，像是公式，请改成普通文字")
        if len(found) > limit:
            raise BusinessError(f"最多 {limit} 个字，现在有 {len(found)} 个")
        if any(ord(letter) < 32 and letter != "\n" for letter in found):
            raise BusinessError("里面有看不见的控制字符，请重新填写")
        return found

    return read


def phone_text(value: Any) -> str:
    """A phone number as text; a leading + is part of it."""
    found = as_text(value)
    if found.startswith(("=", "@")) or len(found) > 40:
        raise BusinessError("不是电话号码")
    return found


def choice(**labels: str) -> Reader:
    """One of the given words, answered as its key."""

    def read(value: Any) -> str:
        found = as_text(value)
        for key, label in labels.items():
            if found == label:
                return "" if key == "blank" else key
        raise BusinessError(f"只能填 {' 或 '.join(labels.values())}")

    return read


def yes_no(value: Any) -> bool:
    """是 or 否."""
    found = as_text(value).lower()
    if found in _YES:
        return True
    if found in _NO:
        return False
    raise BusinessError("只能填 是 或 否")


def number(most: int | Decimal, *, places: int = 2) -> Reader:
    """A number from 0 up to `most` with at most so many decimal places."""

    def read(value: Any) -> Decimal:
        if isinstance(value, bool | date | time | timedelta):
            raise BusinessError("应是数字")
        try:
            found = Decimal(plain(as_text(value)).replace(",", "").removeprefix("¥").removeprefix("￥"))
        except InvalidOperation:
            raise BusinessError("应是数字") from None
        if not found.is_finite() or not 0 <= found <= most:
            raise BusinessError(f"应在 0 到 {most:,} 之间")
        # A spreadsheet keeps 0.1 + 0.2 as 0.30000000000000004: that is noise, 0.125 is not.
        rounded = found.quantize(Decimal(1).scaleb(-places))
        if abs(rounded - found) > Decimal("1e-9"):
            raise BusinessError(f"最多 {places} 位小数" if places else "应是整数")
        return rounded

    return read


def whole(most: int) -> Reader:
    """A whole number from 0 up to `most`."""
    read_number = number(most, places=0)
    return lambda value: int(read_number(value))


def day(value: Any) -> date:
    """A date between 1980 and 2100, as a date cell or written like 2026-11-24, 2026/11/24 or 2026年11月24日."""
    found: date | None = None
    if isinstance(value, datetime):
        found = value.date()
    elif isinstance(value, date):
        found = value
    elif isinstance(value, str) and (match := _DATE.match(plain(value))):
        try:
            found = date(int(match[1]), int(match[2]), int(match[3]))
        except ValueError:
            raise BusinessError("没有这一天") from None
    if found is None:
        raise BusinessError("应是日期，例如 2026-11-24")
    if not 1980 <= found.year <= 2100:
        raise BusinessError("日期应在 1980 年到 2100 年之间")
    return found


def words(limit: int) -> Reader:
    """Several names separated by 、 or commas."""
    read_text = text(limit)

    def read(value: Any) -> tuple[str, ...]:
        parts = re.split(r"[、,，;；\n]+", read_text(value))
        return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))

    return read
