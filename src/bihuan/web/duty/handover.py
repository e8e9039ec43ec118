"""Handing somebody's work over: all that a leaver holds, or the open work of somebody on leave."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from bihuan.kernel.errors import BusinessError, NotAllowed, NotFound
from bihuan.operations.duty.handover import hand_over_everything, holdings_of
from bihuan.operations.picking import resolver
from bihuan.org.actor import Actor
from bihuan.web.admin.tabs import tabs_for as admin_tabs
from bihuan.web.duty.tabs import tabs_for
from bihuan.web.http import actor_of, go, page, signed_in


@require_http_methods(["GET", "POST"])
@signed_in
def leaver(request: HttpRequest, user_id: int) -> HttpResponse:
    """What a leaver holds, whom each part goes to, and the end of the account; one transaction."""
    return _wizard(request, user_id, leaving=True)


@require_http_methods(["GET", "POST"])
@signed_in
def work(request: HttpRequest, user_id: int) -> HttpResponse:
    """The open work of somebody who goes on leave."""
    return _wizard(request, user_id, leaving=False)


def _wizard(request: HttpRequest, user_id: int, *, leaving: bool) -> HttpResponse:
    actor = actor_of(request)
    problem: BusinessError | None = None
    if request.method == "POST":
        try:
            done = hand_over_everything(
                user_id, to=_chosen(request, actor), reason=request.POST.get("reason", ""), actor=actor,
                leaving=leaving, work_only=not leaving,
            )  # fmt: skip
        except (NotAllowed, NotFound):
            raise
        except BusinessError as error:
            problem = error
        else:
            back = reverse("admin:person", args=(user_id,)) if leaving else reverse("duty:decisions")
            said = f"{done.person.name}的 {done.count} 项工作已交接" + ("，账号已停用" if leaving else "")
            return go(request, back, said)
    context = {
        "tabs": admin_tabs(actor, "people") if leaving else tabs_for(actor, "decisions"),
        "held": holdings_of(user_id, actor=actor, work_only=not leaving), "leaving": leaving,
        "problem": problem, "typed": request.POST,
    }  # fmt: skip
    return page(request, "duty/handover.html", context, status=422 if problem else 200)


def _chosen(request: HttpRequest, actor: Actor) -> dict[str, int]:
    """Whom each part goes to: found in the box, chosen in the list, or written; what was left open is left out."""
    to: dict[str, int] = {}
    for name in (name for name in request.POST if name.startswith("to-") and name.endswith("-text")):
        part = name.removeprefix("to-").removesuffix("-text")
        number = request.POST.get(f"to-{part}", "") or request.POST.get(f"to-{part}-plain", "")
        written = request.POST.get(name, "").strip()
        if number.isdecimal() and len(number) < 12:
            to[part] = int(number)
        elif written:
            found = resolver(actor.site_id or 0)("person", written)
            if found is None:
                raise BusinessError(f"没有找到同事“{written[:40]}”，请从列表中选择", part)
            to[part] = found
    return to
