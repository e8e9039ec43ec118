"""Sending what is planned: leased, tried again, given up at last, never lost.

The guarantee is *at least once*. A message is leased in a short transaction that counts the attempt, sent outside any
transaction, and marked. A sender that dies in between leaves the lease to run out, and the message is sent again under
the same number (`uid`), by which receivers recognise it: `webhook-id`, Message-ID of a mail, the number at the foot of
a robot's message, {id} of an SMS gateway.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Q

from bihuan.kernel import clock
from bihuan.notify.channels.registry import channel_kind
from bihuan.notify.channels.transport import Outgoing, TransportError
from bihuan.notify.choosing import quiet_end
from bihuan.notify.composing import compose
from bihuan.notify.kinds import NoticeKind
from bihuan.notify.models import Channel, Message
from bihuan.notify.notices import About, notify_people
from bihuan.notify.sealing import SecretLost, opened
from bihuan.org.roles import people_allowed

log = logging.getLogger("bihuan.notify.outbox")

LEASE = timedelta(minutes=3)
MAX_ATTEMPTS = 14
FIRST_WAIT = timedelta(seconds=10)
LONGEST_WAIT = timedelta(hours=1)

Send = Callable[[Channel, Outgoing], str]
"""Hands one message to its channel; answers a receipt or raises TransportError."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What a round of sending did."""

    delivered: int = 0
    failed: int = 0

    @property
    def taken(self) -> int:
        return self.delivered + self.failed


def send_through(channel: Channel, message: Outgoing) -> str:
    """The real way: the channel's kind with its settings and opened secrets."""
    try:
        values = {**channel.settings, **{name: opened(stored) for name, stored in channel.secrets.items()}}
    except SecretLost as error:
        raise TransportError(str(error), rest_seconds=600) from None
    return channel_kind(channel.kind).send(message, values)


def send_due(now: datetime | None = None, *, limit: int = 50, send: Send = send_through) -> Sent:
    """Send up to `limit` messages that are due, urgent ones first."""
    delivered = failed = 0
    while delivered + failed < limit:
        at = now or clock.now()
        message = take_next(at)
        if message is None:
            break
        if _deliver(message, at, send):
            delivered += 1
        else:
            failed += 1
    return Sent(delivered, failed)


def take_next(at: datetime) -> Message | None:
    """Lease the next message that is due, on a channel that does not rest. The attempt counts from now on."""
    due = Message.objects.filter(
        Q(channel__rests_until__isnull=True) | Q(channel__rests_until__lte=at),
        status=Message.Status.WAITING,
        run_at__lte=at,
        channel__is_active=True,
    )
    if not due.exists():
        return None
    with transaction.atomic():
        rows = due.select_for_update(skip_locked=True, of=("self",)).select_related("channel", "user")
        message = rows.order_by("-is_urgent", "run_at", "pk").first()
        if message is None:
            return None
        message.attempts += 1
        message.lease_until = message.run_at = at + LEASE
        message.save(update_fields=["attempts", "lease_until", "run_at"])
    return message


def next_due() -> datetime | None:
    """When the next waiting message is to be sent; None when there is none."""
    rows = Message.objects.filter(status=Message.Status.WAITING, channel__is_active=True).order_by("run_at")
    return rows.values_list("run_at", flat=True).first()


def _deliver(message: Message, at: datetime, send: Send) -> bool:
    later = _undisturbed_until(message, at)
    if later is not None:
        _finish(message, run_at=later)
        return False
    try:
        outgoing = compose(message)
        if outgoing is None:
            _finish(message, status=Message.Status.FAILED, done_at=at, last_error="已没有收件地址")
            return False
        receipt = send(message.channel, outgoing)
    except TransportError as error:
        _put_back(message, error, at)
        return False
    except Exception:
        # A fault of ours in one message must not stop the others; it is tried again and then shown.
        log.exception("message %s could not be sent", message.uid)
        _put_back(message, TransportError("系统内部错误，详情见系统日志"), at)
        return False
    _finish(message, status=Message.Status.DELIVERED, done_at=at, receipt=receipt[:120], last_error="")
    return True


def _undisturbed_until(message: Message, at: datetime) -> datetime | None:
    """The end of the site's quiet hours for somebody outside, into which another attempt may fall; else None."""
    site = message.site if message.address else None
    if site is None:
        return None
    return quiet_end(at.astimezone(ZoneInfo(site.timezone)), site.quiet_from, site.quiet_until)


def _put_back(message: Message, error: TransportError, at: datetime) -> None:
    log.warning("message %s by channel %s not taken: %s", message.uid, message.channel_id, error)
    reason = str(error)[:300]
    if error.permanent or message.attempts >= MAX_ATTEMPTS:
        _finish(message, status=Message.Status.FAILED, done_at=at, last_error=reason)
        _tell_of_failure(message, reason, at)
    else:
        _finish(message, run_at=at + wait_after(message.attempts), last_error=reason)
    if error.rest_seconds:
        Channel.objects.filter(pk=message.channel_id).update(rests_until=at + timedelta(seconds=error.rest_seconds))


def _tell_of_failure(message: Message, reason: str, at: datetime) -> None:
    """Whoever looks after the channel is told at the bell, once a day a channel."""
    channel = message.channel
    about = About(NoticeKind.SYSTEM, site_id=channel.site_id, key=f"channel {channel.pk} failed {at:%Y-%m-%d}")
    people = people_allowed("admin.notices", channel.site_id)
    url = f"/admin/channels/messages?status=failed&channel={channel.pk}"
    notify_people(people, f"有通知没有送达：{channel.name}", reason, url, about)


def _finish(message: Message, **values: object) -> None:
    """Only while it is still ours: another sender may have taken it when our lease ran out."""
    ours = Message.objects.filter(pk=message.pk, attempts=message.attempts, status=Message.Status.WAITING)
    ours.update(lease_until=None, **values)


def wait_after(attempts: int) -> timedelta:
    """How long a message rests after so many attempts: 10 s, doubling, at most an hour; fourteen take six hours."""
    return min(FIRST_WAIT * (1 << min(attempts - 1, 20)), LONGEST_WAIT)


@transaction.atomic
def revive(message_ids: list[int]) -> int:
    """Give failed messages another life, at once; answers how many were failed."""
    now = clock.now()
    return Message.objects.filter(pk__in=message_ids, status=Message.Status.FAILED).update(
        status=Message.Status.WAITING, attempts=0, run_at=now, done_at=None, lease_until=None, reported_at=None
    )
