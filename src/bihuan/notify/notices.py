"""Writing and reading notices. Written in the transaction of what they tell about, so neither exists alone."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction
from django.db.models import QuerySet

from bihuan.accounts.models import User
from bihuan.kernel import clock
from bihuan.kernel.errors import NotFound
from bihuan.notify.models import Notice
from bihuan.org.actor import Actor
from bihuan.org.roles import people_with_role

TITLE_MAX = 120


def notify_people(user_ids: Iterable[int], title: str, body: str = "", url: str = "") -> int:
    """Tell each of these people once; people who have left are skipped. Answers how many were told.

    `url` is an address inside this installation; anything else is refused.
    """
    if url and (not url.startswith("/") or url.startswith(("//", "/\\"))):
        raise ValueError(f"a notice links inside the installation only: {url!r}")
    wanted = set(user_ids)
    present = User.objects.filter(pk__in=wanted, is_active=True).order_by("pk").values_list("pk", flat=True)
    moment = clock.now()
    notices = [Notice(user_id=user_id, title=title[:TITLE_MAX], body=body, url=url, at=moment) for user_id in present]
    Notice.objects.bulk_create(notices)
    return len(notices)


def notify_role(
    role: str, site_id: int, title: str, body: str = "", url: str = "", *, besides: Iterable[int] = ()
) -> int:
    """Tell everybody who has the role at the site, except the people in `besides` (usually the one who acted)."""
    left_out = set(besides)
    people = people_with_role(role, site_id).values_list("pk", flat=True)
    return notify_people([user_id for user_id in people if user_id not in left_out], title, body, url)


def notices_of(*, actor: Actor, unread_only: bool = False) -> QuerySet[Notice]:
    """The actor's own notices, newest first. Nobody reads another's."""
    rows = Notice.objects.none() if actor.user_id is None else Notice.objects.filter(user_id=actor.user_id)
    rows = rows.order_by("-at", "-pk")
    return rows.filter(read_at__isnull=True) if unread_only else rows


def unread_count(user_id: int) -> int:
    """How many notices wait for this person."""
    return Notice.objects.filter(user_id=user_id, read_at__isnull=True).count()


@transaction.atomic
def mark_read(notice_id: int, *, actor: Actor) -> Notice:
    """Mark one notice of one's own as read and answer it; the first reading counts. NotFound for another's."""
    notice = notices_of(actor=actor).filter(pk=notice_id).first()
    if notice is None:
        raise NotFound("没有这条通知")
    if notice.read_at is None:
        notice.read_at = clock.now()
        Notice.objects.filter(pk=notice.pk, read_at__isnull=True).update(read_at=notice.read_at)
    return notice


@transaction.atomic
def mark_all_read(*, actor: Actor) -> int:
    """Mark all of one's own notices as read; answers how many were not."""
    return notices_of(actor=actor, unread_only=True).update(read_at=clock.now())
