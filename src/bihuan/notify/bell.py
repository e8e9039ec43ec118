"""What the bell and the notice centre show a person: their own notices, counted cheaply."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import IntegerField, QuerySet, Subquery

from bihuan.accounts.models import User
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
    """How many notices are unread and the newest of them, and how many copies (抄送) are; of each at most 100 are
    counted. `mark` changes when any of them does, and ends with the newest."""

    unread: int = 0
    newest: int = 0
    copies: int = 0

    @property
    def mark(self) -> str:
        return f"{self.copies}-{self.unread}-{self.newest}"


class _CountOf(Subquery):
    """How many rows a query finds."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) counted)"
    output_field = IntegerField()


def bell_of(user_id: int, copies: QuerySet[Any]) -> Bell:
    """One query on the indexes of what is unread; `copies` are the rows of unread copies, which others keep."""
    unread = Notice.objects.filter(user_id=user_id, read_at__isnull=True).order_by("-pk").values("pk")[:COUNTED]
    person = User.objects.filter(pk=user_id).values_list(
        _CountOf(unread), Subquery(unread[:1]), _CountOf(copies.order_by().values("pk")[:COUNTED])
    )
    found = person.first()
    return Bell(found[0], found[1] or 0, found[2]) if found is not None else Bell()


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
