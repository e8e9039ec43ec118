"""From a signed-in user to an actor, in two queries whatever the size of the organisation.

Where duty decides who is offered the work of a role, the roster is read too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.db import connection
from django.http import HttpRequest

from bihuan.accounts.models import User
from bihuan.kernel import clock
from bihuan.kernel.errors import NotAllowed
from bihuan.org.actor import ActingFor, Actor
from bihuan.org.duty.presence import on_duty_at
from bihuan.org.models import Site

SITE_SESSION_KEY = "site_id"
_CACHE = "_bihuan_actor"

# Every site a person's posts reach, with the roles they carry there; after them the same of the people they act for
# now. A post may carry no role yet still give a view of the site's name, hence the outer join. The prefix is compared
# with substr, not LIKE, to keep it case exact.
_ROLES_SQL = """
SELECT reached.id, reached.path, role.key, role.on_duty, who.user_id, who.role_key, who.process_key, who.name
FROM (
  SELECT 0 AS delegation, %s AS user_id, 0 AS site_id, '' AS role_key, '' AS process_key, '' AS name
  UNION ALL
  SELECT d.id, d.principal_id, d.site_id, d.role_key, d.process_key, p.name
  FROM org_delegation d JOIN accounts_user p ON p.id = d.principal_id
  WHERE d.delegate_id = %s AND d.starts_at <= %s AND d.ends_at > %s AND p.is_active
) who
JOIN org_positionholder holder ON holder.user_id = who.user_id
JOIN org_position post ON post.id = holder.position_id
JOIN org_site home ON home.id = post.site_id
JOIN org_site reached ON reached.id = home.id
  OR (post.reach = 'subtree' AND substr(reached.path, 1, length(home.path)) = home.path)
LEFT JOIN org_position_roles carried ON carried.position_id = post.id
LEFT JOIN org_role role ON role.id = carried.role_id
WHERE holder.until IS NULL AND reached.is_active AND (who.delegation = 0 OR reached.id = who.site_id)
ORDER BY who.delegation, holder.id, length(reached.path), reached.id
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
    posts = _Posts.of(user.pk, clock.now())
    actions = _actions_of_roles(posts.all_roles())
    actor = Actor(
        user_id=user.pk,
        username=user.username,
        name=user.name,
        site_id=next(iter(posts.roles), None),
        roles_by_site={site: frozenset(roles) for site, roles in posts.roles.items()},
        actions_by_site={site: posts.actions(site, actions) for site in posts.roles},
        acting_for=posts.acting_for(actions),
        borrowed_by_site={site: posts.borrowed(site) for site in posts.roles if posts.borrowed(site)},
        off_duty_by_site=_off_duty(user.pk, posts),
        path_by_site=posts.paths,
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


# Nobody hands these out without having them, otherwise whoever manages people could make an administrator; and nobody
# gets them by acting for somebody: the power over people, rights and processes stays with the post.
GUARDED_ACTIONS = frozenset(
    {
        "admin.people",
        "admin.sites",
        "admin.permissions",
        "audit.view",
        "process.manage",
        "process.migrate",
        "process.operate",
    }
)


@dataclass
class _Posts:
    """What the roles query found: by one's own posts, and by those of the people one acts for."""

    roles: dict[int, set[str]] = field(default_factory=dict)
    own: dict[int, set[str]] = field(default_factory=dict)
    paths: dict[int, str] = field(default_factory=dict)
    duty: set[tuple[int, str]] = field(default_factory=set)
    delegations: dict[tuple[int, int, str, str], tuple[str, set[str]]] = field(default_factory=dict)

    @classmethod
    def of(cls, user_id: int, at: datetime) -> _Posts:
        posts = cls()
        with connection.cursor() as cursor:
            cursor.execute(_ROLES_SQL, [user_id, user_id, _moment(at), _moment(at)])
            for site, path, role, on_duty, whose, only_role, process, name in cursor.fetchall():
                if whose == user_id:
                    posts.paths[site] = path
                    posts.own.setdefault(site, set()).update([role] if role else [])
                    posts.roles.setdefault(site, set()).update([role] if role else [])
                    if on_duty:
                        posts.duty.add((site, role))
                # Acting for somebody gives no entry to a site where one does not work.
                elif site in posts.own:
                    found = posts.delegations.setdefault((whose, site, only_role, process), (name, set()))[1]
                    if role and (not only_role or role == only_role):
                        found.add(role)
        for (_, site, _, process), (_, found) in posts.delegations.items():
            if not process:
                posts.roles[site] |= found
        return posts

    def borrowed(self, site_id: int) -> frozenset[str]:
        return frozenset(self.roles[site_id] - self.own.get(site_id, set()))

    def actions(self, site_id: int, actions: Mapping[str, frozenset[str]]) -> frozenset[str]:
        own = frozenset[str]().union(*(actions.get(role, frozenset()) for role in self.own.get(site_id, ())))
        return own | _allowed(self.borrowed(site_id), actions)

    def all_roles(self) -> set[str]:
        lent = (roles for _, roles in self.delegations.values())
        return set().union(*self.roles.values(), *lent)

    def acting_for(self, actions: Mapping[str, frozenset[str]]) -> tuple[ActingFor, ...]:
        return tuple(
            ActingFor(whose, name, site, only_role, process, frozenset(roles), _allowed(roles, actions))
            for (whose, site, only_role, process), (name, roles) in self.delegations.items()
        )


def _allowed(roles: Iterable[str], actions: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """What roles allow somebody who only acts for their holder."""
    return frozenset[str]().union(*(actions.get(role, frozenset()) for role in roles)) - GUARDED_ACTIONS


def _moment(at: datetime) -> datetime | str:
    """A moment as a parameter: SQLite keeps text without zone, as Django writes it."""
    return at if connection.vendor == "postgresql" else str(at.astimezone(UTC).replace(tzinfo=None))


def _off_duty(user_id: int, posts: _Posts) -> Mapping[int, frozenset[str]]:
    """The roles by site whose work goes to those on duty only, while this person is not; most people have none."""
    if not posts.duty:
        return {}
    on_duty = on_duty_at({site for site, _ in posts.duty}, clock.now(), {role for _, role in posts.duty})
    found: dict[int, set[str]] = {}
    for site, role in posts.duty:
        if user_id not in on_duty.get((site, role), {user_id}):
            found.setdefault(site, set()).add(role)
    return {site: frozenset(roles) for site, roles in found.items()}


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


def holds_everywhere(actor: Actor, action: str) -> bool:
    """Whether the actor may do this at every top unit: what all sites share is changed by nobody less."""
    roots = list(Site.objects.filter(parent__isnull=True).values_list("pk", flat=True))
    return bool(roots) and all(actor.can(action, site_id) for site_id in roots)
