"""From a signed-in user to an actor, in two queries whatever the size of the organisation."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import connection
from django.http import HttpRequest

from bihuan.accounts.models import User
from bihuan.kernel.errors import NotAllowed
from bihuan.org.actor import Actor

SITE_SESSION_KEY = "site_id"
_CACHE = "_bihuan_actor"

# Every site a person's posts reach, with the roles they carry there. A post may carry no role yet still give a view
# of the site's name, hence the outer join. The prefix is compared with substr, not LIKE, to keep it case exact.
_ROLES_SQL = """
SELECT reached.id, reached.path, role.key
FROM org_positionholder holder
JOIN org_position post ON post.id = holder.position_id
JOIN org_site home ON home.id = post.site_id
JOIN org_site reached ON reached.id = home.id
  OR (post.reach = 'subtree' AND substr(reached.path, 1, length(home.path)) = home.path)
LEFT JOIN org_position_roles carried ON carried.position_id = post.id
LEFT JOIN org_role role ON role.id = carried.role_id
WHERE holder.user_id = %s AND holder.until IS NULL AND reached.is_active
ORDER BY holder.id, length(reached.path), reached.id
"""
_GRANTS_SQL = (
    "SELECT role.key, g.action FROM org_grant g JOIN org_role role ON role.id = g.role_id WHERE role.key IN ({marks})"
)


def load_actor(user: User, site_id: int | None = None) -> Actor:
    """The actor for a user, working at `site_id` or else at the site of their first post.

    Raises NotAllowed for people who have left and for a site where the person has no post.
    """
    if not user.is_active:
        raise NotAllowed("该账号已停用")
    roles_by_site = _roles_by_site(user.pk)
    actions = _actions_of_roles({role for roles in roles_by_site.values() for role in roles})
    actor = Actor(
        user_id=user.pk,
        username=user.username,
        name=user.name,
        site_id=next(iter(roles_by_site), None),
        roles_by_site=roles_by_site,
        actions_by_site={
            site: frozenset().union(*(actions.get(role, frozenset()) for role in roles))
            for site, roles in roles_by_site.items()
        },
    )
    return actor if site_id is None else actor.at(site_id)


def request_actor(request: HttpRequest, site_id: int | None = None) -> Actor:
    """`load_actor` for the signed-in user of a request, loaded once per request, at the site chosen in the session.

    Raises NotAllowed when nobody is signed in, or for a `site_id` where the person has no post.
    """
    held: Actor | None = getattr(request, _CACHE, None)
    if held is None:
        if not isinstance(request.user, User):
            raise NotAllowed("请先登录")
        held = load_actor(request.user)
        chosen = request.session.get(SITE_SESSION_KEY)
        # A choice outlives the post it rested on; then the first post decides again.
        if chosen in held.site_ids:
            held = held.at(chosen)
    if site_id is not None and held.site_id != site_id:
        held = held.at(site_id)
    setattr(request, _CACHE, held)
    return held


def forget_request_actor(request: HttpRequest) -> None:
    """Somebody signed in or out within this request."""
    if hasattr(request, _CACHE):
        delattr(request, _CACHE)


def system_actor(site_id: int | None = None) -> Actor:
    """The system itself, for timers and set-up: permitted everything, logged without a person."""
    return Actor(
        user_id=None,
        username="system",
        name="系统",
        site_id=site_id,
        roles_by_site={} if site_id is None else {site_id: frozenset()},
        is_system=True,
    )


def _roles_by_site(user_id: int) -> Mapping[int, frozenset[str]]:
    found: dict[int, set[str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_ROLES_SQL, [user_id])
        for site_id, _path, role in cursor.fetchall():
            found.setdefault(site_id, set())
            if role is not None:
                found[site_id].add(role)
    return {site_id: frozenset(roles) for site_id, roles in found.items()}


def _actions_of_roles(roles: set[str]) -> Mapping[str, frozenset[str]]:
    if not roles:
        return {}
    found: dict[str, set[str]] = {}
    keys = sorted(roles)
    with connection.cursor() as cursor:
        cursor.execute(_GRANTS_SQL.format(marks=", ".join(["%s"] * len(keys))), keys)
        for role, action in cursor.fetchall():
            found.setdefault(role, set()).add(action)
    return {role: frozenset(actions) for role, actions in found.items()}
