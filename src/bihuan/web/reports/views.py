"""One page of figures, each with its definition."""

from __future__ import annotations

from datetime import date

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from bihuan.kernel.errors import BusinessError, NotAllowed
from bihuan.operations.pages.reports import reports_page
from bihuan.web.http import actor_of, page, signed_in, status_of


@require_GET
@signed_in
def home(request: HttpRequest) -> HttpResponse:
    """The reports of the site; ?since= and ?until= are days."""
    actor = actor_of(request)
    problem: BusinessError | None = None
    try:
        shown = reports_page(_day(request, "since"), _day(request, "until"), actor=actor)
    except NotAllowed:
        raise
    except BusinessError as error:
        problem, shown = error, reports_page(None, None, actor=actor)
    context = {"shown": shown, "problem": problem.message if problem else ""}
    return page(request, "reports/home.html", context, status=status_of(problem) if problem else 200)


def _day(request: HttpRequest, name: str) -> date | None:
    try:
        return date.fromisoformat(request.GET.get(name, ""))
    except ValueError:
        return None
