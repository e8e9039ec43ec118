"""From notices to messages: by which channels each notice goes out, and when. After the commit, by any worker, once.

What a message is called follows from what it tells (event, person, channel; for a digest the person and its moment),
so planning again after a crash finds the message already there. All of one planning is one transaction.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction

from bihuan.notify.channels.registry import KINDS
from bihuan.notify.choosing import Reach, reach_of
from bihuan.notify.kinds import Medium, When
from bihuan.notify.models import Channel, Delivery, Message, Notice
from bihuan.notify.templates import BODY_MAX, TITLE_MAX
from bihuan.notify.texts import clip, one_line
from bihuan.org.models import Site

BATCH = 200
_NAMES = uuid.UUID("5c3f8f1e-2c8a-4b0c-9b8e-0d7a3b1f6e24")
_DAY = timedelta(days=1)


@dataclass(slots=True)
class Planned:
    """A message to be, with the notices it carries."""

    message: Message
    notices: list[Notice] = field(default_factory=list)
    is_collecting: bool = False


def plan_notices(now: datetime, *, limit: int = BATCH) -> int:
    """Plan the notices nobody has planned yet; answers how many. Other workers' rows are skipped."""
    # Looking first takes no lock: an idle worker stands in nobody's way on SQLite.
    if not Notice.objects.filter(planned_at__isnull=True).exists():
        return 0
    with transaction.atomic():
        notices = _claim(limit)
        Notice.objects.filter(pk__in=[notice.pk for notice in notices]).update(planned_at=now)
        channels = list(Channel.objects.filter(is_active=True, kind__in=KINDS).select_related("site"))
        if channels and notices:
            _store(_plan(notices, channels, now))
    return len(notices)


def _claim(limit: int) -> list[Notice]:
    rows = Notice.objects.select_for_update(skip_locked=True, of=("self",)).filter(planned_at__isnull=True)
    first = list(rows.order_by("pk")[:limit])
    events = {notice.event for notice in first if notice.event}
    # The rest of an event belongs into the same message to a group.
    rest = rows.filter(event__in=events).exclude(pk__in=[notice.pk for notice in first]) if len(first) == limit else ()
    return [*first, *rest]


def _plan(notices: Sequence[Notice], channels: Sequence[Channel], now: datetime) -> list[Planned]:
    people = reach_of(notice.user_id for notice in notices)
    sites = {notice.site_id or people[notice.user_id].site_id for notice in notices}
    paths = dict(Site.objects.filter(pk__in=[site for site in sites if site]).values_list("pk", "path"))
    planned: dict[str, Planned] = {}
    by_event: dict[str, list[Notice]] = defaultdict(list)
    for notice in notices:
        by_event[notice.event or f"notice {notice.pk}"].append(notice)
    for event, told in by_event.items():
        where = told[0].site_id or people[told[0].user_id].site_id
        serving = [channel for channel in channels if paths.get(where or 0, "").startswith(channel.site.path)]
        for channel in serving:
            if KINDS[channel.kind].medium == Medium.GROUP:
                _plan_group(planned, channel, event, told, people, now)
        for notice in told:
            for channel in _personal(serving):
                _plan_personal(planned, channel, event, notice, people[notice.user_id], now)
    return list(planned.values())


def channel_at(site: Site, medium: Medium) -> Channel | None:
    """The channel by which a site reaches people by mail or SMS: the nearest one; None where none serves it."""
    serving = Channel.objects.filter(is_active=True, kind__in=KINDS).select_related("site")
    nearest = _personal(channel for channel in serving if site.path.startswith(channel.site.path))
    return next((channel for channel in nearest if KINDS[channel.kind].medium == medium), None)


def plan_outside(
    name: str, channel: Channel, site: Site, *, to: str, address: str, title: str, body: str, at: datetime
) -> Message:
    """A message from a site to somebody outside the house, not before `at`. The same `name` again: the same message."""
    message, _ = Message.objects.get_or_create(
        uid=uuid.uuid5(_NAMES, f"outside {name}").hex,
        defaults={
            "channel": channel, "site": site, "recipient": to, "address": address,
            "title": clip(one_line(title), TITLE_MAX), "body": clip(body, BODY_MAX), "due_at": at, "run_at": at,
        },
    )  # fmt: skip
    return message


def _personal(serving: Iterable[Channel]) -> list[Channel]:
    """For mail and for SMS the one channel nearest to the site."""
    nearest: dict[Medium, Channel] = {}
    for channel in sorted(serving, key=lambda channel: len(channel.site.path)):
        medium = KINDS[channel.kind].medium
        if medium != Medium.GROUP:
            nearest[medium] = channel
    return list(nearest.values())


def _plan_group(
    planned: dict[str, Planned],
    channel: Channel,
    event: str,
    told: Sequence[Notice],
    people: dict[int, Reach],
    now: datetime,
) -> None:
    notice = told[0]
    if (channel.kinds and notice.kind not in channel.kinds) or (channel.only_urgent and not notice.is_urgent):
        return
    wanted = set(channel.roles)
    concerned = [one for one in told if not wanted or wanted & people[one.user_id].roles]
    if not concerned:
        return
    mentions = [
        one.user_id
        for one in concerned
        if people[one.user_id].when(one.kind, Medium.GROUP, urgent=one.is_urgent) == When.NOW
        and (one.is_urgent or people[one.user_id].quiet_end(now) is None)
    ]
    made = _message(planned, channel, f"{event} {channel.pk}", notice, now)
    made.message.mentions = mentions
    made.notices += concerned


def _plan_personal(
    planned: dict[str, Planned], channel: Channel, event: str, notice: Notice, person: Reach, now: datetime
) -> None:
    medium = KINDS[channel.kind].medium
    when = person.when(notice.kind, medium, urgent=notice.is_urgent)
    if when == When.OFF or not person.address(medium):
        return
    later = person.next_digest(now) if when == When.DIGEST else None
    if later is None and not notice.is_urgent:
        later = person.quiet_end(now)
    # What waits for the same moment goes in one message.
    name = f"{channel.pk} {person.user_id} " + (later.isoformat() if later else event)
    made = _message(planned, channel, name, notice, later or now, user_id=person.user_id)
    made.is_collecting = later is not None
    made.notices.append(notice)


def _message(
    planned: dict[str, Planned],
    channel: Channel,
    name: str,
    notice: Notice,
    due_at: datetime,
    user_id: int | None = None,
) -> Planned:
    uid = uuid.uuid5(_NAMES, name).hex
    if uid not in planned:
        planned[uid] = Planned(
            Message(
                uid=uid, channel=channel, user_id=user_id, site_id=notice.site_id, due_at=due_at, run_at=due_at,
                is_urgent=notice.is_urgent,
            )
        )  # fmt: skip
    return planned[uid]


def _store(planned: Sequence[Planned]) -> None:
    Message.objects.bulk_create([one.message for one in planned], ignore_conflicts=True)
    uids = [one.message.uid for one in planned]
    held = {message.uid: message for message in Message.objects.select_for_update(of=("self",)).filter(uid__in=uids)}
    missed = [one for one in planned if one.is_collecting and held[one.message.uid].attempts]
    Delivery.objects.bulk_create(
        [
            Delivery(notice=notice, message=held[one.message.uid])
            for one in planned
            if one not in missed
            for notice in one.notices
        ],
        ignore_conflicts=True,
    )
    if missed:
        _store([_a_day_later(one) for one in missed])


def _a_day_later(missed: Planned) -> Planned:
    """A digest that left between our looking and our writing: what it missed goes with the next one."""
    old = missed.message
    due_at = old.due_at + _DAY
    name = f"{old.channel_id} {old.user_id} {due_at.isoformat()}"
    uid = uuid.uuid5(_NAMES, name).hex
    message = Message(
        uid=uid, channel_id=old.channel_id, user_id=old.user_id, site_id=old.site_id, due_at=due_at, run_at=due_at,
        is_urgent=old.is_urgent,
    )  # fmt: skip
    return Planned(message, missed.notices, is_collecting=True)
