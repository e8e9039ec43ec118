"""Connecting channels, trying them out, and looking after what could not be delivered. Needs `admin.notices`."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count, Prefetch

from bihuan.audit.log import record
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, Conflict, NotFound
from bihuan.notify.channels.registry import KINDS, channel_kind
from bihuan.notify.channels.transport import ChannelKind, Outgoing, TransportError
from bihuan.notify.choosing import reach_of
from bihuan.notify.composing import addressee
from bihuan.notify.kinds import NoticeKind
from bihuan.notify.models import Channel, Message, Notice
from bihuan.notify.outbox import revive, send_through
from bihuan.notify.sealing import sealed
from bihuan.notify.texts import plain
from bihuan.org.actor import Actor
from bihuan.org.models import Role, Site

MANAGE = "admin.notices"
NAME_MAX = 60
VALUE_MAX = 4000
PAGE_SIZE = 30
MAX_PAGE = 1000
DESTINATION = frozenset({"url", "host", "port", "security"})
"""Settings that say where secrets are sent: changing one asks for the secrets again."""


@dataclass(frozen=True, slots=True)
class ChannelLine:
    """A channel in the list: how much waits and how much could not be delivered."""

    channel: Channel
    kind: ChannelKind
    waiting: int
    failed: int


def channels_of(*, actor: Actor) -> list[ChannelLine]:
    """The channels of the sites where the actor manages them; three queries."""
    _require_somewhere(actor)
    rows = Channel.objects.filter(site_id__in=actor.sites_allowing(MANAGE), kind__in=KINDS).select_related("site")
    channels = list(rows.order_by("site__path", "pk"))
    waiting, failed = (_counts(channels, status) for status in (Message.Status.WAITING, Message.Status.FAILED))
    return [
        ChannelLine(channel, KINDS[channel.kind], waiting.get(channel.pk, 0), failed.get(channel.pk, 0))
        for channel in channels
    ]


def _counts(channels: Iterable[Channel], status: str) -> dict[int, int]:
    rows = Message.objects.filter(channel__in=channels, status=status).values_list("channel_id")
    return dict(rows.annotate(count=Count("pk")))


def managed_channel(channel_id: int, *, actor: Actor) -> Channel:
    """One channel to be changed. Raises NotFound for those of other sites."""
    _require_somewhere(actor)
    rows = Channel.objects.select_related("site").filter(site_id__in=actor.sites_allowing(MANAGE), kind__in=KINDS)
    channel = rows.filter(pk=channel_id).first()
    if channel is None:
        raise NotFound("没有这个通知渠道")
    return channel


def sites_for_channels(*, actor: Actor) -> list[Site]:
    """The sites a channel may be made for."""
    _require_somewhere(actor)
    return list(Site.objects.filter(pk__in=actor.sites_allowing(MANAGE), is_active=True).order_by("path"))


@dataclass(frozen=True, slots=True)
class ChannelForm:
    """What an administrator filled in. `values` by setting; an empty secret keeps the one that is there."""

    name: str
    values: Mapping[str, str]
    kinds: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    only_urgent: bool = False
    is_active: bool = True


@transaction.atomic
def connect_channel(kind_key: str, site_id: int, form: ChannelForm, *, actor: Actor) -> Channel:
    """Make a channel for a site and those below it. Refuses settings that cannot work, at their field."""
    actor.require(MANAGE, site_id)
    kind = channel_kind(kind_key)
    channel = Channel(site_id=site_id, kind=kind.key)
    _fill(channel, kind, form)
    channel.save()
    record(
        actor_id=actor.user_id,
        action="channel.connect",
        chain=f"channel:{channel.pk}",
        site_id=site_id,
        data={"kind": kind.key, **_shown(channel)},
    )
    return channel


@transaction.atomic
def change_channel(channel_id: int, form: ChannelForm, *, actor: Actor, version: int) -> Channel:
    """Change a channel; one that is switched off sends nothing that still waits, which can be sent again by hand.

    Raises Conflict when somebody changed it since it was shown.
    """
    channel = managed_channel(channel_id, actor=actor)
    before, secrets = _shown(channel), dict(channel.secrets)
    _fill(channel, KINDS[channel.kind], form)
    after = _shown(channel)
    changed = Channel.objects.filter(pk=channel.pk, version=version).update(
        name=channel.name,
        settings=channel.settings,
        secrets=channel.secrets,
        kinds=channel.kinds,
        roles=channel.roles,
        only_urgent=channel.only_urgent,
        is_active=channel.is_active,
        rests_until=None,
        version=version + 1,
    )
    if not changed:
        raise Conflict("别人刚刚改过这个渠道，请刷新后再改")
    if not channel.is_active:
        Message.objects.filter(channel_id=channel.pk, status=Message.Status.WAITING).update(
            status=Message.Status.FAILED, last_error="渠道已停用", done_at=clock.now(), lease_until=None
        )
    new_secrets = sorted(name for name, stored in channel.secrets.items() if secrets.get(name) != stored)
    record(
        actor_id=actor.user_id,
        action="channel.change",
        chain=f"channel:{channel.pk}",
        site_id=channel.site_id,
        before=before,
        after={**after, **({"new_secrets": new_secrets} if new_secrets else {})},
    )
    return channel


def try_channel(channel_id: int, *, actor: Actor, address: str = "") -> str:
    """Send a test message at once, outside any transaction; answers what happened in words.

    What the receiver refuses is a BusinessError with its reason.
    """
    channel = managed_channel(channel_id, actor=actor)
    kind = KINDS[channel.kind]
    if kind.is_personal and not address.strip():
        raise BusinessError("请填写试发的地址", "address")
    me = reach_of([actor.user_id])[actor.user_id] if actor.user_id is not None else None
    message = Outgoing(
        uid=uuid.uuid4().hex,
        title="试发通知",
        body=f"{actor.name} 正在测试通知渠道“{channel.name}”，收到即表示接通。",
        kind="test",
        at=clock.now(),
        address=plain(address.strip())[:160],
        recipient=actor.name,
        site_code=channel.site.code,
        told=(addressee(me),) if me is not None and not kind.is_personal else (),
    )
    said, failed = "", None
    try:
        said = send_through(channel, message)
    except TransportError as error:
        failed = error
    with transaction.atomic():
        data = {"said": said} if failed is None else {"refused": str(failed)}
        chain = f"channel:{channel.pk}"
        record(actor_id=actor.user_id, action="channel.try", chain=chain, site_id=channel.site_id, data=data)
    if failed is not None:
        raise BusinessError(f"没有发出去：{failed}", "address") from failed
    Channel.objects.filter(pk=channel.pk).update(rests_until=None)
    return f"已发出{f'，回执 {said}' if said not in {'', 'ok'} else ''}，请到对方那里看一看"


@dataclass(frozen=True, slots=True)
class MessagePage:
    """Messages of the actor's channels, newest first, with what each of them says."""

    messages: list[Message]
    number: int
    has_more: bool


def messages_of(*, actor: Actor, channel_id: int | None = None, status: str = "", number: int = 1) -> MessagePage:
    """What went out, waits or failed by the channels the actor manages; three queries whatever is shown."""
    _require_somewhere(actor)
    rows = Message.objects.filter(channel__site_id__in=actor.sites_allowing(MANAGE))
    if channel_id is not None:
        rows = rows.filter(channel_id=channel_id)
    if status in Message.Status.values:
        rows = rows.filter(status=status)
    number = min(max(number, 1), MAX_PAGE)
    told = Prefetch("notices", Notice.objects.select_related("user").order_by("at", "pk"))
    shown = rows.select_related("channel", "user").prefetch_related(told).order_by("-pk")
    found = list(shown[(number - 1) * PAGE_SIZE : number * PAGE_SIZE + 1])
    return MessagePage(found[:PAGE_SIZE], number, len(found) > PAGE_SIZE)


@transaction.atomic
def send_again(message_ids: Iterable[int], *, actor: Actor) -> int:
    """Give failed messages another life; answers how many. Those of other sites are left alone."""
    _require_somewhere(actor)
    wanted = list(message_ids)[:500]
    rows = Message.objects.filter(
        pk__in=wanted, status=Message.Status.FAILED, channel__site_id__in=actor.sites_allowing(MANAGE)
    )
    found = list(rows.values_list("pk", "channel_id", "channel__site_id"))
    revived = revive([pk for pk, _, _ in found])
    for channel_id, site_id in sorted({(channel, site) for _, channel, site in found}):
        numbers = [pk for pk, channel, _ in found if channel == channel_id]
        chain = f"channel:{channel_id}"
        data = {"messages": numbers}
        record(actor_id=actor.user_id, action="channel.send_again", chain=chain, site_id=site_id, data=data)
    return revived


def _require_somewhere(actor: Actor) -> None:
    if not actor.can_anywhere(MANAGE):
        actor.require(MANAGE)


def _fill(channel: Channel, kind: ChannelKind, form: ChannelForm) -> None:
    name = form.name.strip()
    if not name or len(name) > NAME_MAX:
        raise BusinessError(f"请填写名称，最多 {NAME_MAX} 个字", "name")
    shown, secrets = _settings(channel, kind, form.values)
    unknown = set(form.kinds) - set(NoticeKind.values)
    if unknown:
        raise BusinessError(f"没有这种通知：{min(unknown)}", "kinds")
    known = set(Role.objects.filter(key__in=form.roles).values_list("key", flat=True))
    if set(form.roles) - known:
        raise BusinessError(f"没有角色 {min(set(form.roles) - known)}", "roles")
    channel.name, channel.settings, channel.secrets = name, shown, secrets
    channel.kinds = [] if kind.is_personal else sorted(form.kinds)
    channel.roles = [] if kind.is_personal else sorted(form.roles)
    channel.only_urgent, channel.is_active = form.only_urgent and not kind.is_personal, form.is_active


def _settings(channel: Channel, kind: ChannelKind, values: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """What may be shown, and the sealed secrets; checked together with what a secret would be."""
    shown: dict[str, str] = {}
    secrets: dict[str, str] = {}
    moved = any(
        channel.settings.get(one.name, one.default) != values.get(one.name, "").strip()
        for one in kind.settings
        if one.name in DESTINATION and not one.secret
    )
    trial: dict[str, str] = {}
    for one in kind.settings:
        typed = plain(values.get(one.name, "")).strip()
        held = channel.secrets.get(one.name, "") if one.secret else ""
        if held and not typed and moved:
            raise BusinessError(f"换了对方的地址，请重新填写{one.label}", one.name)
        if one.required and not typed and not held:
            raise BusinessError(f"请填写{one.label}", one.name)
        if len(typed) > VALUE_MAX:
            raise BusinessError(f"{one.label}太长了", one.name)
        if one.choices and typed not in dict(one.choices):
            raise BusinessError(f"请选择{one.label}", one.name)
        if not one.secret:
            shown[one.name] = trial[one.name] = typed
        elif typed:
            secrets[one.name] = sealed(typed, one.name)
            trial[one.name] = typed
        elif held:
            secrets[one.name] = held
    if all(one.name in trial or not one.required for one in kind.settings) and not _by_reference(trial):
        kind.check({one.name: trial.get(one.name, "") for one in kind.settings})
    return shown, secrets


def _by_reference(values: Mapping[str, str]) -> bool:
    """Whether a value stands in the environment of the server and cannot be checked here."""
    return any(value.startswith("env:") for value in values.values())


def _shown(channel: Channel) -> dict[str, object]:
    """What the audit log may know of a channel: never a secret."""
    return {
        "name": channel.name,
        "settings": dict(channel.settings),
        "kinds": list(channel.kinds),
        "roles": list(channel.roles),
        "only_urgent": channel.only_urgent,
        "is_active": channel.is_active,
    }
