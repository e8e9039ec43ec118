"""What a message says: one notice in the words of its template for this channel, or several as a list."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from django.conf import settings

from bihuan.notify.channels.registry import KINDS
from bihuan.notify.channels.transport import Addressee, Outgoing
from bihuan.notify.choosing import Reach, reach_of
from bihuan.notify.models import Message, Notice
from bihuan.notify.templates import BODY_MAX, template_for
from bihuan.notify.texts import clip

MAX_LISTED = 40


def compose(message: Message) -> Outgoing | None:
    """The message in plain words; None when its person can no longer be reached this way."""
    if message.address:
        return _outside(message)
    kind = KINDS[message.channel.kind]
    notices = list(message.notices.select_related("user", "site").order_by("at", "pk"))
    people = reach_of({notice.user_id for notice in notices} | ({message.user_id} if message.user_id else set()))
    person = people.get(message.user_id or 0)
    address = person.address(kind.medium) if person is not None else ""
    if not notices or (kind.is_personal and not address):
        return None
    first = notices[0]
    single = not kind.is_personal or len(notices) == 1
    title, body = _worded(first, kind.key) if single else _listed(notices, person)
    site = first.site
    return Outgoing(
        uid=message.uid,
        title=title,
        body=body,
        kind=first.kind if single else "digest",
        at=first.at if single else message.due_at,
        urgent=message.is_urgent,
        link=_link(first.url if single else "/notices"),
        address=address,
        recipient=person.name if person is not None else "",
        site_code=site.code if site is not None else "",
        about_kind=first.about_kind if single else "",
        about_id=first.about_id if single else None,
        told=tuple(addressee(people[notice.user_id]) for notice in notices) if not kind.is_personal else (),
        mentions=tuple(addressee(people[user_id]) for user_id in message.mentions if user_id in people),
    )


def _outside(message: Message) -> Outgoing:
    """What somebody outside the house gets: the text as it was worded, without links to where they cannot sign in."""
    return Outgoing(
        uid=message.uid,
        title=message.title,
        body=message.body,
        kind="outside",
        at=message.due_at,
        address=message.address,
        recipient=message.recipient,
    )


def _worded(notice: Notice, channel: str) -> tuple[str, str]:
    template = template_for(notice.template, channels=frozenset(KINDS))
    return template.fill(notice.words, channel) if template is not None else (notice.title, notice.body)


def _listed(notices: Sequence[Notice], person: Reach | None) -> tuple[str, str]:
    zone = ZoneInfo((person.zone if person is not None else "") or settings.TIME_ZONE)
    lines = [
        f"{notice.at.astimezone(zone):%m-%d %H:%M} {notice.title}" + (f"（{notice.body}）" if notice.body else "")
        for notice in notices[:MAX_LISTED]
    ]
    if len(notices) > MAX_LISTED:
        lines.append(f"另有 {len(notices) - MAX_LISTED} 条，请登录查看")
    return f"通知汇总：{len(notices)} 条", clip("\n".join(lines), 2 * BODY_MAX)


def _link(path: str) -> str:
    base = str(settings.BIHUAN_ADDRESS).rstrip("/")
    return f"{base}{path}" if base and path else ""


def addressee(person: Reach) -> Addressee:
    """The person as a message names them."""
    return Addressee(person.username, person.name, person.phone)
