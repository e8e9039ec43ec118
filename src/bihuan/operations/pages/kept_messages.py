"""Messages that nobody has taken, on screen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bihuan.kernel import clock
from bihuan.org.actor import Actor
from bihuan.processes.models import Beginning, Message

SHOWN = 100


@dataclass(frozen=True, slots=True)
class KeptMessages:
    """The messages of the sites one may look at: those whose time is up first, then those that expire next."""

    rows: list[Message]
    more: bool
    now: datetime
    beginning: frozenset[str]
    """Names of those that begin a published process by now: sent again, they do."""


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
    return KeptMessages(found[:SHOWN], len(found) > SHOWN, clock.now(), beginning)


def messages_over(*, actor: Actor) -> int:
    """How many nobody took in time, for the page of processes; counted up to a hundred."""
    rows = Message.objects.at(actor.sites_allowing("process.view"))
    return len(rows.filter(expires_at__lte=clock.now()).values_list("pk")[:SHOWN])
