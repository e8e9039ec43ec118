"""What the use cases of this folder share: whose affairs these are, and people who can be named in them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from bihuan.accounts.models import User
from bihuan.audit.log import record
from bihuan.kernel.errors import BusinessError, NotFound
from bihuan.org.actor import Actor
from bihuan.org.models import Position, Site

MANAGE = "roster.manage"


def site_people(site_id: int) -> QuerySet[User]:
    """The active people with a post that reaches the site, by name."""
    above = [int(part) for part in _path(site_id).split("/") if part]
    here = Position.objects.filter(site_id=site_id) | Position.objects.filter(
        site_id__in=above, reach=Position.Reach.SUBTREE
    )
    held = User.objects.filter(positions_held__until__isnull=True, positions_held__position__in=here)
    return User.objects.filter(pk__in=held.values("pk"), is_active=True).order_by("pinyin", "pk")


def person_at(site_id: int, user_id: int, *, field: str, lock: bool = False) -> User:
    """Somebody who works at the site, with `lock` until the transaction ends. Raises BusinessError at the field."""
    if lock:
        User.objects.select_for_update().filter(pk=user_id).first()
    person = site_people(site_id).filter(pk=user_id).first()
    if person is None:
        raise BusinessError("请选择本门店的在职人员", field)
    return person


def require_self_or_manager(user_id: int, site_id: int, actor: Actor) -> None:
    """One's own affairs, or those of the people one plans for."""
    if actor.user_id is None or actor.user_id != user_id:
        actor.require(MANAGE, site_id)


def short_text(text: str, field: str, limit: int = 200) -> str:
    words = text.strip()
    if len(words) > limit:
        raise BusinessError(f"最多 {limit} 个字", field)
    return words


def in_order(starts_at: datetime, ends_at: datetime) -> None:
    if ends_at <= starts_at:
        raise BusinessError("结束须晚于开始", "ends")


def log(action: str, actor: Actor, *, user_id: int, site_id: int | None, **what: Any) -> None:
    """The audit row on the person it concerns."""
    record(actor_id=actor.user_id, action=action, chain=f"user:{user_id}", site_id=site_id, **what)


def _path(site_id: int) -> str:
    path = Site.objects.filter(pk=site_id).values_list("path", flat=True).first()
    if path is None:
        raise NotFound("没有这个门店")
    return path
