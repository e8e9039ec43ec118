"""The board of a screen: the whole page once, then its changing part every few seconds."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.templatetags.static import static
from django.views.decorators.http import require_GET

from bihuan.kernel.errors import NotFound
from bihuan.operations.pages.wallboards import HotlineBoard, WorkshopBoard, hotline_board, workshop_board
from bihuan.org.displays import display_by_token
from bihuan.org.models import Display, Site
from bihuan.org.sites import site_by_id
from bihuan.web.http import actor_of, is_htmx, page, signed_in

BOARDS: dict[str, Callable[[Site], WorkshopBoard | HotlineBoard]] = {
    Display.Board.WORKSHOP: workshop_board,
    Display.Board.HOTLINE: hotline_board,
}


@require_GET
def display(request: HttpRequest, token: str) -> HttpResponse:
    """Open to whoever has the token of a living screen; shows that board and leads nowhere."""
    try:
        screen = display_by_token(token)
    except NotFound as gone:
        if is_htmx(request):
            # The page asks for itself once more and then says what happened.
            return HttpResponse(status=204, headers={"HX-Refresh": "true"})
        return _private(page(request, "wall/gone.html", {"theme": "dark", "gone": gone.message}, status=404))
    return _board(request, screen.site, screen.board)


@require_GET
@signed_in
def preview(request: HttpRequest, board: str) -> HttpResponse:
    """The same board for those who put screens up, at their present site."""
    actor = actor_of(request)
    actor.require("display.manage")
    if board not in BOARDS or actor.site_id is None:
        raise NotFound("没有这个看板")
    return _board(request, site_by_id(actor.site_id), board)


def _board(request: HttpRequest, site: Site, board: str) -> HttpResponse:
    shown = BOARDS[board](site)
    # A new release has other scripts: the screen then loads the whole page again.
    release = static("bihuan/app.js") + static("bihuan/wall.js") + static("bihuan/app.css")
    seen = f"{shown.version}.{sum(release.encode())}"
    if is_htmx(request):
        asked = request.GET.get("seen", "")
        if asked == seen:
            return HttpResponse(status=204)
        if asked.rpartition(".")[2] != seen.rpartition(".")[2]:
            return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    label = Display.Board(board).label
    context = {"theme": "dark", "site": site, "board": shown, "label": label, "seen": seen, "kind": str(board)}
    return _private(page(request, "wall/board.html", context, part="wall/_board.html"))


def _private(response: HttpResponse) -> HttpResponse:
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex"
    return response
