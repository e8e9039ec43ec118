"""What the bell and the notice centre show a person: their own notices, counted cheaply."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Max

from bihuan.kernel.paging import Part, part_of
from bihuan.notify.kinds import NoticeKind
from bihuan.notify.models import Notice
from bihuan.notify.notices import notices_of
from bihuan.org.actor import Actor

PAGE_SIZE = 30
COUNTED = 100
SHOWN_URGENT = 3


@dataclass(frozen=True, slots=True)
class Bell:
    """How many are unread (at most 100 are counted) and the newest of them; `mark` changes when either does."""

    unread: int = 0
    newest: int = 0

    @property
    def mark(self) -> str:
        return f"{self.unread}-{self.newest}"


def bell_of(user_id: int) -> Bell:
    """One query on the index of unread notices; it reads no more than a hundred of them."""
    unread = Notice.objects.filter(user_id=user_id, read_at__isnull=True).order_by("-pk")[:COUNTED]
    found = Notice.objects.filter(pk__in=unread.values("pk")).aggregate(unread=Count("pk"), newest=Max("pk"))
    return Bell(found["unread"], found["newest"] or 0)


def urgent_since(user_id: int, notice_id: int) -> list[Notice]:
    """Urgent unread notices newer than the last one seen, at most three."""
    rows = Notice.objects.filter(user_id=user_id, read_at__isnull=True, is_urgent=True, pk__gt=notice_id)
    return list(rows.order_by("pk")[:SHOWN_URGENT])


@dataclass(frozen=True, slots=True)
class NoticePage:
    """One page of a person's notices, newest first, with the filters in force."""

    part: Part
    unread_only: bool
    kind: str


def notice_page(*, actor: Actor, unread_only: bool = False, kind: str = "", number: int = 1) -> NoticePage:
    """The actor's own notices; an unknown kind and an impossible page are taken for the usual ones."""
    kind = kind if kind in NoticeKind.values else ""
    rows = notices_of(actor=actor, unread_only=unread_only, kind=kind)
    return NoticePage(part_of(rows, number, size=PAGE_SIZE), unread_only, kind)
