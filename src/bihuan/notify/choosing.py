"""Who is reached how and when: what a person chose, their quiet hours and their digest, in their site's zone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings

from bihuan.accounts.models import User
from bihuan.notify.kinds import Medium, When, usual
from bihuan.notify.models import DIGEST_AT, QUIET_FROM, QUIET_UNTIL, Contact, Preference
from bihuan.org.models import PositionHolder


@dataclass(frozen=True, slots=True)
class Reach:
    """How one person can be reached: addresses, hours, choices, and the site and roles they have."""

    user_id: int
    username: str
    name: str
    mail: str = ""
    phone: str = ""
    quiet_from: time | None = QUIET_FROM
    quiet_until: time | None = QUIET_UNTIL
    digest_at: time = DIGEST_AT
    zone: str = ""
    site_id: int | None = None
    roles: frozenset[str] = frozenset()
    chosen: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def address(self, medium: str) -> str:
        """Where a personal channel of this medium sends to; "" when it cannot."""
        return self.mail if medium == Medium.MAIL else self.phone

    def when(self, kind: str, medium: str, *, urgent: bool) -> When:
        """How soon: chosen, or usual. What is urgent goes at once, unless the person wants none of it."""
        wanted = When(self.chosen.get((kind, medium)) or usual(kind, medium))
        if wanted == When.URGENT:
            return When.NOW if urgent else When.OFF
        return When.NOW if urgent and wanted == When.DIGEST else wanted

    def quiet_end(self, at: datetime) -> datetime | None:
        """When this person's quiet hours are over, if `at` falls into them."""
        return quiet_end(at.astimezone(self._zone()), self.quiet_from, self.quiet_until)

    def next_digest(self, at: datetime) -> datetime:
        """The next moment this person's digest goes out, after `at`."""
        return _next(at.astimezone(self._zone()), self.digest_at)

    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.zone or settings.TIME_ZONE)


def quiet_end(here: datetime, start: time | None, end: time | None) -> datetime | None:
    """When quiet hours are over, if the local moment `here` falls into them; they may run across midnight.

    None outside of them, and where there are none (a bound is missing, or both are the same).
    """
    if start is None or end is None or start == end:
        return None
    now = here.time()
    is_quiet = start <= now < end if start < end else now >= start or now < end
    return _next(here, end) if is_quiet else None


def _next(here: datetime, moment: time) -> datetime:
    today = datetime.combine(here.date(), moment, here.tzinfo)
    following = datetime.combine(here.date() + timedelta(days=1), moment, here.tzinfo)
    return today if today > here else following


def reach_of(user_ids: Iterable[int]) -> dict[int, Reach]:
    """How these people can be reached, in four queries however many they are."""
    wanted = set(user_ids)
    people = User.objects.filter(pk__in=wanted).values_list("pk", "username", "name", "phone", "is_active")
    contacts = {contact.user_id: contact for contact in Contact.objects.filter(user_id__in=wanted)}
    chosen: dict[int, dict[tuple[str, str], str]] = defaultdict(dict)
    for user_id, kind, medium, when in Preference.objects.filter(user_id__in=wanted).values_list(
        "user_id", "kind", "medium", "when"
    ):
        chosen[user_id][kind, medium] = when
    home: dict[int, tuple[int, str]] = {}
    roles: dict[int, set[str]] = defaultdict(set)
    posts = PositionHolder.objects.filter(user_id__in=wanted, until__isnull=True).order_by("pk")
    for user_id, site_id, zone, role in posts.values_list(
        "user_id", "position__site_id", "position__site__timezone", "position__roles__key"
    ):
        home.setdefault(user_id, (site_id, zone))
        if role:
            roles[user_id].add(role)
    found: dict[int, Reach] = {}
    for user_id, username, name, phone, is_active in people:
        contact = contacts.get(user_id) or Contact()
        first_post = home.get(user_id)
        found[user_id] = Reach(
            user_id=user_id,
            username=username,
            name=name,
            # Whoever has left since is not written to at home.
            mail=contact.mail if is_active else "",
            phone=(contact.phone or phone) if is_active else "",
            quiet_from=contact.quiet_from,
            quiet_until=contact.quiet_until,
            digest_at=contact.digest_at,
            site_id=first_post[0] if first_post else None,
            zone=first_post[1] if first_post else "",
            roles=frozenset(roles[user_id]),
            chosen=chosen[user_id],
        )
    return found
