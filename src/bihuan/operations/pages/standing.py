"""The administration page of who heads what, who stands in, which groups there are, and which roles work by duty."""

from __future__ import annotations

from dataclasses import dataclass

from bihuan.org.access import holds_everywhere
from bihuan.org.actor import Actor
from bihuan.org.duty.checks import site_people
from bihuan.org.duty.models import StandIn, Superior, UserGroup
from bihuan.org.models import Department, Position, Role, Site

Named = tuple[int, str]
MOST_STAND_INS = 3


@dataclass(frozen=True, slots=True)
class Post:
    """A post with its rank and its stand-ins in order, padded to as many as a form offers."""

    position: Position
    stand_ins: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Group:
    group: UserGroup
    members: frozenset[int]


@dataclass(frozen=True, slots=True)
class StandingPage:
    """All of one site, with the people to choose from."""

    site: Site
    departments: list[Department]
    posts: list[Post]
    people: list[Named]
    superiors: dict[int, int]
    groups: list[Group]
    roles: list[Role]
    may_set_roles: bool


def standing_page(*, actor: Actor) -> StandingPage:
    """The page of the actor's present site; a fixed number of queries."""
    actor.require("admin.people")
    site_id = actor.site_id or 0
    people = list(site_people(site_id).values_list("pk", "name"))
    here = [pk for pk, _ in people]
    named: dict[int, list[int]] = {}
    for post, user in StandIn.objects.filter(position__site_id=site_id).values_list("position_id", "user_id"):
        named.setdefault(post, []).append(user)
    posts = [
        Post(position, tuple((*named.get(position.pk, ()), *[None] * MOST_STAND_INS)[:MOST_STAND_INS]))
        for position in Position.objects.filter(site_id=site_id).order_by("-rank", "pk")
    ]
    members: dict[int, set[int]] = {}
    for group_id, user_id in UserGroup.members.through.objects.values_list("usergroup_id", "user_id"):
        members.setdefault(group_id, set()).add(user_id)
    return StandingPage(
        site=Site.objects.get(pk=site_id),
        departments=list(Department.objects.filter(site_id=site_id).order_by("pk")),
        posts=posts,
        people=people,
        superiors=dict(Superior.objects.filter(user_id__in=here).values_list("user_id", "superior_id")),
        groups=[Group(group, frozenset(members.get(group.pk, ()))) for group in UserGroup.objects.all()],
        roles=list(Role.objects.order_by("pk")),
        may_set_roles=holds_everywhere(actor, "admin.permissions"),
    )
