"""Writing and reading notices. Written in the transaction of what they tell about, so neither exists alone.

A notice is a row at the bell. By which channels it goes out besides is decided and done after the commit, by the
worker (`planning`, `outbox`): telling people costs a step these two statements whatever is connected.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import QuerySet

from bihuan.accounts.models import User
from bihuan.kernel import clock
from bihuan.kernel.errors import NotFound
from bihuan.kernel.sql import insert_rows, moment
from bihuan.notify.channels.registry import KINDS
from bihuan.notify.kinds import NoticeKind
from bihuan.notify.models import Notice
from bihuan.notify.templates import COMMON_WORDS, TITLE_MAX, template_for
from bihuan.org.actor import Actor
from bihuan.org.duty.presence import present_with_role


@dataclass(frozen=True, slots=True)
class About:
    """What a notice is about: its kind, whether it passes quiet hours, the subject (`case`, 12) and the site.

    `template` names the wording of the rule book (docs/notices.md), `words` fill its placeholders. `key` makes it once:
    telling the same person the same key again tells nothing.
    """

    kind: NoticeKind = NoticeKind.CASE
    urgent: bool = False
    subject: tuple[str, int] | None = None
    site_id: int | None = None
    template: str = ""
    words: Mapping[str, str] | None = None
    key: str = ""


NOTHING_SPECIAL = About()


@dataclass(frozen=True, slots=True)
class Message:
    """Something to tell these people. `url` is an address inside this installation.

    When the rule book words `about.template`, its wording stands in place of `title` and `body`.
    """

    user_ids: frozenset[int]
    title: str
    body: str = ""
    url: str = ""
    about: About = NOTHING_SPECIAL


def notify_people(
    user_ids: Iterable[int], title: str, body: str = "", url: str = "", about: About = NOTHING_SPECIAL
) -> int:
    """Tell each of these people once; people who have left are skipped. Answers how many were told."""
    return notify_all([Message(frozenset(user_ids), title, body, url, about)])


def notify_all(messages: Sequence[Message]) -> int:
    """Tell many things at once, in their order, as `notify_people` each; two statements (one more when some have keys).

    Answers how many notices were written. Raises ValueError for an address outside the installation.
    """
    everybody = {user_id for message in messages for user_id in message.user_ids}
    present = set(User.objects.filter(pk__in=everybody, is_active=True).values_list("pk", flat=True))
    keys = {message.about.key for message in messages if message.about.key}
    told = set(Notice.objects.filter(key__in=keys).values_list("key", "user_id")) if keys else set()
    rows = [
        row for message in messages for row in _rows(message, present) if (row.key, row.user_id) not in told
    ]  # fmt: skip
    # Two tellers with one key at the same moment: the second finds it told.
    with transaction.atomic(savepoint=False):
        return insert_rows(Notice._meta.db_table, _Row._fields, rows, ignore_conflicts=bool(keys))


class _Row(NamedTuple):
    """A notice as it is written: the columns of `Notice` by name."""

    user_id: int
    title: str
    body: str
    url: str
    at: Any
    kind: str
    is_urgent: bool
    site_id: int | None
    about_kind: str
    about_id: int | None
    event: str
    key: str | None
    template: str
    words: str


def _rows(message: Message, present: Set[int]) -> list[_Row]:
    url, about, title, body = message.url, message.about, message.title, message.body
    if url and (not url.startswith("/") or url.startswith(("//", "/\\"))):
        raise ValueError(f"a notice links inside the installation only: {url!r}")
    words = {"标题": title, "内容": body, **{key: str(value) for key, value in (about.words or {}).items()}}
    template = template_for(about.template, channels=frozenset(KINDS))
    if template is not None:
        title, body = template.fill(words)
        # What no channel will say is not kept.
        words = {word: words[word] for word in template.words() | COMMON_WORDS if word in words}
    event, at = uuid.uuid4().hex, moment(clock.now())
    about_kind, about_id = about.subject or ("", None)
    kept = json.dumps(words if template is not None else {}, ensure_ascii=False)
    return [
        _Row(
            user_id,
            title[:TITLE_MAX],
            body,
            url,
            at,
            about.kind.value,
            about.urgent,
            about.site_id,
            about_kind,
            about_id,
            event,
            about.key or None,
            about.template if template is not None else "",
            kept,
        )
        for user_id in sorted(message.user_ids & present)
    ]


def notify_role(
    role: str,
    site_id: int,
    title: str,
    body: str = "",
    url: str = "",
    about: About = NOTHING_SPECIAL,
    *,
    besides: Iterable[int] = (),
) -> int:
    """Tell who has the role at the site and is there now, except the people in `besides` (usually who acted)."""
    told = present_with_role(role, site_id) - set(besides)
    return notify_people(told, title, body, url, replace(about, site_id=about.site_id or site_id))


def notices_of(*, actor: Actor, unread_only: bool = False, kind: str = "") -> QuerySet[Notice]:
    """The actor's own notices, newest first. Nobody reads another's."""
    rows = Notice.objects.none() if actor.user_id is None else Notice.objects.filter(user_id=actor.user_id)
    rows = rows.order_by("-at", "-pk")
    if kind:
        rows = rows.filter(kind=kind)
    return rows.filter(read_at__isnull=True) if unread_only else rows


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


def settle_notices(key: str) -> int:
    """What was told under a key is done with: nobody need read it any more; answers how many had not."""
    return Notice.objects.filter(key=key, read_at__isnull=True).update(read_at=clock.now())


@transaction.atomic
def mark_all_read(*, actor: Actor) -> int:
    """Mark all of one's own notices as read; answers how many were not."""
    return notices_of(actor=actor, unread_only=True).update(read_at=clock.now())
