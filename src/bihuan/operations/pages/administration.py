"""What the administration screens show: people and posts, roles and grants, and sites."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q

from bihuan.accounts.models import User
from bihuan.audit.models import Entry
from bihuan.kernel.errors import BusinessError, NotAllowed, NotFound
from bihuan.operations.pages.audit_log import readable
from bihuan.org.access import holds_everywhere
from bihuan.org.actions import ACTIONS
from bihuan.org.actor import Actor
from bihuan.org.grants import grant_action, permission_table, revoke_action
from bihuan.org.models import Department, Position, PositionHolder, Role, Site

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class PersonPage:
    """One person with the posts held now, and the posts of the site that can still be given."""

    person: User
    held: list[PositionHolder]
    free: list[Position]
    history: list[Entry]


def person_page(user_id: int, *, actor: Actor) -> PersonPage:
    """Somebody who has or had a post at a site where the actor manages people; people without a post to all such."""
    actor.require("admin.people")
    person = User.objects.filter(pk=user_id).first()
    sites = actor.sites_allowing("admin.people")
    posts = PositionHolder.objects.filter(user_id=user_id).select_related("position__site")
    if person is None or (posts.exists() and not posts.filter(position__site_id__in=sites).exists()):
        raise NotFound("没有这个人员")
    held = list(posts.filter(until__isnull=True).order_by("pk"))
    taken = [holder.position_id for holder in held]
    free = Position.objects.filter(site_id=actor.site_id or 0).exclude(pk__in=taken).order_by("name")
    log: list[Entry] = []
    if actor.can("audit.view"):
        log = list(Entry.objects.filter(readable(actor), chain=f"user:{user_id}").order_by("-seq")[:12])
    return PersonPage(person, held, list(free), log)


def departments_here(actor: Actor) -> list[Department]:
    """The departments of the actor's site."""
    return list(Department.objects.filter(site_id=actor.site_id or 0).order_by("pk"))


def positions_here(actor: Actor) -> list[Position]:
    """The posts of the actor's site, by name."""
    return list(Position.objects.filter(site_id=actor.site_id or 0).order_by("name"))


def post_with_roles(position_id: int, *, actor: Actor) -> tuple[Position, frozenset[str]]:
    """A post of the actor's site and the keys of the roles it carries."""
    actor.require("admin.people")
    position = Position.objects.filter(pk=position_id, site_id=actor.site_id or 0).first()
    if position is None:
        raise NotFound("本店没有这个岗位")
    return position, frozenset(position.roles.values_list("key", flat=True))


def roles() -> list[Role]:
    """Every process role in the order it was made."""
    return list(Role.objects.all())


@dataclass(frozen=True, slots=True)
class Matrix:
    """Which role may do what: rows are actions with their labels, columns the roles."""

    roles: list[Role]
    rows: list[tuple[str, str, list[bool]]]
    editable: bool


def grants_matrix(*, actor: Actor) -> Matrix:
    """The whole policy, for those who manage people or permissions."""
    if not (actor.can("admin.permissions") or actor.can("admin.people")):
        actor.require("admin.permissions")
    known, table = roles(), permission_table()
    rows = [(key, label, [key in table.get(role.key, ()) for role in known]) for key, label in ACTIONS.items()]
    return Matrix(known, rows, editable=holds_everywhere(actor, "admin.permissions"))


@transaction.atomic
def set_grants(role_key: str, *, actions: Iterable[str], actor: Actor) -> int:
    """Make the role's rights exactly these, all or nothing; answers how many changed."""
    wanted, held = set(actions), permission_table().get(role_key)
    if held is None:
        raise NotFound(f"没有流程角色 {role_key}")
    for action in sorted(wanted - held):
        grant_action(role_key, action=action, actor=actor)
    for action in sorted(held - wanted):
        revoke_action(role_key, action=action, actor=actor)
    return len(wanted ^ held)


def managed_sites(*, actor: Actor) -> list[tuple[Site, list[Department]]]:
    """The sites the actor manages, closed ones below them too, each with its departments."""
    allowed = actor.sites_allowing("admin.sites")
    if not allowed:
        actor.require("admin.sites")
    below = Q(pk__in=allowed)
    for path in Site.objects.filter(pk__in=allowed).values_list("path", flat=True):
        below |= Q(path__startswith=path, is_active=False)
    sites = list(Site.objects.filter(below).select_related("parent").prefetch_related("departments"))
    return [(site, list(site.departments.all())) for site in sites]


def managed_site(site_id: int, *, actor: Actor) -> Site:
    """One site to be changed."""
    actor.require("admin.sites", site_id)
    site = Site.objects.filter(pk=site_id).first()
    if site is None:
        raise NotFound("没有这个门店")
    return site


def read_hours(raw: Mapping[str, str]) -> dict[str, list[list[str]]]:
    """Opening hours as typed, `hours_mon` = "08:30-12:00 13:00-17:30", into what a site keeps."""
    hours: dict[str, list[list[str]]] = {}
    for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun"):
        text = raw.get(f"hours_{day}", "").replace("，", " ").replace(",", " ").replace("—", "-").replace("：", ":")
        spans = [part.split("-") for part in text.split()]
        if any(len(span) != 2 for span in spans):
            raise BusinessError("营业时间应为每天若干段，例如 08:00-12:00", field=f"hours_{day}")
        if spans:
            hours[day] = spans
    return hours


def first_area(actor: Actor) -> str:
    """The view that 管理 opens on for this person. Raises NotAllowed when there is none."""
    for action, view in (
        ("admin.people", "admin:people"), ("admin.permissions", "admin:roles"), ("admin.sites", "admin:sites"),
        ("calendar.manage", "admin:holidays"), ("admin.notices", "channels:list"), ("audit.view", "admin:audit"),
        ("master.manage", "catalogue:list"), ("import.run", "imports:home"),
    ):  # fmt: skip
        if actor.can(action):
            return view
    raise NotAllowed("您没有管理类权限，请联系系统管理员")
