"""Questions about roles: who has one here, which ones may do this."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.db.models import F, Q, QuerySet
from django.db.models.expressions import Value
from django.db.models.functions import StrIndex

from bihuan.accounts.models import User
from bihuan.org.models import Position, PositionHolder, Role, Site


def people_with_role(role: str, site_id: int) -> QuerySet[User]:
    """The active people who have the role at the site, by a post there or by one above that reaches down."""
    return User.objects.filter(pk__in=_holder_ids(role, site_id), is_active=True).order_by("name", "pk")


def _holder_ids(role: str, site_id: int) -> QuerySet[User, int]:
    path = Site.objects.filter(pk=site_id).values("path")[:1]
    above = Site.objects.annotate(found=StrIndex(path, F("path"))).filter(found=1).values("pk")
    reaching = Q(positions_held__position__site_id=site_id) | Q(
        positions_held__position__site_id__in=above, positions_held__position__reach=Position.Reach.SUBTREE
    )
    return (
        User.objects.filter(
            reaching, positions_held__until__isnull=True, positions_held__position__roles__key=Value(role)
        )
        .values_list("pk", flat=True)
        .distinct()
    )


def holders_at(site_ids: Iterable[int], roles: Iterable[str]) -> Mapping[tuple[int, str], set[int]]:
    """The active people with each of these roles at each of these sites, as ids; two queries."""
    paths = dict(Site.objects.filter(pk__in=list(site_ids)).values_list("pk", "path"))
    above = {site: [int(part) for part in path.split("/") if part] for site, path in paths.items()}
    rows = PositionHolder.objects.filter(
        until__isnull=True, user__is_active=True, position__roles__key__in=list(roles),
        position__site_id__in={site for way in above.values() for site in way},
    ).values_list("user_id", "position__site_id", "position__reach", "position__roles__key")  # fmt: skip
    held = list(rows)
    found: dict[tuple[int, str], set[int]] = {}
    for site, way in above.items():
        for user, home, reach, role in held:
            if home == site or (home in way and reach == Position.Reach.SUBTREE):
                found.setdefault((site, role), set()).add(user)
    return found


def people_allowed(action: str, site_id: int) -> set[int]:
    """The ids of the active people whose own posts allow the action at the site; three queries."""
    roles = list(Role.objects.filter(grants__action=action).values_list("key", flat=True))
    return {user for users in holders_at([site_id], roles).values() for user in users}


def role_names_allowing(action: str) -> list[str]:
    """The Chinese names of the roles that may do the action."""
    return list(Role.objects.filter(grants__action=action).order_by("pk").values_list("name", flat=True))


def role_name(key: str) -> str:
    """The Chinese name of a role, or its key when no such role is installed."""
    return Role.objects.filter(key=key).values_list("name", flat=True).first() or key
