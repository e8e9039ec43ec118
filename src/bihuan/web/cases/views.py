"""The list of cases and the page of one."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST
from markupsafe import Markup

from bihuan.kernel.errors import BusinessError
from bihuan.operations.cases import cancel_case
from bihuan.operations.customer_notices import note_customer_called
from bihuan.operations.pages.case_list import CaseList, CaseQuery, case_list, export_cases
from bihuan.operations.pages.case_page import case_page
from bihuan.records.access import access_case
from bihuan.records.customers import reveal_phone
from bihuan.records.models import CaseStatus
from bihuan.web.downloads import workbook
from bihuan.web.http import actor_of, go, page, signed_in
from bihuan.web.wording import day, spaced_phone


@require_GET
@signed_in
def listing(request: HttpRequest) -> HttpResponse:
    """Cases of the site with filters, order and pages; the address is the view."""
    found = case_list(CaseQuery.of(request.GET.dict()), actor=actor_of(request))
    context = {"found": found, "query": found.query, "chips": _chips(found), **_choices(found)}
    return page(request, "cases/list.html", context, part="cases/_rows.html")


@require_GET
@signed_in
def export(request: HttpRequest) -> HttpResponse:
    """Exactly this view as a workbook."""
    content = export_cases(CaseQuery.of(request.GET.dict()), actor=actor_of(request))
    return workbook(content, "cases")


@require_GET
@signed_in
def detail(request: HttpRequest, case_id: int) -> HttpResponse:
    """One case; the tab stands in the address."""
    copied = "copied" in request.GET
    shown = case_page(case_id, actor=actor_of(request), tab=request.GET.get("tab", "story"), copied=copied)
    here, kept = reverse("cases:detail", args=(case_id,)), "&copied" if copied else ""
    hrefs = {key: f"{here}?tab={key}{kept}" for key in shown.tabs} | ({} if copied else {"story": here})
    tabs = [{"label": label, "href": hrefs[key], "current": key == shown.tab} for key, label in shown.tabs.items()]
    return page(request, "cases/page.html", {"shown": shown, "case": shown.case, "tabs": tabs})


@require_POST
@signed_in
def cancel(request: HttpRequest, case_id: int) -> HttpResponse:
    """Call the case off with a reason."""
    here = reverse("cases:detail", args=(case_id,))
    try:
        case = cancel_case(case_id, actor=actor_of(request), reason=request.POST.get("reason", ""))
    except BusinessError as error:
        if error.field != "reason":
            raise
        return go(request, here, error.message, tone="bad")
    return go(request, here, f"单据 {case.number} 已取消")


@require_POST
@signed_in
def phone(request: HttpRequest, case_id: int) -> HttpResponse:
    """The whole number in place of the masked one; who looked is kept."""
    actor = actor_of(request)
    case = access_case(case_id, actor=actor)
    if case.customer_id is None:
        raise BusinessError("这张单据还没有登记客户")
    number = reveal_phone(case.customer_id, actor=actor)
    numbers = dict.fromkeys(text for text in (case.phone, number) if text)
    link = Markup('<a class="nowrap" href="tel:{}">{}</a>')
    return HttpResponse(Markup(" ").join(link.format(one, spaced_phone(one)) for one in numbers))


@require_POST
@signed_in
def customer_called(request: HttpRequest, notice_id: int) -> HttpResponse:
    """The customer has been told by telephone, since no message could be sent."""
    notice = note_customer_called(notice_id, actor=actor_of(request))
    back = request.POST.get("back", "")
    inside = url_has_allowed_host_and_scheme(back, allowed_hosts=None)
    return go(request, back if inside else reverse("cases:detail", args=(notice.case_id,)), "已记下电话告知")


def _choices(found: CaseList) -> dict[str, object]:
    query = found.query
    kinds = [("", "全部"), *found.kinds]
    states = [*CaseStatus.choices, ("", "全部")]
    return {
        "kinds": [
            {"label": label, "href": f"?{query.address(kind=key)}", "current": query.kind == key}
            for key, label in kinds
        ],
        "states": [
            {"label": label, "href": f"?{query.address(status=key)}", "current": query.status == key}
            for key, label in states
        ],
    }


def _chips(found: CaseList) -> list[dict[str, str]]:
    query = found.query
    chips = []
    if query.search:
        chips.append({"label": "搜索", "value": query.search, "remove_href": f"?{query.address(search='')}"})
    if query.site in found.sites:
        name = found.sites[query.site]
        chips.append({"label": "门店", "value": name, "remove_href": f"?{query.address(site=None)}"})
    if query.advisor:
        name = found.advisor_name or "已离任"
        chips.append({"label": "顾问", "value": name, "remove_href": f"?{query.address(advisor=None)}"})
    if query.since:
        chips.append({"label": "从", "value": day(query.since), "remove_href": f"?{query.address(since=None)}"})
    if query.until:
        chips.append({"label": "到", "value": day(query.until), "remove_href": f"?{query.address(until=None)}"})
    return chips
