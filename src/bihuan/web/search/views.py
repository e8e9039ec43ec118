"""One box that understands plate, phone tail, name, pinyin initials and document number."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from bihuan.operations.pages.searching import search
from bihuan.web.http import actor_of, page, signed_in


@require_GET
@signed_in
def results(request: HttpRequest) -> HttpResponse:
    """What was found; as a short list under the box while typing, as a page after Enter."""
    typed = request.GET.get("q", "").strip()[:60]
    actor = actor_of(request)
    found = search(typed, actor=actor) if typed else None
    return page(request, "search/page.html", {"typed": typed, "found": found}, part="search/_hits.html")
