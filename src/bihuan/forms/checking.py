"""Checking one field: a table from the kind of a field to the function that reads it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from bihuan.forms.attachments import clean_photos, clean_signature
from bihuan.forms.field import PICKER_KINDS, SATISFACTION_LABELS, Field, FormContext, Option
from bihuan.forms.problems import FieldError, RowError
from bihuan.forms.raw import Raw
from bihuan.forms.rows import clean_damage, clean_payments, clean_worklines
from bihuan.forms.scalars import (
    names_in,
    parse_date,
    parse_datetime,
    parse_decimal,
    parse_time,
    plain_text,
    read_boolean,
)
from bihuan.forms.wording import CHECKED_FORMATS, number_limit, required_message

__all__ = ["FieldError", "RowError", "clean_field"]

Checker = Callable[[Field, Raw, FormContext], Any]
EMPTIABLE = frozenset({str, list, dict, tuple})
PICKER_NAMES: Mapping[str, str] = {
    "customer": "客户",
    "vehicle": "车辆",
    "part": "配件",
    "job": "作业项目",
    "person": "人员",
}


def clean_field(field: Field, raw: Raw, context: FormContext) -> Any:
    """The checked value of one field; None (or an empty list) when nothing was entered and nothing is required.

    Raises FieldError or RowError with the Chinese message that names the field and its limit.
    """
    value = CHECKERS[field.kind](field, raw, context)
    missing = value is False if field.kind == "checkbox" else value is None or (type(value) in EMPTIABLE and not value)
    if field.required and missing:
        raise FieldError(required_message(field))
    return value


def _text(field: Field, raw: Raw, context: FormContext) -> str | None:
    value = plain_text(raw.one(field.key), multiline=field.kind == "textarea")
    if value is None:
        raise FieldError(f"{field.label}须为文字")
    if not value:
        return "" if raw.one(field.key) is not None else None
    rules = field.rules
    if len(value) > rules.max_length:
        raise FieldError(f"{field.label}至多 {rules.max_length} 字，现有 {len(value)} 字")
    if len(value) < rules.min_length:
        raise FieldError(f"{field.label}至少 {rules.min_length} 字")
    if rules.format:
        normalise, accepts, message = CHECKED_FORMATS[rules.format]
        value = normalise(value)
        if not accepts.fullmatch(value):
            raise FieldError(f"{field.label}{message}")
    if rules.pattern and re.search(rules.pattern, value) is None:
        raise FieldError(rules.pattern_message or f"{field.label}的写法不符合要求")
    return value


def _number(field: Field, raw: Raw, context: FormContext) -> Decimal | None:
    value = raw.one(field.key)
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    number = parse_decimal(value)
    rules = field.rules
    if (
        number is None
        or (rules.minimum is not None and number < rules.minimum)
        or (rules.maximum is not None and number > rules.maximum)
        or (rules.digits is not None and number != round(number, rules.digits))
    ):
        raise FieldError(f"{field.full_label}{number_limit(rules.minimum, rules.maximum, rules.digits)}")
    return number


def _choice(field: Field, raw: Raw, context: FormContext) -> str | None:
    value = raw.one(field.key)
    if value is None or value == "":
        return None
    option = _option(field, value)
    if option is None:
        raise FieldError(f"{field.label}须从所列选项中选择：{_labels(field)}")
    return option.value


def _checklist(field: Field, raw: Raw, context: FormContext) -> list[str]:
    ticked: list[str] = []
    for value in raw.many(field.key):
        if value in (None, ""):
            continue
        option = _option(field, value)
        if option is None:
            raise FieldError(f"{field.label}须从所列各项中勾选：{_labels(field)}")
        if option.value not in ticked:
            ticked.append(option.value)
    rules = field.rules
    if rules.all_items and len(ticked) < len(field.options) and (field.required or ticked):
        left = "、".join(option.label for option in field.options if option.value not in ticked)
        raise FieldError(f"{field.label}须逐项勾选，还差：{left}")
    if rules.min_items and len(ticked) < rules.min_items:
        raise FieldError(f"{field.label}至少勾选 {rules.min_items} 项")
    if len(ticked) > rules.max_items:
        raise FieldError(f"{field.label}至多勾选 {rules.max_items} 项")
    return [option.value for option in field.options if option.value in ticked]


def _checkbox(field: Field, raw: Raw, context: FormContext) -> bool:
    value = read_boolean(raw.one(field.key))
    if value is None:
        raise FieldError(f"{field.label}只能勾选或不勾选")
    return value


def _date(field: Field, raw: Raw, context: FormContext) -> date | None:
    value = raw.one(field.key)
    if value in (None, ""):
        return None
    found = parse_date(value)
    if found is None:
        raise FieldError(f"{field.label}须为日期，如 2026-11-24")
    today = context.now.astimezone(ZoneInfo(context.timezone)).date() if context.now is not None else None
    if field.rules.no_past and today is not None and found < today:
        raise FieldError(f"{field.label}不能早于今天")
    return found


def _datetime(field: Field, raw: Raw, context: FormContext) -> datetime | None:
    value = raw.one(field.key)
    if value in (None, ""):
        day, clock = raw.one(f"{field.key}-date"), raw.one(f"{field.key}-time")
        if not day and not clock:
            return None
        value = f"{day} {clock}"
    found = parse_datetime(value, ZoneInfo(context.timezone))
    if found is None:
        raise FieldError(f"{field.label}须为日期和时刻，如 2026-11-24 14:30")
    if field.rules.no_past and context.now is not None and found < context.now:
        raise FieldError(f"{field.label}不能早于现在")
    return found


def _time(field: Field, raw: Raw, context: FormContext) -> time | None:
    value = raw.one(field.key)
    if value in (None, ""):
        return None
    found = parse_time(value)
    if found is None:
        raise FieldError(f"{field.label}须为时刻，如 14:30")
    return found


def _satisfaction(field: Field, raw: Raw, context: FormContext) -> int | None:
    value = raw.one(field.key)
    if value in (None, ""):
        return None
    for level, label in SATISFACTION_LABELS.items():
        if str(value).strip() in (str(level), label) and not isinstance(value, bool):
            return level
    raise FieldError(f"{field.label}须从五级中选择：{'、'.join(SATISFACTION_LABELS.values())}")


def _picker(field: Field, raw: Raw, context: FormContext) -> int | None:
    value = raw.one(field.key)
    typed = raw.one(f"{field.key}-text")
    if raw.one(f"{field.key}-was") not in (None, typed):
        value = None  # the text was changed by hand after something had been picked
    if value in (None, "") and not typed:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = plain_text(value if value not in (None, "") else typed, multiline=False) or ""
    if text.isdecimal() and len(text) <= 18 and (raw.is_browser and value not in (None, "")):
        return int(text)
    return _record_named(field, field.kind, text, context)


def _record_named(field: Field, kind: str, text: str, context: FormContext) -> int:
    found = context.resolve(kind, text) if context.resolve is not None and text else None
    if found is None and text.isdecimal() and len(text) <= 18:
        return int(text)
    if found is None:
        raise FieldError(f"{field.label}：没有找到{PICKER_NAMES[kind]}“{text[:40]}”，请从列表中选择")
    return found


def _people(field: Field, raw: Raw, context: FormContext) -> list[int]:
    """Colleagues in the order in which they were chosen; whoever is only written, by name, comes after those."""
    named: list[int | str] = []
    for value in raw.many(field.key):
        is_number = isinstance(value, int) and not isinstance(value, bool)
        if is_number or (raw.is_browser and str(value).isdecimal()):
            named.append(int(value) if len(str(value)) <= 18 else str(value))
        else:
            named += names_in(value)
    named += names_in(raw.one(f"{field.key}-text"))
    rules = field.rules
    if len(named) > rules.max_items:
        raise FieldError(f"{field.label}至多选 {rules.max_items} 人")
    found = [one if isinstance(one, int) else _record_named(field, "person", one, context) for one in named]
    people = list(dict.fromkeys(found))
    if len(people) < rules.min_items and (field.required or people):
        raise FieldError(f"{field.label}至少选 {rules.min_items} 人")
    return people


def _option(field: Field, value: Any) -> Option | None:
    text = {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value).strip()
    by_value = next((option for option in field.options if option.value == text), None)
    return by_value or next((option for option in field.options if option.label == text), None)


def _labels(field: Field) -> str:
    labels = [option.label for option in field.options]
    return "、".join(labels[:8]) + ("……" if len(labels) > 8 else "")


CHECKERS: Mapping[str, Checker] = {
    "textfield": _text,
    "textarea": _text,
    "number": _number,
    "select": _choice,
    "radio": _choice,
    "checklist": _checklist,
    "checkbox": _checkbox,
    "date": _date,
    "datetime": _datetime,
    "time": _time,
    "satisfaction": _satisfaction,
    "signature": clean_signature,
    "photos": clean_photos,
    "damage": clean_damage,
    "worklines": clean_worklines,
    "payments": clean_payments,
    "people": _people,
    **dict.fromkeys(PICKER_KINDS, _picker),
}
