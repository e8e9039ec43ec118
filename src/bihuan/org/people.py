"""Hiring people, keeping their data right, and letting them go."""

from __future__ import annotations

import re
from typing import Any

from axes.utils import reset as reset_lock_out
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from bihuan.accounts.models import User
from bihuan.audit.log import changes, record
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, Conflict, NotFound
from bihuan.kernel.pinyin import spell
from bihuan.kernel.sql import on_postgres, query
from bihuan.org.actor import Actor
from bihuan.org.models import PositionHolder
from bihuan.org.positions import assign_position, require_over

_USERNAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,63}")


@transaction.atomic
def hire_person(
    *,
    site_id: int,
    username: str,
    name: str,
    actor: Actor,
    phone: str = "",
    password: str | None = None,
    position_ids: tuple[int, ...] = (),
    is_demo: bool = False,
) -> User:
    """Make an account for a new colleague and give them their posts. Without a password they cannot sign in yet."""
    actor.require("admin.people", site_id)
    if not _USERNAME.fullmatch(username):
        raise BusinessError("登录名由字母、数字和 . _ - 组成，2 到 64 位", field="username")
    if not name.strip():
        raise BusinessError("请填写姓名", field="name")
    if is_demo and not actor.is_system:
        raise BusinessError("演示人员只能由演示数据建立", field="is_demo")
    if User.objects.filter(username__iexact=username).exists():
        raise BusinessError(f"登录名 {username} 已被使用", field="username")
    if password is not None:
        _check_password(password, User(username=username, name=name))
    try:
        with transaction.atomic():
            user = User.objects.create_user(username, password, name=name.strip(), phone=phone.strip(), is_demo=is_demo)
    except IntegrityError:
        raise BusinessError(f"登录名 {username} 已被使用", field="username") from None
    after = {"username": username, "name": user.name, "phone": user.phone}
    _log(user, "person.hire", actor, site_id, after=after)
    for position_id in position_ids:
        assign_position(user.pk, position_id=position_id, actor=actor)
    return user


@transaction.atomic
def change_person(user_id: int, *, actor: Actor, name: str | None = None, phone: str | None = None) -> User:
    """Correct name or phone; what is None stays."""
    user = _managed_person(user_id, actor)
    before = {"name": user.name, "phone": user.phone}
    after = {
        "name": user.name if name is None else name.strip(),
        "phone": user.phone if phone is None else phone.strip(),
    }
    if not after["name"]:
        raise BusinessError("请填写姓名", field="name")
    old, new = changes(before, after)
    if new:
        user.name, user.phone = after["name"], after["phone"]
        user.pinyin = " ".join(spell(user.name))
        user.save(update_fields=["name", "phone", "pinyin"])
        _log(user, "person.change", actor, actor.site_id, before=old, after=new)
    return user


@transaction.atomic
def deactivate_person(user_id: int, *, reason: str, actor: Actor) -> User:
    """Somebody leaves: posts end and signing in stops at once. What they did stays under their name."""
    if not reason.strip():
        raise BusinessError("请填写停用原因", field="reason")
    if user_id == actor.user_id:
        raise BusinessError("不能停用自己的账号")
    user = _managed_person(user_id, actor)
    if not user.is_active:
        raise Conflict(f"{user.name}已经停用")
    moment = clock.now()
    held = PositionHolder.objects.filter(user=user, until__isnull=True)
    positions = list(held.values_list("position_id", flat=True))
    held.update(until=moment)
    user.is_active = False
    user.save(update_fields=["is_active"])
    _log(user, "person.deactivate", actor, actor.site_id, data={"reason": reason.strip(), "positions": positions})
    return user


def is_staying(user_id: int) -> bool:
    """Whether the account is in use, and stays so until this transaction ends: whoever closes it waits for that."""
    # A share lock: many may give one person work at the same time.
    lock = " FOR SHARE" if on_postgres() else ""
    return bool(query(f"SELECT 1 FROM accounts_user WHERE id = %s AND is_active{lock}", (user_id,)))


@transaction.atomic
def reactivate_person(user_id: int, *, actor: Actor) -> User:
    """Somebody comes back: the account works again, posts are given anew."""
    user = _managed_person(user_id, actor)
    if user.is_active:
        raise Conflict(f"{user.name}的账号正在使用")
    user.is_active = True
    user.save(update_fields=["is_active"])
    _log(user, "person.reactivate", actor, actor.site_id)
    return user


@transaction.atomic
def reset_password(user_id: int, *, password: str, actor: Actor) -> User:
    """Set a new password for somebody who forgot theirs. Their other sessions end."""
    user = _managed_person(user_id, actor)
    _check_password(password, user)
    user.set_password(password)
    user.save(update_fields=["password"])
    _log(user, "person.reset_password", actor, actor.site_id)
    return user


@transaction.atomic
def unlock_person(user_id: int, *, actor: Actor) -> User:
    """Let somebody try again at once who was locked out after too many wrong passwords."""
    user = _managed_person(user_id, actor)
    reset_lock_out(username=user.username)
    _log(user, "person.unlock", actor, actor.site_id)
    return user


@transaction.atomic
def change_own_password(*, old: str, new: str, actor: Actor) -> User:
    """Set one's own password, proving the present one."""
    if actor.user_id is None:
        raise NotFound("没有这个人员")
    user = User.objects.select_for_update().get(pk=actor.user_id)
    if not user.check_password(old):
        raise BusinessError("原密码不正确", field="old")
    _check_password(new, user, field="new")
    user.set_password(new)
    user.save(update_fields=["password"])
    _log(user, "person.change_password", actor, actor.site_id)
    return user


def _managed_person(user_id: int, actor: Actor) -> User:
    """The person, locked, when the actor manages people wherever this person has a post now (or last had one)."""
    user = User.objects.select_for_update().filter(pk=user_id).first()
    if user is None:
        raise NotFound("没有这个人员")
    posts = PositionHolder.objects.filter(user=user).select_related("position__site")
    holders = list(posts.filter(until__isnull=True) or posts.order_by("-until")[:1])
    for holder in holders:
        require_over(holder.position, holder.position.roles.all(), actor=actor)
    if not holders and not actor.can_anywhere("admin.people"):
        actor.require("admin.people")
    return user


def _check_password(password: str, user: User, field: str = "password") -> None:
    try:
        validate_password(password, user)
    except ValidationError as failure:
        raise BusinessError("；".join(failure.messages), field=field) from None


def _log(user: User, action: str, actor: Actor, site_id: int | None, **what: Any) -> None:
    record(actor_id=actor.user_id, action=action, chain=f"user:{user.pk}", site_id=site_id, **what)
