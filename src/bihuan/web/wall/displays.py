"""Putting screens up and taking them down."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from bihuan.kernel.errors import BusinessError, NotAllowed
from bihuan.org.displays import displays_of, open_display, revoke_display
from bihuan.org.models import Display
from bihuan.web.admin.tabs import tabs_for
from bihuan.web.http import actor_of, go, page, signed_in, status_of


@never_cache
@require_http_methods(["GET", "POST"])
@signed_in
def listing(request: HttpRequest) -> HttpResponse:
    """The screens of one's sites; a new one shows its address on this answer only."""
    actor = actor_of(request)
    actor.require("display.manage")
    typed: dict[str, str] = {"name": "", "board": request.GET.get("board", "")}
    made: tuple[Display, str] | None = None
    problem: BusinessError | None = None
    if request.method == "POST":
        typed = {"name": request.POST.get("name", ""), "board": request.POST.get("board", "")}
        try:
            screen, token = open_display(site_id=actor.site_id or 0, actor=actor, **typed)
            address = request.build_absolute_uri(reverse("wall:display", args=(token,)))
            made, typed = (screen, address), {"name": "", "board": ""}
        except NotAllowed:
            raise
        except BusinessError as error:
            problem = error
    context = {
        "tabs": tabs_for(actor, "displays"), "displays": displays_of(actor=actor), "boards": Display.Board.choices,
        "typed": typed, "made": made, "problem": problem,
    }  # fmt: skip
    return page(request, "wall/displays.html", context, status=status_of(problem) if problem else 200)


@require_POST
@signed_in
def revoke(request: HttpRequest, display_id: int) -> HttpResponse:
    """The screen goes dark at its next look."""
    screen = revoke_display(display_id, actor=actor_of(request))
    return go(request, reverse("wall:displays"), f"“{screen.name}”已停用，几秒内不再显示数据")
