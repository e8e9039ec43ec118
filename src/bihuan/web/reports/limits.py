"""How limits were kept, and the lists of single clocks: late, due today, and behind every figure."""

from __future__ import annotations

from dataclasses import replace

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from bihuan.kernel.errors import BusinessError, NotAllowed
from bihuan.kernel.paging import in_words
from bihuan.operations.pages.clock_list import ClockList, clock_list, export_clocks
from bihuan.operations.pages.clock_query import EVERYWHERE, LATE, OPEN_STATES, STATES, TODAY, Choices, ClockQuery
from bihuan.operations.pages.limit_report import DEFINITION, GROUPINGS, OUTCOMES, export_report, limit_report
from bihuan.web.downloads import workbook
from bihuan.web.http import actor_of, page, signed_in, status_of
from bihuan.web.wording import day


@require_GET
@signed_in
def report(request: HttpRequest) -> HttpResponse:
    """The report; the address is the view."""
    actor, query = actor_of(request), ClockQuery.of(request.GET.dict())
    problem: BusinessError | None = None
    try:
        shown = limit_report(query, actor=actor)
    except NotAllowed:
        raise
    except BusinessError as error:
        problem, shown = error, limit_report(replace(query, since=None, until=None), actor=actor)
    groupings = [
        {"label": label, "href": f"?{shown.query.address(by=key)}", "current": key == query.by}
        for key, label in GROUPINGS.items()
    ]
    context = {
        "shown": shown, "query": shown.query, "choices": shown.choices, "groupings": groupings, "outcomes": OUTCOMES,
        "states": STATES, "definition": DEFINITION, "problem": problem.message if problem else "",
        "chips": _chips(shown.query, shown.choices),
    }  # fmt: skip
    return page(request, "reports/limits.html", context, status=status_of(problem) if problem else 200)


@require_GET
@signed_in
def export_the_report(request: HttpRequest) -> HttpResponse:
    """Exactly this report as a workbook."""
    return workbook(export_report(ClockQuery.of(request.GET.dict()), actor=actor_of(request)), "limits")


@require_GET
@signed_in
def clocks(request: HttpRequest) -> HttpResponse:
    """Single clocks with filters and pages; the address is the view."""
    found = clock_list(ClockQuery.of(request.GET.dict()), actor=actor_of(request))
    query = found.query
    tabs = [
        {
            "label": STATES[key], "href": f"?{query.address(state=key, since=None, until=None)}",
            "current": key == query.state, "count": found.counts[key] and in_words(found.counts[key]),
        }
        for key in (LATE, TODAY)
    ]  # fmt: skip
    if query.state not in (LATE, TODAY):
        tabs.append({"label": STATES[query.state], "href": f"?{query.address()}", "current": True, "count": 0})
    context = {
        "found": found, "query": query, "choices": found.choices, "tabs": tabs, "title": STATES[query.state],
        "open_now": query.state in OPEN_STATES, "chips": _chips(query, found.choices), "empty": _empty(found),
    }  # fmt: skip
    return page(request, "reports/clocks.html", context)


@require_GET
@signed_in
def export_the_clocks(request: HttpRequest) -> HttpResponse:
    """Exactly this view as a workbook."""
    return workbook(export_clocks(ClockQuery.of(request.GET.dict()), actor=actor_of(request)), "clocks")


def _empty(found: ClockList) -> tuple[str, str]:
    query = found.query
    if query.key or query.role or query.person or query.since or query.until:
        return "没有符合条件的时限", "去掉一些筛选再看。"
    if query.state == LATE:
        return "没有超时的工作", "所有带时限的工作都还在时限内。"
    if query.state == TODAY:
        return "今天没有要到期的工作", "今天之内到期、还没超时的工作会显示在这里。"
    return "没有这样的时限", "换一个期间看看。"


def _chips(query: ClockQuery, choices: Choices) -> list[dict[str, str]]:
    sites = {str(site.pk): site.name for site in choices.sites} | {EVERYWHERE: "全部门店"}
    wanted = (
        ("门店", sites.get(query.site, query.site) if query.site else "", {"site": ""}),
        ("时限", choices.limits.get(query.key, query.key), {"key": ""}),
        ("角色", choices.roles.get(query.role, query.role), {"role": ""}),
        ("人员", choices.people.get(query.person, "已离任") if query.person else "", {"person": None}),
        ("从", day(query.since) if query.since else "", {"since": None}),
        ("到", day(query.until) if query.until else "", {"until": None}),
    )
    return [
        {"label": label, "value": value, "remove_href": f"?{query.address(**change)}"}
        for label, value, change in wanted
        if value
    ]
