"""The single calls behind the share answered within 10 seconds."""

from __future__ import annotations

from dataclasses import replace

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from bihuan.kernel.errors import BusinessError, NotAllowed
from bihuan.operations.pages.call_list import call_list, export_calls
from bihuan.operations.pages.clock_query import ClockQuery
from bihuan.records.calls import ANSWERED, seconds_to_answer
from bihuan.web.downloads import workbook
from bihuan.web.http import actor_of, page, signed_in, status_of

LABELS = {"": "全部", "in_time": "10 秒内接听", "slow": "超 10 秒接听", "missed": "未接通", "ringing": "振铃中"}


@require_GET
@signed_in
def list_calls(request: HttpRequest) -> HttpResponse:
    """Inbound calls by how they were answered; the address is the view."""
    actor, query, show = actor_of(request), ClockQuery.of(request.GET.dict()), _show(request)
    problem: BusinessError | None = None
    try:
        found = call_list(query, show, actor=actor)
    except NotAllowed:
        raise
    except BusinessError as error:
        problem, found = error, call_list(replace(query, since=None, until=None), show, actor=actor)
    tabs = [
        {"label": label, "href": f"?{found.query.address()}&show={key}", "current": key == show, "count": count}
        for key, label in LABELS.items()
        if (count := found.counts.of(key)) or key != "ringing"
    ]
    context = {
        "found": found, "query": found.query, "show": show, "tabs": tabs, "title": LABELS[show],
        "seconds_to_answer": seconds_to_answer, "problem": problem.message if problem else "",
    }  # fmt: skip
    return page(request, "reports/calls.html", context, status=status_of(problem) if problem else 200)


@require_GET
@signed_in
def export_list(request: HttpRequest) -> HttpResponse:
    """Exactly this view as a workbook."""
    return workbook(export_calls(ClockQuery.of(request.GET.dict()), _show(request), actor=actor_of(request)), "calls")


def _show(request: HttpRequest) -> str:
    show = request.GET.get("show", "")
    return show if show in ANSWERED else ""
