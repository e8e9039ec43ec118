"""Old notices leave the tables by policy, a bounded window at a time; what still matters stays.

Kept whatever their age: what is not read and important, for those who still work here; what is still to go out; and
what went out of the house about a case, since that proves who was told: it stays as long as the case.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from bihuan.audit.log import record
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError
from bihuan.notify.administration import MANAGE
from bihuan.notify.kinds import NoticeKind
from bihuan.notify.models import Delivery, Message, Notice, Retention
from bihuan.org.actor import Actor
from bihuan.org.models import Site

USUAL_DAYS = 365
LEAST_DAYS, MOST_DAYS = 30, 36_500
WINDOW = 1000
IMPORTANT = (NoticeKind.BREACH, NoticeKind.SYSTEM)


@dataclass(frozen=True, slots=True)
class Pruned:
    """What one window took out; `upto` is where the next one begins, None when the pass is over."""

    notices: int = 0
    messages: int = 0
    upto: int | None = None


def retain_days() -> int | None:
    """For how many days notices are kept; None for ever."""
    chosen = list(Retention.objects.values_list("retain_days", flat=True))
    return chosen[0] if chosen else USUAL_DAYS


def may_set_retention(actor: Actor) -> bool:
    """It holds for the whole installation: for who looks after the channels of the topmost site."""
    return actor.can(MANAGE, _topmost())


def _topmost() -> int | None:
    return Site.objects.filter(parent=None).order_by("pk").values_list("pk", flat=True).first()


@transaction.atomic
def set_notice_retention(days: int | None, *, actor: Actor) -> None:
    """From now on keep notices for so many days; None keeps them for ever."""
    actor.require(MANAGE, _topmost())
    if days is not None and not LEAST_DAYS <= days <= MOST_DAYS:
        raise BusinessError(f"保存天数应在 {LEAST_DAYS} 到 {MOST_DAYS} 之间；不填表示一直保存", "days")
    before = retain_days()
    Retention.objects.update_or_create(pk=1, defaults={"retain_days": days})
    if before != days:
        record(
            actor_id=actor.user_id, action="notice.retention", chain="channel:retention",
            before={"retain_days": before}, after={"retain_days": days},
        )  # fmt: skip


@transaction.atomic
def prune_notices(now: datetime | None = None, *, after: int = 0, window: int = WINDOW) -> Pruned:
    """Look at the next notices after a number and delete those that may go, with the messages that told nothing else.

    A pass begins at 0 and goes on at `upto`; looked at twice, by two workers, nothing happens twice.
    """
    days = retain_days()
    if days is None:
        return Pruned()
    old = Q(at__lt=(now or clock.now()) - timedelta(days=days))
    numbers = list(Notice.objects.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:window])
    looked_at = Notice.objects.filter(pk__in=numbers)
    # Numbers grow with time: behind a window with nothing old there is nothing old either.
    if not numbers or not looked_at.filter(old).exists():
        return Pruned()
    sent = Delivery.objects.filter(notice=OuterRef("pk"))
    going = looked_at.filter(old, planned_at__isnull=False).exclude(
        Q(read_at__isnull=True, user__is_active=True) & (Q(is_urgent=True) | Q(kind__in=IMPORTANT))
    )
    going = going.exclude(Exists(sent.filter(message__status=Message.Status.WAITING)))
    going = going.exclude(Q(Exists(sent), about_kind="case"))
    gone = list(going.values_list("pk", flat=True))
    carried = list(Delivery.objects.filter(notice__in=gone).values_list("message_id", flat=True).distinct())
    Notice.objects.filter(pk__in=gone).delete()
    empty = Message.objects.filter(pk__in=carried).exclude(Exists(Delivery.objects.filter(message=OuterRef("pk"))))
    messages, _ = empty.delete()
    return Pruned(len(gone), messages, numbers[-1])
