"""The sentences people get: each names the field and says its limit."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from decimal import Decimal

from bihuan.forms.field import Field


def required_message(field: Field) -> str:
    """What to do about a required field left empty."""
    if field.kind == "signature":
        return f"{field.label}：请签名"
    if field.kind == "photos":
        return f"{field.label}：请至少拍一张照片"
    if field.kind == "checkbox":
        return f"请确认并勾选：{field.label}"
    if field.kind == "checklist":
        return f"请勾选{field.label}"
    if field.kind in {"worklines", "payments"}:
        return f"{field.label}至少填写一行"
    if field.kind in {"select", "radio", "satisfaction", "customer", "vehicle", "part", "job", "person", "people"}:
        return f"请选择{field.label}"
    return f"请填写{field.label}"


def number_limit(minimum: Decimal | None, maximum: Decimal | None, digits: int | None) -> str:
    """“须为 0 到 2,000,000 的整数”."""
    noun = "整数" if digits == 0 else "数" if digits is None else f"数，至多 {digits} 位小数"
    if minimum is not None and maximum is not None:
        return f"须为 {_plain(minimum)} 到 {_plain(maximum)} 的{noun}"
    if minimum is not None:
        return f"须为不小于 {_plain(minimum)} 的{noun}"
    if maximum is not None:
        return f"须为不大于 {_plain(maximum)} 的{noun}"
    return f"须为{noun}"


def _plain(value: Decimal) -> str:
    return f"{value.normalize():,f}"


def _upper(text: str) -> str:
    return re.sub(r"[\s·\-]", "", unicodedata.normalize("NFKC", text)).upper()


def _digits(text: str) -> str:
    return re.sub(r"[\s\-()]", "", unicodedata.normalize("NFKC", text)).removeprefix("+86")


def _same(text: str) -> str:
    return text


CHECKED_FORMATS: Mapping[str, tuple[Callable[[str], str], re.Pattern[str], str]] = {
    "phone": (_digits, re.compile(r"1\d{10}|0\d{9,11}|\d{7,8}|400\d{7}"), "须为 11 位手机号，或带区号的座机号"),
    "email": (_same, re.compile(r"[^@\s]{1,64}@[^@\s]+\.[^@\s]{2,}"), "须为邮箱地址，如 name@example.cn"),
    "plate": (_upper, re.compile(r"[\u4e00-\u9fff][A-Z][A-Z0-9]{4,6}[\u4e00-\u9fff]?"), "须为车牌号，如 示A12345"),
    "vin": (_upper, re.compile(r"[A-HJ-NPR-Z0-9]{17}"), "须为 17 位车架号，不含字母 I、O、Q"),
}
