"""What the frame of every page shows; worked out only when a template asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from bihuan.accounts.models import User
from bihuan.kernel.errors import BusinessError
from bihuan.notify.bell import Bell, bell_of
from bihuan.org.actor import Actor
from bihuan.org.models import Role, Site
from bihuan.records.copies import unread_copies
from bihuan.web.http import actor_of, take_flashes
from bihuan.web.shell.menu import MenuItem, menu_for

THEMES = frozenset({"light", "dark"})


@dataclass(frozen=True, slots=True)
class SiteChoice:
    id: int
    name: str
    timezone: str


class Shell:
    """The frame's view of one request: person, roles, sites, menu, unread notices, messages to show once."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @cached_property
    def actor(self) -> Actor | None:
        if not isinstance(getattr(self._request, "user", None), User):
            return None
        try:
            return actor_of(self._request)
        except BusinessError:
            return None

    @cached_property
    def sites(self) -> list[SiteChoice]:
        """The sites this person has a post at."""
        if self.actor is None:
            return []
        rows = Site.objects.filter(pk__in=self.actor.site_ids).order_by("path").values_list("pk", "name", "timezone")
        return [SiteChoice(*row) for row in rows]

    @property
    def site(self) -> SiteChoice | None:
        if self.actor is None:
            return None
        return next((site for site in self.sites if site.id == self.actor.site_id), None)

    @property
    def sites_below(self) -> list[SiteChoice]:
        """The sites below the present one, whose rows its lists show too."""
        here = self.actor.sites_in_view() if self.actor is not None else frozenset()
        return [site for site in self.sites if site.id in here and site is not self.site]

    @property
    def timezone(self) -> str:
        return self.site.timezone if self.site else settings.TIME_ZONE

    @cached_property
    def role_names(self) -> list[str]:
        if self.actor is None:
            return []
        return list(Role.objects.filter(key__in=self.actor.roles).order_by("pk").values_list("name", flat=True))

    @cached_property
    def menu(self) -> list[MenuItem]:
        return menu_for(self.actor, self._request.path) if self.actor is not None else []

    @property
    def phone_menu(self) -> list[MenuItem]:
        """What fits the bottom bar of a phone; the rest is behind “更多”."""
        return [item for item in self.menu if item.area.on_phone][:4]

    @cached_property
    def bell(self) -> Bell:
        """Unread notices and copies: one query for every page."""
        person = self.actor.user_id if self.actor is not None else None
        return bell_of(person, unread_copies(person)) if person is not None else Bell()

    @property
    def unread(self) -> int:
        return self.bell.unread

    @cached_property
    def flashes(self) -> list[dict[str, str]]:
        return take_flashes(self._request) if hasattr(self._request, "session") else []

    @property
    def theme(self) -> str:
        chosen = self._request.COOKIES.get("theme", "")
        return chosen if chosen in THEMES else ""

    @property
    def accent(self) -> str:
        return str(getattr(settings, "BIHUAN_ACCENT", "teal"))

    @property
    def is_demo(self) -> bool:
        return bool(getattr(settings, "BIHUAN_DEMO", False))

    def can(self, action: str) -> bool:
        """Whether the person may do this at the current site; for showing or hiding, never for guarding."""
        return self.actor is not None and self.actor.can(action)


def shell(request: HttpRequest) -> dict[str, Any]:
    """Context processor of the Jinja2 backend."""
    return {"shell": Shell(request)}
