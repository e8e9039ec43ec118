"""Messages that nobody has taken, on screen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Count

from bihuan.kernel import clock
from bihuan.org.actor import Actor
from bihuan.processes.models import Beginning, Message
from bihuan.processes.room import kept_in_all
from bihuan.processes.rows import transactional

SHOWN = 100
CROWDED_SHOWN = 5


@dataclass(frozen=True, slots=True)
class KeptMessages:
    """The messages of the sites one may look at: those whose time is up first, then those that expire next."""

    rows: list[Message]
    more: bool
    now: datetime
    beginning: frozenset[str]
    """Names of those that begin a published process by now: sent again, they do."""
    in_all: int
    """How many are kept in the whole installation whose time is not up, of `room`."""
    room: int
    crowded: list[tuple[str, str, int]]
    """Name and key of those of which most are kept, from half of `room_per_key` on."""
    room_per_key: int

    @property
    def is_nearly_full(self) -> bool:
        return self.in_all * 5 >= self.room * 4


@transactional
def kept_messages(*, actor: Actor) -> KeptMessages:
    """The first hundred, by the moment up to which they are kept."""
    sites = actor.sites_allowing("process.view")
    if not sites:
        actor.require("process.view")
    rows = Message.objects.at(sites).select_related("site", "sender__version", "sent_by")
    rows = rows.defer("payload", "sender__state", "sender__version__xml")
    found = list(rows.order_by("expires_at", "pk")[: SHOWN + 1])
    names = {row.name for row in found}
    begun = Beginning.objects.filter(kind="message", name__in=names, definition__current__stopped_at__isnull=True)
    beginning = frozenset(begun.values_list("name", flat=True))
    now, per_key = clock.now(), settings.BIHUAN_KEPT_MESSAGES_PER_KEY
    alike = Message.objects.at(sites).filter(expires_at__gt=now).values_list("name", "correlation")
    many = alike.annotate(count=Count("pk")).filter(count__gte=(per_key + 1) // 2).order_by("-count", "name")
    return KeptMessages(
        found[:SHOWN], len(found) > SHOWN, now, beginning, kept_in_all(now), settings.BIHUAN_KEPT_MESSAGES,
        list(many[:CROWDED_SHOWN]), per_key,
    )  # fmt: skip


def messages_over(*, actor: Actor) -> int:
    """How many nobody took in time, for the page of processes; counted up to a hundred."""
    rows = Message.objects.at(actor.sites_allowing("process.view"))
    return len(rows.filter(expires_at__lte=clock.now()).values_list("pk")[:SHOWN])
