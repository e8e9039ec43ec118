"""Who works where: what the administration screens and person pickers list."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q

from bihuan.accounts.models import User
from bihuan.org.actor import Actor
from bihuan.org.models import Position, PositionHolder


@dataclass(frozen=True)
class Post:
    """A post at a site: who holds it now, and what it carries."""

    position_id: int
    name: str
    department: str
    reach: str
    roles: tuple[str, ...]
    holders: tuple[str, ...]


@dataclass(frozen=True)
class Colleague:
    """Somebody with a post at the site, now or before."""

    user_id: int
    username: str
    name: str
    phone: str
    is_active: bool
    positions: tuple[str, ...]


def posts_at(site_id: int, *, actor: Actor) -> list[Post]:
    """The posts of a site with their roles and present holders, by name of department and post."""
    actor.require("admin.people", site_id)
    positions = (
        Position.objects.filter(site_id=site_id).select_related("department").prefetch_related("roles").order_by("pk")
    )
    present = PositionHolder.objects.filter(position__site_id=site_id, until__isnull=True).select_related("user")
    holders: dict[int, list[str]] = {}
    for holder in present.order_by("pk"):
        holders.setdefault(holder.position_id, []).append(holder.user.name)
    return [
        Post(
            position_id=position.pk,
            name=position.name,
            department=position.department.name if position.department else "",
            reach=position.get_reach_display(),
            roles=tuple(role.name for role in position.roles.all()),
            holders=tuple(holders.get(position.pk, ())),
        )
        for position in positions
    ]


def colleagues_at(site_id: int, *, actor: Actor, search: str = "", include_inactive: bool = False) -> list[Colleague]:
    """The people with a post at the site, found by part of name, pinyin, login name or phone.

    With `include_inactive` also those who left or whose post at the site has ended.
    """
    actor.require("admin.people", site_id)
    here = PositionHolder.objects.filter(position__site_id=site_id)
    if not include_inactive:
        here = here.filter(until__isnull=True, user__is_active=True)
    people = User.objects.filter(pk__in=here.values("user_id"))
    words = search.split()
    for word in words:
        people = people.filter(
            Q(name__icontains=word) | Q(pinyin__icontains=word) | Q(username__icontains=word) | Q(phone__contains=word)
        )
    found = list(people.order_by("-is_active", "pinyin", "pk"))
    names = _position_names((user.pk for user in found), site_id)
    return [
        Colleague(
            user_id=user.pk,
            username=user.username,
            name=user.name,
            phone=user.phone,
            is_active=user.is_active,
            positions=tuple(names.get(user.pk, ())),
        )
        for user in found
    ]


def _position_names(user_ids: Iterable[int], site_id: int) -> dict[int, list[str]]:
    names: dict[int, list[str]] = {}
    held = PositionHolder.objects.filter(
        user_id__in=list(user_ids), position__site_id=site_id, until__isnull=True
    ).order_by("pk")
    for user_id, name in held.values_list("user_id", "position__name"):
        names.setdefault(user_id, []).append(name)
    return names
