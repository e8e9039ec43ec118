"""Process roles and what each may do. Both hold in the whole organisation; positions decide where."""

from __future__ import annotations

import re
from collections.abc import Iterable

from django.db import transaction

from bihuan.audit.log import record
from bihuan.kernel.errors import BusinessError, NotFound
from bihuan.org.actions import ACTIONS, label_of
from bihuan.org.actor import Actor
from bihuan.org.models import Grant, PositionHolder, Role, Site

_KEY = re.compile(r"[a-z][a-z0-9_]{0,63}")
# Without somebody who has these, nobody could ever grant anything again.
_NEVER_LOST = ("admin.permissions", "admin.people")


@transaction.atomic
def define_role(
    key: str, *, name: str, actor: Actor, actions: Iterable[str] = (), desk: str = "", by_duty: bool = False
) -> Role:
    """Make a role known under a key, with what it may do at first and how its duty works.

    A role that exists keeps grants and duty as they are, because an administrator may have changed them; its name is
    renewed.
    """
    _require_everywhere(actor)
    if not _KEY.fullmatch(key):
        raise BusinessError("角色代号由小写字母、数字和下划线组成", field="key")
    if not name.strip():
        raise BusinessError("请填写角色名称", field="name")
    role, is_new = Role.objects.get_or_create(
        key=key, defaults={"name": name.strip(), "desk": desk.strip()[:40], "on_duty": by_duty}
    )
    if is_new:
        wanted = sorted(set(actions))
        for action in wanted:
            _known(action)
        Grant.objects.bulk_create([Grant(role=role, action=action) for action in wanted])
        _log(role, "role.define", actor, {"key": key, "name": role.name, "actions": wanted})
    elif role.name != name.strip():
        _log(role, "role.rename", actor, {"before": role.name, "after": name.strip()})
        role.name = name.strip()
        role.save(update_fields=["name"])
    return role


@transaction.atomic
def set_role_duty(role_key: str, *, by_duty: bool, desk: str, actor: Actor) -> Role:
    """Say whether a role's open work goes to those on duty only, and which desk they answer for."""
    _require_everywhere(actor)
    role = _role(role_key)
    name = desk.strip()
    if len(name) > 40:
        raise BusinessError("值守处最多 40 个字", field="desk")
    before = {"by_duty": role.on_duty, "desk": role.desk}
    role.on_duty, role.desk = by_duty, name
    role.save(update_fields=["on_duty", "desk"])
    _log(role, "role.set_duty", actor, {"before": before, "after": {"by_duty": by_duty, "desk": name}})
    return role


@transaction.atomic
def grant_action(role_key: str, *, action: str, actor: Actor) -> Grant:
    """Let a role do an action wherever it is held. Granting twice changes nothing."""
    _require_everywhere(actor)
    _known(action)
    role = _role(role_key)
    grant, is_new = Grant.objects.get_or_create(role=role, action=action)
    if is_new:
        _log(role, "role.grant", actor, {"action": action})
    return grant


@transaction.atomic
def revoke_action(role_key: str, *, action: str, actor: Actor) -> None:
    """Take an action from a role. Refused when nobody could manage people and permissions any more."""
    _require_everywhere(actor)
    role = _role(role_key)
    removed, _ = Grant.objects.filter(role=role, action=action).delete()
    if not removed:
        raise NotFound(f"{role.name}没有“{label_of(action)}”的权限")
    if action in _NEVER_LOST and not _somebody_has(action):
        raise BusinessError(f"这样就没有人能“{label_of(action)}”了")
    _log(role, "role.revoke", actor, {"action": action})


def permission_table() -> dict[str, frozenset[str]]:
    """Every role key with the actions it may do: the one policy, for the screen that shows it and for tests."""
    table: dict[str, set[str]] = {key: set() for key in Role.objects.values_list("key", flat=True)}
    for key, action in Grant.objects.values_list("role__key", "action"):
        table[key].add(action)
    return {key: frozenset(actions) for key, actions in table.items()}


def _require_everywhere(actor: Actor) -> None:
    """Grants hold in the whole organisation, so the right to change them must be held at every root of the tree."""
    if actor.is_system:
        return
    roots = list(Site.objects.filter(parent__isnull=True).values_list("pk", flat=True))
    for site_id in roots or [-1]:
        actor.require("admin.permissions", site_id)


def _somebody_has(action: str) -> bool:
    return PositionHolder.objects.filter(
        until__isnull=True, user__is_active=True, position__roles__grants__action=action
    ).exists()


def _known(action: str) -> None:
    if action not in ACTIONS:
        raise BusinessError(f"没有操作“{action}”", field="action")


def _role(key: str) -> Role:
    role = Role.objects.filter(key=key).first()
    if role is None:
        raise NotFound(f"没有流程角色 {key}")
    return role


def _log(role: Role, action: str, actor: Actor, data: dict[str, object]) -> None:
    record(actor_id=actor.user_id, action=action, chain=f"role:{role.pk}", site_id=None, data=data)
