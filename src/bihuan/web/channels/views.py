"""The administrator's pages of notice channels."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bihuan.kernel.errors import BusinessError, Conflict, NotAllowed, NotFound
from bihuan.notify.administration import (
    ChannelForm,
    change_channel,
    channels_of,
    connect_channel,
    managed_channel,
    messages_of,
    send_again,
    sites_for_channels,
    try_channel,
)
from bihuan.notify.channels.registry import KINDS, channel_kind
from bihuan.notify.channels.transport import ChannelKind
from bihuan.notify.kinds import NoticeKind
from bihuan.notify.models import Channel, Message
from bihuan.notify.retention import may_set_retention, retain_days, set_notice_retention
from bihuan.operations.pages.administration import roles
from bihuan.org.actor import Actor
from bihuan.web.admin.tabs import tabs_for
from bihuan.web.http import actor_of, go, page, signed_in

VALUE_MAX = 5000


@require_GET
@signed_in
def listing(request: HttpRequest) -> HttpResponse:
    """What is connected, what can be, and for how long notices are kept."""
    actor = actor_of(request)
    context = {
        "tabs": tabs_for(actor, "notices"), "lines": channels_of(actor=actor), "kinds": list(KINDS.values()),
        "retain_days": retain_days(), "may_set_retention": may_set_retention(actor),
    }  # fmt: skip
    return page(request, "channels/list.html", context)


@require_POST
@signed_in
def retention(request: HttpRequest) -> HttpResponse:
    """For how long notices are kept."""
    typed, here = request.POST.get("days", "").strip(), reverse("channels:list")
    try:
        if typed and _number(typed) is None:
            raise BusinessError("保存天数须为整数", "days")
        set_notice_retention(_number(typed), actor=actor_of(request))
    except NotAllowed:
        raise
    except BusinessError as error:
        return go(request, here, error.message, tone="bad")
    return go(request, here, "保存期限已更改")


@require_http_methods(["GET", "POST"])
@signed_in
def connect(request: HttpRequest, kind: str) -> HttpResponse:
    """A new channel."""
    actor = actor_of(request)
    chosen, sites = channel_kind(kind), sites_for_channels(actor=actor)
    if request.method != "POST":
        values = {one.name: one.default for one in chosen.settings}
        return _form(request, actor, chosen, ChannelForm(chosen.label, values), sites=sites, site_id=actor.site_id)
    form, site_id = _read(request, chosen), _number(request.POST.get("site", ""))
    try:
        made = connect_channel(chosen.key, site_id or 0, form, actor=actor)
    except (NotAllowed, NotFound):
        raise
    except BusinessError as error:
        return _form(request, actor, chosen, form, sites=sites, site_id=site_id, problem=error)
    return go(request, reverse("channels:channel", args=(made.pk,)), f"“{made.name}”已接通，请试发一条")


@require_http_methods(["GET", "POST"])
@signed_in
def channel(request: HttpRequest, channel_id: int) -> HttpResponse:
    """One channel: its settings, a test message, what it sent last."""
    actor = actor_of(request)
    held = managed_channel(channel_id, actor=actor)
    kind = channel_kind(held.kind)
    if request.method != "POST":
        return _form(request, actor, kind, _held(held), channel=held)
    form = _read(request, kind)
    try:
        changed = change_channel(channel_id, form, actor=actor, version=_number(request.POST.get("version", "")) or 0)
    except (NotAllowed, NotFound, Conflict):
        raise
    except BusinessError as error:
        return _form(request, actor, kind, form, channel=held, problem=error)
    return go(request, reverse("channels:channel", args=(channel_id,)), f"“{changed.name}”已保存")


@require_POST
@signed_in
def try_out(request: HttpRequest, channel_id: int) -> HttpResponse:
    """Send a test message at once; a refusal is shown with its reason."""
    actor = actor_of(request)
    here = reverse("channels:channel", args=(channel_id,))
    try:
        said = try_channel(channel_id, actor=actor, address=request.POST.get("address", ""))
    except (NotAllowed, NotFound):
        raise
    except BusinessError as error:
        return go(request, here, error.message, tone="bad")
    return go(request, here, said)


@require_GET
@signed_in
def messages(request: HttpRequest) -> HttpResponse:
    """What went out, waits, or was not delivered."""
    actor = actor_of(request)
    status, channel_id = request.GET.get("status", ""), _number(request.GET.get("channel", ""))
    number = _number(request.GET.get("page", "")) or 1
    found = messages_of(actor=actor, channel_id=channel_id, status=status, number=number)
    lines = channels_of(actor=actor)

    def address(**changed: object) -> str:
        state = {"status": status, "channel": channel_id, **changed}
        return "?" + urlencode({key: value for key, value in state.items() if value})

    context = {
        "found": found,
        "query": address(),
        "states": [
            {"label": label, "href": address(status=key), "current": key == status}
            for key, label in [("", "全部"), *Message.Status.choices]
        ],
        "channels": [
            {"label": label, "href": address(channel=pk), "current": pk == channel_id}
            for pk, label in [(None, "所有渠道"), *((line.channel.pk, line.channel.name) for line in lines)]
        ],
    }
    return page(request, "channels/messages.html", context)


@require_POST
@signed_in
def again(request: HttpRequest) -> HttpResponse:
    """Send the chosen failed messages again."""
    chosen = [number for text in request.POST.getlist("message") if (number := _number(text)) is not None]
    count = send_again(chosen, actor=actor_of(request))
    said = f"{count} 条已重新排队发送" if count else "没有选中发送失败的消息"
    return go(request, reverse("channels:messages") + "?status=failed", said, tone="ok" if count else "bad")


def _form(
    request: HttpRequest,
    actor: Actor,
    kind: ChannelKind,
    form: ChannelForm,
    *,
    channel: Channel | None = None,
    sites: object = (),
    site_id: int | None = None,
    problem: BusinessError | None = None,
) -> HttpResponse:
    context: dict[str, Any] = {
        "kind": kind, "form": form, "channel": channel, "sites": sites, "site_id": site_id, "problem": problem,
        "notice_kinds": NoticeKind.choices, "all_roles": [] if kind.is_personal else roles(),
        "last": messages_of(actor=actor, channel_id=channel.pk).messages[:5] if channel is not None else [],
    }  # fmt: skip
    return page(request, "channels/channel.html", context, status=422 if problem else 200)


def _held(channel: Channel) -> ChannelForm:
    return ChannelForm(
        name=channel.name,
        values=channel.settings,
        kinds=tuple(channel.kinds),
        roles=tuple(channel.roles),
        only_urgent=channel.only_urgent,
        is_active=channel.is_active,
    )


def _read(request: HttpRequest, kind: ChannelKind) -> ChannelForm:
    post = request.POST
    return ChannelForm(
        name=post.get("name", "")[:200],
        values={one.name: post.get(f"set-{one.name}", "")[:VALUE_MAX] for one in kind.settings},
        kinds=tuple(post.getlist("kinds")),
        roles=tuple(post.getlist("roles")),
        only_urgent=post.get("only_urgent") == "1",
        is_active=post.get("is_active") == "1",
    )


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 18 else None
