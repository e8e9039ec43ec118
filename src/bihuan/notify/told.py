"""Who was told what about a subject, when, by which channel, and whether it arrived."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Prefetch

from bihuan.notify.channels.registry import KINDS
from bihuan.notify.models import Delivery, Message, Notice

SHOWN = 200


@dataclass(frozen=True, slots=True)
class Way:
    """One way a person was told: its state as a word, a tone, and why it failed."""

    channel: str
    state: str
    tone: str
    at: datetime | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that was said about the subject to one person, with every way it went; the bell comes first."""

    notice: Notice
    ways: tuple[Way, ...]


def told_about(kind: str, subject_id: int) -> list[Told]:
    """The newest 200 notices about a subject, newest first; two queries."""
    sent = Prefetch("deliveries", Delivery.objects.select_related("message__channel").order_by("pk"))
    rows = Notice.objects.filter(about_kind=kind, about_id=subject_id).select_related("user")
    notices = rows.prefetch_related(sent).order_by("-at", "-pk")[:SHOWN]
    return [
        Told(notice, (_bell(notice), *(_way(delivery.message) for delivery in notice.deliveries.all())))
        for notice in notices
    ]


def _bell(notice: Notice) -> Way:
    if notice.read_at is not None:
        return Way("站内", "已看", "ok", notice.read_at)
    return Way("站内", "未看", "none", notice.at)


def _way(message: Message) -> Way:
    kind = KINDS.get(message.channel.kind)
    channel = message.channel.name if kind is None or not kind.is_personal else kind.label
    if message.awaits_report:
        return Way(channel, "已交出，等送达回报", "none", message.done_at)
    if message.status == Message.Status.DELIVERED:
        return Way(channel, "已送达", "ok", message.done_at)
    if message.status == Message.Status.FAILED:
        return Way(channel, "没有送达", "bad", message.done_at, message.last_error)
    return Way(channel, "正在重试" if message.last_error else "待发送", "warn", message.run_at, message.last_error)
