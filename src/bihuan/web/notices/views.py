"""Reading one's notices, the bell that looks by itself, and choosing what comes by which channel."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bihuan.accounts.models import User
from bihuan.kernel.errors import BusinessError, NotAllowed
from bihuan.notify.bell import bell_of, notice_page, urgent_since
from bihuan.notify.kinds import CHOICES, EXAMPLES, Medium, NoticeKind
from bihuan.notify.notices import mark_all_read, mark_read
from bihuan.notify.personal import personal_settings, save_personal
from bihuan.records.copies import unread_copies
from bihuan.web.http import actor_of, go, notify, page, signed_in

STOP_ASKING = 286
"""htmx ends a poll on this status: whoever was signed out is not thrown off the page they are filling in."""


@require_GET
@signed_in
def centre(request: HttpRequest) -> HttpResponse:
    """One's notices with filters; the address is the view."""
    typed = request.GET
    number = typed.get("page", "1")
    found = notice_page(
        actor=actor_of(request),
        unread_only=typed.get("unread") == "1",
        kind=typed.get("kind", ""),
        number=int(number) if number.isascii() and number.isdecimal() and len(number) < 8 else 1,
    )
    state = {"unread": "1" if found.unread_only else "", "kind": found.kind}

    def address(**changed: str) -> str:
        return "?" + urlencode({key: value for key, value in {**state, **changed}.items() if value})

    context = {
        "found": found,
        "query": address()[1:],
        "states": [
            {"label": "全部", "href": address(unread=""), "current": not found.unread_only},
            {"label": "未读", "href": address(unread="1"), "current": found.unread_only},
        ],
        "kinds": [
            {"label": label, "href": address(kind=key), "current": key == found.kind}
            for key, label in [("", "全部类别"), *NoticeKind.choices]
        ],
    }
    return page(request, "notices/centre.html", context)


@require_GET
@signed_in
def open_notice(request: HttpRequest, notice_id: int) -> HttpResponse:
    """Mark a notice as read and go where it leads."""
    notice = mark_read(notice_id, actor=actor_of(request))
    return go(request, notice.url or reverse("notices:centre"))


@require_POST
@signed_in
def read_all(request: HttpRequest) -> HttpResponse:
    """Mark all of one's notices as read."""
    count = mark_all_read(actor=actor_of(request))
    return go(request, reverse("notices:centre"), f"{count} 条通知已标为已读" if count else "没有未读通知")


@require_GET
def live(request: HttpRequest) -> HttpResponse:
    """What the bell asks every quarter of a minute: nothing when nothing changed, else the bell anew, and how many
    copies are unread.

    Three small queries (session, person, bell). Urgent notices since then come as a message on the page.
    """
    if not isinstance(request.user, User) or not request.user.is_active:
        return HttpResponse(status=STOP_ASKING, headers={"HX-Reswap": "none"})
    bell, seen = bell_of(request.user.pk, unread_copies(request.user.pk)), request.GET.get("seen", "")
    if seen == bell.mark:
        return HttpResponse(status=204)
    response = render(request, "notices/_live.html", {"bell": bell})
    last = seen.rpartition("-")[2]
    known = int(last) if last.isascii() and last.isdecimal() and len(last) < 18 else bell.newest
    urgent = urgent_since(request.user.pk, known) if bell.newest > known else []
    if urgent:
        notify(response, "；".join(notice.title for notice in urgent), tone="urgent")
    return response


@require_http_methods(["GET", "POST"])
@signed_in
def settings(request: HttpRequest) -> HttpResponse:
    """One's own choices: channels by kind, addresses, quiet hours, digest."""
    actor = actor_of(request)
    held = personal_settings(actor=actor)
    contact = held.contact
    typed: dict[str, Any] = {
        "mail": contact.mail,
        "phone": contact.phone,
        "quiet_from": contact.quiet_from.strftime("%H:%M") if contact.quiet_from else "",
        "quiet_until": contact.quiet_until.strftime("%H:%M") if contact.quiet_until else "",
        "digest_at": contact.digest_at.strftime("%H:%M"),
    }
    choices = {(kind, medium): held.choices[kind][medium] for kind in NoticeKind.values for medium in Medium.values}
    problem: BusinessError | None = None
    if request.method == "POST":
        typed = {key: request.POST.get(key, "")[:200] for key in typed}
        choices = {key: request.POST.get(f"{key[0]}-{key[1]}", usual)[:8] for key, usual in choices.items()}
        try:
            save_personal(actor=actor, choices=choices, **typed)
        except NotAllowed:
            raise
        except BusinessError as error:
            problem = error
        else:
            return go(request, reverse("notices:settings"), "通知设置已保存")
    context = {
        "typed": typed, "problem": problem, "held": held, "choices": choices, "media": Medium.choices,
        "missing": [label for medium, label in Medium.choices if medium not in held.connected],
        "kinds": [(key, label, EXAMPLES[key]) for key, label in NoticeKind.choices],
        "offered": {medium: [(when.value, when.label) for when in found] for medium, found in CHOICES.items()},
    }  # fmt: skip
    return page(request, "notices/settings.html", context, status=422 if problem else 200)
