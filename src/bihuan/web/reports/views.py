"""The report of a period."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from bihuan.operations.pages.reports import report
from bihuan.web.http import actor_of, page, signed_in


@require_GET
@signed_in
def home(request: HttpRequest) -> HttpResponse:
    """Limits, calls, stamps and satisfaction, each with its definition."""
    return page(request, "reports/home.html", {"shown": report(request.GET.dict(), actor=actor_of(request))})
