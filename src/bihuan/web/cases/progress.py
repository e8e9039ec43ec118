"""What the waiting customer sees on the telephone, and the code that leads there (AUTO-14)."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from bihuan.kernel.errors import NotFound
from bihuan.operations.pages.progress import progress_token, read_progress
from bihuan.web.cases.codes import progress_code
from bihuan.web.http import actor_of, page, signed_in


@require_GET
def progress(request: HttpRequest, token: str) -> HttpResponse:
    """Open to whoever has the token; says nothing but plate (covered), stage, promised time and adviser."""
    try:
        context = {"progress": read_progress(token), "gone": ""}
        status = 200
    except NotFound as gone:
        context, status = {"progress": None, "gone": gone.message}, 404
    response = render(request, "cases/progress.html", context, status=status)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex"
    return response


@require_GET
@signed_in
def code(request: HttpRequest, case_id: int) -> HttpResponse:
    """A fresh code to show to the customer."""
    token = progress_token(case_id, actor=actor_of(request))
    return page(request, "cases/_code.html", {"code": progress_code(request, token)})
