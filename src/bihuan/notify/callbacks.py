"""What a gateway tells us afterwards: whether a message reached its telephone, and what somebody answered.

Reports come more than once, late, and in any order. So a message only moves one way: handed over, not reached, reached.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q

from bihuan.kernel import clock
from bihuan.kernel.errors import NotAllowed
from bihuan.notify.channels.registry import KINDS
from bihuan.notify.channels.transport import Callback, Reply, Report
from bihuan.notify.models import Channel, Message
from bihuan.notify.sealing import SecretLost, opened

NOT_OURS = "渠道或密钥不对"


@dataclass(frozen=True, slots=True)
class Received:
    """A callback that was let in: by which channel, what it tells, and what its sender wants to hear."""

    channel: Channel
    told: tuple[Report | Reply, ...]
    answer: str


def read_callback(channel_id: int, callback: Callback) -> Received:
    """Let a callback in and read it.

    Raises NotAllowed for a channel that is not there as for a wrong secret, BusinessError for what cannot be read.
    """
    channel = Channel.objects.select_related("site").filter(pk=channel_id, is_active=True).first()
    kind = KINDS.get(channel.kind) if channel is not None else None
    if channel is None or kind is None or kind.read is None:
        raise NotAllowed(NOT_OURS)
    try:
        values = {**channel.settings, **{name: opened(stored) for name, stored in channel.secrets.items()}}
    except SecretLost:
        raise NotAllowed(NOT_OURS) from None
    return Received(channel, kind.read(callback, values), values.get("answer", "") or "ok")


def note_report(channel: Channel, report: Report) -> Message | None:
    """Keep what a gateway reports about one of its messages, named by our number or by its receipt.

    None when there is no such message, or it has not been handed over yet: worth telling again later.
    """
    rows = Message.objects.filter(Q(uid=report.reference) | Q(receipt=report.reference), channel=channel)
    found = list(rows[:2])
    if len(found) != 1:
        # A receipt that several share names none of them.
        return None
    message, now = found[0], clock.now()
    told = {"reported_at": now, "done_at": now, "lease_until": None}
    mine = Message.objects.filter(pk=message.pk)
    if report.reached:
        reached = Q(status=Message.Status.DELIVERED, reported_at__isnull=False)
        mine.exclude(reached).update(status=Message.Status.DELIVERED, last_error="", **told)
    elif message.status == Message.Status.WAITING:
        return None
    else:
        handed_over = mine.filter(status=Message.Status.DELIVERED, reported_at__isnull=True)
        handed_over.update(status=Message.Status.FAILED, last_error=f"对方没有收到：{report.reason}"[:300], **told)
    message.refresh_from_db()
    return message
