"""How values read on screens: money, hours, days with weekday, time left, plates, masked phones."""

from __future__ import annotations

import math
import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from bihuan.kernel import clock
from bihuan.kernel.money import format_yuan
from bihuan.limits.standing import Standing, standing
from bihuan.records.customers import mask_mail

WEEKDAYS = "一二三四五六日"
DEFAULT_ZONE = "Asia/Shanghai"
PLATE = re.compile(r"([\u4e00-\u9fff])([A-Z])\W?([A-Z0-9]{4,6}[\u4e00-\u9fff]?)")
ANY_PLATE = re.compile(r"[\u4e00-\u9fff]{0,2}(?=[A-Z·-]*[0-9])[A-Z0-9·-]{3,12}[\u4e00-\u9fff]?")
LEFT = {Standing.LATE: "超时", Standing.SOON: "仅剩"}


def money(amount: Decimal | int | str | None) -> str:
    """¥1,234.50; a dash when there is no amount."""
    return "—" if amount is None or amount == "" else format_yuan(Decimal(amount))


def amount(value: Decimal | int | str | None, digits: int = 2) -> str:
    """A number for a column whose head carries the unit: 1,234.50."""
    return "—" if value is None or value == "" else f"{Decimal(value):,.{digits}f}"


def hours(value: Decimal | int | str | None) -> str:
    """1.5 工时; a dash when unknown."""
    return "—" if value is None or value == "" else f"{trim(Decimal(value))} 工时"


def trim(value: Decimal | int | str | None) -> str:
    """A number without trailing zeros, thousands grouped."""
    if value is None or value == "":
        return "—"
    number = Decimal(value)
    return f"{number.to_integral():,}" if number == number.to_integral() else f"{number.normalize():,f}"


def plate(text: str | None) -> str:
    """As people read it: 示A·12345."""
    match = PLATE.fullmatch((text or "").strip().upper())
    return f"{match[1]}{match[2]}·{match[3]}" if match else text or "—"


def is_plate(text: str | None) -> bool:
    """Whether this may be a plate, known or not; else it is what a case is about, in words."""
    return bool(ANY_PLATE.fullmatch((text or "").strip().upper()))


def masked_phone(text: str | None) -> str:
    """139****1234: enough to recognise, not to call."""
    digits = (text or "").strip()
    if len(digits) < 7:
        return digits or "—"
    return f"{digits[:3]}****{digits[-4:]}"


def masked_address(text: str | None) -> str:
    """A telephone number or a mail address, enough to recognise: 139****1234, t***@example.com."""
    address = (text or "").strip()
    return mask_mail(address) if "@" in address else masked_phone(address)


def spaced_phone(text: str | None) -> str:
    """139 0000 1234."""
    digits = (text or "").strip()
    mobile = len(digits) == 11 and digits.isdecimal() and digits.startswith("1")
    return f"{digits[:3]} {digits[3:7]} {digits[7:]}" if mobile else digits or "—"


def local(at: datetime, zone: str = DEFAULT_ZONE) -> datetime:
    return at.astimezone(ZoneInfo(zone))


def day(value: date | datetime | None, zone: str = DEFAULT_ZONE) -> str:
    """11月24日 周二; the year is added when it is not this one."""
    if value is None:
        return "—"
    found = local(value, zone).date() if isinstance(value, datetime) else value
    today = local(clock.now(), zone).date()
    year = "" if found.year == today.year else f"{found.year}年"
    return f"{year}{found.month}月{found.day}日 周{WEEKDAYS[found.weekday()]}"


def moment(value: datetime | None, zone: str = DEFAULT_ZONE) -> str:
    """今天 14:30, 昨天 09:05, 明天 10:00, else 11月24日 周二 14:30."""
    if value is None:
        return "—"
    at = local(value, zone)
    distance = (at.date() - local(clock.now(), zone).date()).days
    near = {0: "今天", -1: "昨天", 1: "明天"}.get(distance)
    return f"{near or day(at.date(), zone)} {at:%H:%M}"


def clock_time(value: datetime | None, zone: str = DEFAULT_ZONE) -> str:
    """14:30."""
    return "—" if value is None else f"{local(value, zone):%H:%M}"


def span(seconds: float) -> str:
    """A length of time in at most two units: 45 秒, 12 分, 2 时 5 分, 3 天 2 时.

    What is left loses its part of a second, what is over counts it: both as clocks do (`kernel.clock.whole_second`).
    """
    left = abs(math.floor(seconds))
    if left < 60:
        return f"{left} 秒"
    minutes = left // 60
    if minutes < 60:
        return f"{minutes} 分"
    if minutes < 24 * 60:
        rest = minutes % 60
        return f"{minutes // 60} 时 {rest} 分" if rest else f"{minutes // 60} 时"
    rest = minutes // 60 % 24
    return f"{minutes // 1440} 天 {rest} 时" if rest else f"{minutes // 1440} 天"


def exact(seconds: float) -> str:
    """A length of time to the second, as a proof needs it: 2 天 03:30:00, 03:30:00, 45 秒."""
    left = abs(math.floor(seconds))
    if left < 60:
        return f"{left} 秒"
    days, rest = divmod(left, 86400)
    clock_text = f"{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}"
    return f"{days} 天 {clock_text}" if days else clock_text


def stamp(at: datetime) -> str:
    """A moment to the second with its weekday, already in the zone it is read in: 2026-11-24 周二 08:30:00."""
    return f"{at:%Y-%m-%d} 周{WEEKDAYS[at.weekday()]} {at:%H:%M:%S}"


def clock_seconds(at: datetime) -> str:
    """A time of day to the second, already in the zone it is read in: 08:30:00."""
    return f"{at:%H:%M:%S}"


def time_left(due: datetime | None, warn: datetime | None = None) -> str:
    """还剩 12 分, 仅剩 5 分 or 超时 3 分; "" when there is no limit."""
    if due is None:
        return ""
    now = clock.now()
    return f"{LEFT.get(standing(due, warn, now), '还剩')} {span((due - now).total_seconds())}"


def urgency(due: datetime | None, warn: datetime | None = None) -> str:
    """late, soon or ok against now; "none" without a limit."""
    return standing(due, warn, clock.now()).value


def iso(value: datetime | None) -> str:
    return "" if value is None else value.isoformat(timespec="seconds")


def number_of(value: Any) -> Decimal | None:
    return Decimal(str(value)) if value not in (None, "") else None
