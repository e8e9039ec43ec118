"""What has been filled in on a case, form by form, as people read it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from bihuan.accounts.models import User
from bihuan.forms.field import CHOICE_KINDS, SATISFACTION_LABELS, Field
from bihuan.forms.form import Form
from bihuan.forms.publishing import newest_forms
from bihuan.records.customers import mask_mail, mask_phone
from bihuan.records.models import Case, Customer, JobType, Part, Sheet, Vehicle

NAMES: Mapping[str, tuple[type, str]] = {
    "person": (User, "name"),
    "people": (User, "name"),
    "customer": (Customer, "name"),
    "vehicle": (Vehicle, "plate"),
    "part": (Part, "name"),
    "job": (JobType, "name"),
}
MASKED = {"phone": mask_phone, "email": mask_mail}
YES_NO = {True: "是", False: "否"}


@dataclass(frozen=True, slots=True)
class Filled:
    """One form as it was filled in last: label and answer, in the order of the form; who wrote it and when."""

    title: str
    by: str
    at: datetime
    rows: list[tuple[str, str]]


def filled_forms(case: Case) -> list[Filled]:
    """The forms filled in on a case, the latest first. Two queries, and one for each kind of record they name."""
    sheets = list(Sheet.unscoped.filter(case_id=case.pk).select_related("updated_by").order_by("-updated_at", "-pk"))
    forms = newest_forms(sheet.kind for sheet in sheets)
    names = names_of((one, sheet.data[one.key]) for sheet in sheets for one in _fields(sheet, forms))
    zone = ZoneInfo(case.site.timezone)
    found = [
        Filled(
            forms[sheet.kind].title or sheet.kind,
            sheet.updated_by.name if sheet.updated_by else "系统",
            sheet.updated_at,
            [
                (one.full_label, text)
                for one in _fields(sheet, forms)
                if (text := in_words(one, sheet.data[one.key], zone, names))
            ],
        )
        for sheet in sheets
        if sheet.kind in forms
    ]
    return [one for one in found if one.rows]


def _fields(sheet: Sheet, forms: Mapping[str, Form]) -> list[Field]:
    form = forms.get(sheet.kind)
    return [one for one in form.fields if sheet.data.get(one.key) not in (None, "", [])] if form is not None else []


def names_of(answers: Iterable[tuple[Field, Any]]) -> dict[tuple[str, int], str]:
    """What the records are called that pickers chose; one query for each kind of record."""
    chosen: dict[str, set[int]] = {}
    for one, value in answers:
        if one.kind in NAMES:
            chosen.setdefault(one.kind, set()).update(_numbers(value))
    names: dict[tuple[str, int], str] = {}
    for kind, keys in chosen.items():
        model, column = NAMES[kind]
        rows = model._base_manager.filter(pk__in=keys).values_list("pk", column)  # type: ignore[attr-defined]
        names.update({(kind, key): name for key, name in rows})
    return names


def _numbers(value: Any) -> list[int]:
    """The records a picker's value names, one or several."""
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, int)]


def in_words(one: Field, value: Any, zone: ZoneInfo, names: Mapping[tuple[str, int], str]) -> str:
    """A stored value in words; "" for rows and files, which stand elsewhere on the page."""
    if isinstance(value, bool):
        return YES_NO[value]
    if one.kind in CHOICE_KINDS:
        return "、".join(one.label_of(each) for each in (value if isinstance(value, list) else [value]))
    if one.kind in NAMES:
        return "、".join(names.get((one.kind, each), "") for each in _numbers(value))
    if isinstance(value, (list, dict)):
        return ""
    if one.kind == "satisfaction":
        return SATISFACTION_LABELS.get(int(value), str(value))
    if one.kind == "date":
        return f"{date.fromisoformat(value):%Y-%m-%d}"
    if one.kind == "datetime":
        return f"{datetime.fromisoformat(value).astimezone(zone):%Y-%m-%d %H:%M}"
    if one.rules.format in MASKED:
        return MASKED[one.rules.format](str(value))
    return f"{value} {one.unit}".strip()
