"""Who is acting, and what they may do where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from bihuan.kernel.errors import NotAllowed
from bihuan.org.actions import label_of
from bihuan.org.roles import role_names_allowing


@dataclass(frozen=True, slots=True)
class ActingFor:
    """A delegation in force: whose work at which site one does, in which role and process ("" means every one).

    `roles` are those of the principal there, as far as the delegation goes; `actions` what they allow.
    """

    user_id: int
    name: str
    site_id: int
    role: str = ""
    process: str = ""
    roles: frozenset[str] = frozenset()
    actions: frozenset[str] = frozenset()

    def covers(self, site_id: int, role: str, process: str) -> bool:
        """Whether work of this process, offered to these roles (separated by commas), is meant."""
        if site_id != self.site_id or (self.process and self.process != process):
            return False
        return not self.role or self.role in {part.strip() for part in role.split(",")}


@dataclass(frozen=True)
class Actor:
    """A signed-in person (or the system) with the roles and permitted actions they have at each site.

    `user_id` is None for the system. `site_id` is the site they work at now; everything else asks by site.
    """

    user_id: int | None
    username: str
    name: str
    site_id: int | None
    roles_by_site: Mapping[int, frozenset[str]] = field(default_factory=dict)
    actions_by_site: Mapping[int, frozenset[str]] = field(default_factory=dict)
    is_system: bool = False
    acting_for: tuple[ActingFor, ...] = ()
    """Whose work one does now besides one's own; their roles are among `roles_by_site` too."""
    borrowed_by_site: Mapping[int, frozenset[str]] = field(default_factory=dict)
    off_duty_by_site: Mapping[int, frozenset[str]] = field(default_factory=dict)
    """Roles held whose work is offered to those on duty only, while this person is not."""
    path_by_site: Mapping[int, str] = field(default_factory=dict)
    """Where each of the sites stands in the tree (`Site.path`)."""

    @property
    def site_ids(self) -> frozenset[int]:
        """Every site where this person has a role."""
        return frozenset(self.roles_by_site)

    @property
    def roles(self) -> frozenset[str]:
        """The role keys held at the current site."""
        return frozenset() if self.site_id is None else self.roles_at(self.site_id)

    def roles_at(self, site_id: int) -> frozenset[str]:
        return self.roles_by_site.get(site_id, frozenset())

    def own_roles_at(self, site_id: int) -> frozenset[str]:
        """The roles by one's own posts, without those of somebody one acts for."""
        return self.roles_at(site_id) - self.borrowed_by_site.get(site_id, frozenset())

    def offered_roles_at(self, site_id: int) -> frozenset[str]:
        """The roles whose open work may be taken now: where duty decides, only by those on duty."""
        return self.roles_at(site_id) - self.off_duty_by_site.get(site_id, frozenset())

    def acts_for(self, user_id: int | None, site_id: int, role: str, process: str) -> ActingFor | None:
        """The delegation by which one does this piece of work of that person now; None: open work of their roles."""
        if not self.acting_for:
            return None
        roles = {part.strip() for part in role.split(",")}
        for one in self.acting_for:
            if one.covers(site_id, role, process) and (
                one.user_id == user_id if user_id is not None else not roles.isdisjoint(one.roles)
            ):
                return one
        return None

    def lent(self, one: ActingFor) -> Actor:
        """The actor with what the principal's roles allow there, for doing a piece of their work."""
        here = self.actions_by_site.get(one.site_id, frozenset()) | one.actions
        roles = self.roles_at(one.site_id) | one.roles
        return replace(
            self,
            actions_by_site={**self.actions_by_site, one.site_id: here},
            roles_by_site={**self.roles_by_site, one.site_id: roles},
        )

    def has_role(self, role: str, site_id: int | None = None) -> bool:
        """Whether the role is held at the site (the current one when none is named)."""
        where = self.site_id if site_id is None else site_id
        return where is not None and role in self.roles_at(where)

    def can(self, action: str, site_id: int | None = None) -> bool:
        """Whether the action is permitted at the site (the current one when none is named); no by default."""
        if self.is_system:
            return True
        where = self.site_id if site_id is None else site_id
        return where is not None and action in self.actions_by_site.get(where, frozenset())

    def can_anywhere(self, action: str) -> bool:
        return self.is_system or any(action in actions for actions in self.actions_by_site.values())

    def sites_allowing(self, action: str) -> frozenset[int]:
        """The sites where the action is permitted."""
        if self.is_system:
            return self.site_ids
        return frozenset(site for site, actions in self.actions_by_site.items() if action in actions)

    def sites_in_view(self, action: str = "") -> frozenset[int]:
        """The present site and those below it where the action is permitted, or any role is held: what a list shows."""
        if self.site_id is None:
            return frozenset()
        here = self.path_by_site.get(self.site_id, "")
        below = {site for site, path in self.path_by_site.items() if here and path.startswith(here)}
        return frozenset(site for site in below | {self.site_id} if not action or self.can(action, site))

    def require(self, action: str, site_id: int | None = None) -> None:
        """Refuse with NotAllowed, naming the action and the roles that can, unless permitted."""
        if not self.can(action, site_id):
            raise NotAllowed(_refusal(action))

    def at(self, site_id: int) -> Actor:
        """The same person working at another of their sites."""
        if self.is_system:
            return replace(self, site_id=site_id, roles_by_site={site_id: frozenset()})
        if site_id not in self.roles_by_site:
            raise NotAllowed("您在该门店没有岗位")
        return replace(self, site_id=site_id)


def _refusal(action: str) -> str:
    names = role_names_allowing(action)
    who = f"，请找{'、'.join(names)}处理" if names else "，请联系系统管理员"
    return f"您没有“{label_of(action)}”的权限{who}"
