"""One page per paper: black on white, A4 or slip, with a button that calls the printer."""

from __future__ import annotations

import segno
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET
from markupsafe import Markup

from bihuan.operations.papers import Paper, note_printed, read_paper
from bihuan.web.http import actor_of, page, signed_in


@require_GET
@signed_in
def paper(request: HttpRequest, case_id: int, kind: str) -> HttpResponse:
    """A paper of a case (?copy=yellow for one slip only)."""
    actor = actor_of(request)
    printed = read_paper(case_id, kind, actor=actor)
    note_printed(printed, actor=actor)
    return page(request, f"prints/{printed.kind}.html", {"paper": printed, "qr": _qr(request, printed)})


def paper_address(request: HttpRequest, printed: Paper) -> str:
    """The address a guard's telephone opens, ending in the paper's token: a scanner that types it works as well."""
    return request.build_absolute_uri(reverse("guard:scan", args=(printed.code,)))


def _qr(request: HttpRequest, printed: Paper) -> Markup:
    if not printed.code:
        return Markup()
    code = segno.make(paper_address(request, printed), error="m")
    # Generated here from our own token: nothing of it comes from outside.
    return Markup(code.svg_inline(scale=3, border=0, svgclass="qr-code", omitsize=True))
