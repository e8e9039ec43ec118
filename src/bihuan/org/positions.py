"""Posts, the roles they carry, and who holds them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import IntegrityError, transaction

from bihuan.accounts.models import User
from bihuan.audit.log import record
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, Conflict, NotFound
from bihuan.org.access import GUARDED_ACTIONS
from bihuan.org.actor import Actor
from bihuan.org.models import Department, Grant, Position, PositionHolder, Role
from bihuan.org.sites import site_by_id, subtree_ids


@transaction.atomic
def create_position(
    *,
    site_id: int,
    name: str,
    actor: Actor,
    roles: Iterable[str] = (),
    department_id: int | None = None,
    reach: str = Position.Reach.SITE,
) -> Position:
    """Add a post to a site with the roles it carries; one that reaches the sites below needs the right in all."""
    actor.require("admin.people", site_id)
    if not name.strip():
        raise BusinessError("请填写岗位名称", field="name")
    if reach not in Position.Reach.values:
        raise BusinessError("管辖范围不正确", field="reach")
    if department_id is not None and not Department.objects.filter(pk=department_id, site_id=site_id).exists():
        raise NotFound("该门店没有这个部门")
    position = Position(site=site_by_id(site_id), department_id=department_id, name=name.strip(), reach=reach)
    wanted = _roles(roles)
    require_over(position, wanted, actor=actor)
    try:
        with transaction.atomic():
            position.save(force_insert=True)
    except IntegrityError:
        raise BusinessError(f"岗位“{name.strip()}”已存在", field="name") from None
    position.roles.set(wanted)
    keys = sorted(role.key for role in wanted)
    _log(position, "position.create", actor, after={"name": position.name, "reach": reach, "roles": keys})
    return position


@transaction.atomic
def map_role(position_id: int, *, roles: Iterable[str], actor: Actor) -> Position:
    """Set which process roles a post carries, by role key; replaces what it carried."""
    position = _position(position_id, lock=True)
    actor.require("admin.people", position.site_id)
    wanted = _roles(roles)
    held = list(position.roles.all())
    require_over(position, {*wanted, *held}, actor=actor)
    before, after = sorted(role.key for role in held), sorted(role.key for role in wanted)
    if before != after:
        position.roles.set(wanted)
        _log(position, "position.map_role", actor, before={"roles": before}, after={"roles": after})
    return position


@transaction.atomic
def assign_position(user_id: int, *, position_id: int, actor: Actor) -> PositionHolder:
    """Give somebody a post from now on."""
    position = _position(position_id)
    actor.require("admin.people", position.site_id)
    require_over(position, position.roles.all(), actor=actor)
    user = User.objects.select_for_update().filter(pk=user_id).first()
    if user is None:
        raise NotFound("没有这个人员")
    if not user.is_active:
        raise BusinessError(f"{user.name}已停用，不能任职", field="user")
    holder = PositionHolder(user=user, position=position, since=clock.now())
    try:
        with transaction.atomic():
            holder.save(force_insert=True)
    except IntegrityError:
        raise Conflict(f"{user.name}已担任{position.name}") from None
    _log_holder(holder, "person.assign_position", actor)
    return holder


@transaction.atomic
def end_position(user_id: int, *, position_id: int, actor: Actor) -> PositionHolder:
    """Take a post from somebody as of now; that they held it stays on record."""
    position = _position(position_id)
    actor.require("admin.people", position.site_id)
    require_over(position, position.roles.all(), actor=actor)
    holder = (
        PositionHolder.objects.select_for_update()
        .filter(user_id=user_id, position=position, until__isnull=True)
        .first()
    )
    if holder is None:
        raise NotFound(f"此人没有担任{position.name}")
    if holder.user_id == actor.user_id and position.roles.filter(grants__action="admin.people").exists():
        raise BusinessError("不能撤销自己的管理岗位，请由另一位管理员操作")
    holder.until = max(clock.now(), holder.since)
    holder.save(update_fields=["until"])
    _log_holder(holder, "person.end_position", actor)
    return holder


def require_over(position: Position, roles: Iterable[Role], *, actor: Actor) -> None:
    """Refuse handing out what the actor does not have: reach over sites, or guarded actions carried by the roles."""
    sites = [position.site_id]
    if position.reach == Position.Reach.SUBTREE:
        sites = [position.site_id, *subtree_ids(position.site)]
    for site_id in sites:
        actor.require("admin.people", site_id)
    actions = Grant.objects.filter(role__in=[role.pk for role in roles]).values_list("action", flat=True)
    for action in sorted(GUARDED_ACTIONS.intersection(actions)):
        for site_id in sites:
            actor.require(action, site_id)


def _position(position_id: int, *, lock: bool = False) -> Position:
    rows = Position.objects.select_related("site")
    if lock:
        rows = rows.select_for_update(of=("self",))
    position = rows.filter(pk=position_id).first()
    if position is None:
        raise NotFound("没有这个岗位")
    return position


def _roles(keys: Iterable[str]) -> list[Role]:
    wanted = set(keys)
    found = list(Role.objects.filter(key__in=wanted))
    missing = wanted - {role.key for role in found}
    if missing:
        raise BusinessError(f"没有流程角色：{'、'.join(sorted(missing))}", field="roles")
    return found


def _log(position: Position, action: str, actor: Actor, **what: Any) -> None:
    record(
        actor_id=actor.user_id,
        action=action,
        chain=f"site:{position.site_id}",
        site_id=position.site_id,
        data={"position": position.pk},
        **what,
    )


def _log_holder(holder: PositionHolder, action: str, actor: Actor) -> None:
    record(
        actor_id=actor.user_id,
        action=action,
        chain=f"user:{holder.user_id}",
        site_id=holder.position.site_id,
        data={"position": holder.position_id, "name": holder.position.name},
    )
