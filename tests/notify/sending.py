"""What the tests of notices do again and again: connect a channel, tell somebody, let the worker have a round."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from bihuan.kernel import clock
from bihuan.notify.channels.transport import Outgoing
from bihuan.notify.kinds import NoticeKind
from bihuan.notify.models import Channel
from bihuan.notify.notices import About, notify_people
from bihuan.notify.outbox import send_due
from bihuan.notify.planning import plan_notices
from bihuan.notify.sealing import sealed
from bihuan.org.models import Site
from tests.cast import Cast
from tests.notify.receivers import HttpReceiver, MailReceiver

SECRET = "0123456789abcdef"


def at(hour: int, minute: int = 0, day: int = 24) -> datetime:
    """A moment of November 2026 in Shanghai."""
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC) - timedelta(hours=8)


def webhook_at(site: Site, receiver: HttpReceiver, **more: object) -> Channel:
    return Channel.objects.create(
        site=site, kind="webhook", name="值班平台", settings={"url": receiver.url},
        secrets={"secret": sealed(SECRET, "secret")}, **more,
    )  # fmt: skip


def mail_at(site: Site, mailbox: MailReceiver) -> Channel:
    settings = {"host": mailbox.host, "port": str(mailbox.port), "security": "none", "sender": "notice@yl.example"}
    return Channel.objects.create(site=site, kind="mail", name="邮件", settings=settings)


def tell(cast: Cast, *who: str, kind: NoticeKind = NoticeKind.BREACH, title: str = "超时", **about: object) -> None:
    told = [cast.user(name).pk for name in who]
    notify_people(told, title, "示A12345", "/cases/1", About(kind, subject=("case", 1), site_id=cast.yl.pk, **about))


def go() -> None:
    """One round of the worker at the present moment."""
    plan_notices(clock.now())
    send_due()


def recorder() -> tuple[list[Outgoing], Callable[[Channel, Outgoing], str]]:
    got: list[Outgoing] = []

    def keep(channel: Channel, message: Outgoing) -> str:
        got.append(message)
        return "kept"

    return got, keep
