"""Turning what a person typed into a picker (plate, name, code) into the record that is meant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from bihuan.accounts.models import User
from bihuan.forms.field import Resolver
from bihuan.forms.form import Form
from bihuan.kernel.errors import BusinessError
from bihuan.org.duty.checks import site_people
from bihuan.org.models import PositionHolder
from bihuan.org.roles import people_with_role
from bihuan.records.models import Customer, JobType, Part, Vehicle
from bihuan.records.search_keys import digits, plate_key


def resolver(site_id: int) -> Resolver:
    """The resolver for forms of a site."""
    return partial(_resolve, site_id)


def _resolve(site_id: int, kind: str, text: str) -> int | None:
    words = text.strip()
    if kind == "customer":
        return _only(
            Customer.objects.filter(phone=digits(words)) if digits(words) else Customer.objects.filter(name=words)
        )
    if kind == "vehicle":
        return _only(Vehicle.objects.filter(plate_key=plate_key(words)))
    if kind == "part":
        return _only(Part.objects.filter(code__iexact=words)) or _only(Part.objects.filter(name=words))
    if kind == "job":
        jobs = JobType.objects.at(site_id).filter(active=True)
        return _only(jobs.filter(code__iexact=words)) or _only(jobs.filter(name=words))
    if kind == "person":
        return _only(User.objects.filter(username=words)) or _person(site_id, words)
    return None


def _only(rows: object) -> int | None:
    """The id of the only match; several are as good as none, because guessing would pick the wrong one."""
    found = list(rows.values_list("pk", flat=True)[:2])  # type: ignore[attr-defined]
    return found[0] if len(found) == 1 else None


def _person(site_id: int, name: str) -> int | None:
    holders = PositionHolder.objects.filter(user__name=name, user__is_active=True, until__isnull=True)
    return _only(User.objects.filter(pk__in=holders.values("user_id")))


def misplaced_people(form: Form, values: Mapping[str, Any], site_id: int) -> dict[str, str]:
    """Messages for the fields that name somebody without the role they ask for at the site, or who does not work there:
    the list they were chosen from is old, or never held them. Asks nothing where a form has no such field."""
    asked = {one.key: one for one in form.fields if one.kind in ("person", "people") and values.get(one.key)}
    errors = {}
    for key, one in asked.items():
        if one.kind == "person" and not one.role:
            continue
        chosen = values[key] if one.kind == "people" else [values[key]]
        able = people_with_role(one.role, site_id) if one.role else site_people(site_id)
        others = set(chosen) - set(able.filter(pk__in=chosen).values_list("pk", flat=True))
        if others:
            errors[key] = f"{one.label}：{_words_for(others, chosen)}现在不{_UNFIT[bool(one.role)]}，请重新选择"
    return errors


_UNFIT = {True: "担任这个岗位", False: "在这家门店"}


def _words_for(others: set[int], chosen: Sequence[int]) -> str:
    if len(chosen) == 1:
        return "这位同事"
    names = names_of(others)
    return "、".join(names.get(pk, "一位已删除的同事") for pk in chosen if pk in others)


def names_of(people: Iterable[int]) -> dict[int, str]:
    """The names of people by number; one query."""
    return dict(User.objects.filter(pk__in=list(people)).values_list("pk", "name"))


def find_part(text: str) -> Part:
    """The part of that code or name. Raises BusinessError naming what was typed."""
    words = text.strip()
    found = Part.objects.filter(code__iexact=words).first() or Part.objects.filter(name=words).first()
    if not words or found is None:
        raise BusinessError(f"没有配件“{words}”，请核对编码" if words else "请填写配件编码", "code")
    return found
