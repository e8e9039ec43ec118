"""Opening and changing sites and their departments."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import IntegrityError, transaction

from bihuan.audit.log import changes, record
from bihuan.kernel.errors import BusinessError, Conflict, NotAllowed, NotFound
from bihuan.kernel.worktime import parse_calendar
from bihuan.org.actor import Actor
from bihuan.org.models import Department, PositionHolder, Site

Hours = Mapping[str, Sequence[Sequence[str]]]
_CODE = re.compile(r"[A-Z][A-Z0-9]{0,11}")
_CHANGEABLE = ("name", "timezone", "phone", "address", "hours", "quiet_from", "quiet_until", "is_active")


@transaction.atomic
def create_site(
    *,
    code: str,
    name: str,
    actor: Actor,
    parent_id: int | None = None,
    timezone: str = "Asia/Shanghai",
    phone: str = "",
    address: str = "",
    hours: Hours | None = None,
) -> Site:
    """Open a site below another. A site at the top of the tree is opened by the system only, at set-up."""
    parent = None
    if parent_id is None:
        if not actor.is_system:
            raise NotAllowed("顶级单位只能在安装时建立")
    else:
        actor.require("admin.sites", parent_id)
        parent = site_by_id(parent_id)
    if not _CODE.fullmatch(code):
        raise BusinessError("门店代码由大写字母和数字组成，字母开头，最多 12 位", field="code")
    values = _checked({"name": name, "timezone": timezone, "phone": phone, "address": address, "hours": hours or {}})
    site = Site(code=code, parent=parent, **values)
    try:
        with transaction.atomic():
            site.save(force_insert=True)
    except IntegrityError:
        raise BusinessError(f"门店代码 {code} 已被使用", field="code") from None
    site.path = f"{parent.path if parent else '/'}{site.pk}/"
    site.save(update_fields=["path"])
    _log(site, "site.create", actor, after={"code": code, "parent": parent_id, **values})
    return site


@transaction.atomic
def change_site(site_id: int, *, actor: Actor, **values: Any) -> Site:
    """Change columns of a site: name, timezone, phone, address, hours, quiet hours (both or neither), is_active."""
    actor.require("admin.sites", site_id)
    unknown = set(values) - set(_CHANGEABLE)
    if unknown:
        raise TypeError(f"a site has no changeable {', '.join(sorted(unknown))}")
    site = Site.objects.select_for_update().filter(pk=site_id).first()
    if site is None:
        raise NotFound("没有这个门店")
    checked = _checked({**_values(site), **values})
    if site.is_active and not checked["is_active"]:
        _refuse_closing_in_use(site)
    before, after = changes(_values(site), checked)
    if after:
        for name, value in after.items():
            setattr(site, name, value)
        site.save(update_fields=list(after))
        _log(site, "site.change", actor, before=before, after=after)
    return site


@transaction.atomic
def create_department(*, site_id: int, name: str, actor: Actor, parent_id: int | None = None) -> Department:
    """Add a department to a site, possibly below another of the same site."""
    actor.require("admin.sites", site_id)
    if not name.strip():
        raise BusinessError("请填写部门名称", field="name")
    if parent_id is not None and not Department.objects.filter(pk=parent_id, site_id=site_id).exists():
        raise NotFound("该门店没有这个上级部门")
    department = Department(site=site_by_id(site_id), name=name.strip(), parent_id=parent_id)
    try:
        with transaction.atomic():
            department.save(force_insert=True)
    except IntegrityError:
        raise BusinessError(f"部门“{name.strip()}”已存在", field="name") from None
    _log(department.site, "department.create", actor, after={"name": department.name, "parent": parent_id})
    return department


def site_by_id(site_id: int) -> Site:
    """The site, or NotFound."""
    site = Site.objects.filter(pk=site_id).first()
    if site is None:
        raise NotFound("没有这个门店")
    return site


def subtree_ids(site: Site) -> list[int]:
    """The ids of the active sites from this one down, itself included."""
    return list(Site.objects.filter(path__startswith=site.path, is_active=True).values_list("pk", flat=True))


def _values(site: Site) -> dict[str, Any]:
    return {name: getattr(site, name) for name in _CHANGEABLE}


def _checked(values: Mapping[str, Any]) -> dict[str, Any]:
    name = str(values["name"]).strip()
    if not name:
        raise BusinessError("请填写名称", field="name")
    try:
        ZoneInfo(values["timezone"])
    except (ZoneInfoNotFoundError, ValueError):
        raise BusinessError(f"没有时区 {values['timezone']}", field="timezone") from None
    try:
        parse_calendar(values["timezone"], values["hours"])
    except (ValueError, TypeError, AttributeError):
        raise BusinessError("营业时间应为每天若干段，例如 08:00-12:00", field="hours") from None
    if (values.get("quiet_from") is None) != (values.get("quiet_until") is None):
        raise BusinessError("不打扰客户的起止时间要么都填，要么都空着", field="quiet_from")
    return {**values, "name": name}


def _refuse_closing_in_use(site: Site) -> None:
    if Site.objects.filter(parent=site, is_active=True).exists():
        raise Conflict("请先停用下属单位")
    if PositionHolder.objects.filter(position__site=site, until__isnull=True).exists():
        raise Conflict("门店还有在岗人员，不能停用")


def _log(site: Site, action: str, actor: Actor, **what: Any) -> None:
    record(actor_id=actor.user_id, action=action, chain=f"site:{site.pk}", site_id=site.pk, **what)
