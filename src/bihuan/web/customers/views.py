"""Finding, reading and registering customers."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from markupsafe import Markup

from bihuan.kernel.errors import BusinessError, NotAllowed, NotFound
from bihuan.operations.pages.parties import (
    CUSTOMER_FILTERS,
    CUSTOMER_ORDERS,
    PartyQuery,
    customer_list,
    customer_page,
    export_customers,
)
from bihuan.records.consents import set_consent
from bihuan.records.customers import change_customer, create_customer, reveal_phone
from bihuan.records.merging import customers_like, merge_candidate, merge_customers, preview_merge
from bihuan.web.downloads import workbook
from bihuan.web.http import actor_of, go, page, signed_in, status_of
from bihuan.web.wording import spaced_phone

FIELDS = ("name", "kind", "salutation", "phone", "mail", "address", "note")


def _query(request: HttpRequest) -> PartyQuery:
    return PartyQuery.of(request.GET.dict(), filters=CUSTOMER_FILTERS, orders=CUSTOMER_ORDERS)


@require_GET
@signed_in
def listing(request: HttpRequest) -> HttpResponse:
    """The list; the address is the view."""
    found = customer_list(_query(request), actor=actor_of(request))
    context = {"found": found, "query": found.query, "filters": found.query.choices(CUSTOMER_FILTERS)}
    return page(request, "customers/list.html", context, part="customers/_rows.html")


@require_GET
@signed_in
def export(request: HttpRequest) -> HttpResponse:
    """Exactly this view as a workbook."""
    return workbook(export_customers(_query(request), actor=actor_of(request)), "customers")


@require_GET
@signed_in
def detail(request: HttpRequest, customer_id: int) -> HttpResponse:
    """One customer."""
    return page(request, "customers/page.html", {"shown": customer_page(customer_id, actor=actor_of(request))})


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def create(request: HttpRequest) -> HttpResponse:
    """Register a customer."""
    actor = actor_of(request)
    if not actor.can_anywhere("customer.manage"):
        raise NotAllowed("您没有“登记和修改客户、车辆”的权限")
    typed = _typed(request)
    if request.method != "POST":
        return _form(request, typed)
    try:
        customer = create_customer(actor=actor, note_text=typed.pop("note"), **typed)
    except BusinessError as error:
        return _form(request, _typed(request), error)
    return go(request, reverse("customers:detail", args=(customer.pk,)), f"{customer.name}已建档")


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def edit(request: HttpRequest, customer_id: int) -> HttpResponse:
    """Change a customer."""
    actor = actor_of(request)
    if not actor.can_anywhere("customer.manage"):
        raise NotAllowed("您没有“登记和修改客户、车辆”的权限")
    customer = customer_page(customer_id, actor=actor).customer
    if request.method != "POST":
        return _form(request, {name: getattr(customer, name) for name in FIELDS}, customer_id=customer_id)
    try:
        change_customer(customer_id, actor=actor, **_typed(request))
    except NotFound:
        raise
    except BusinessError as error:
        return _form(request, _typed(request), error, customer_id)
    return go(request, reverse("customers:detail", args=(customer_id,)), "已保存")


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def merge(request: HttpRequest, customer_id: int) -> HttpResponse:
    """Find the other entry of the same person, see what joining does, and join."""
    actor = actor_of(request)
    if request.method == "POST":
        kept = merge_customers(customer_id, _number(request.POST.get("drop", "")), actor=actor)
        return go(request, reverse("customers:detail", args=(kept.pk,)), f"已合并到{kept.name}")
    search, other = request.GET.get("q", "")[:60], request.GET.get("with", "")
    context: dict[str, Any] = {
        "customer": merge_candidate(customer_id, actor=actor),
        "search": search,
        "merging": preview_merge(customer_id, _number(other), actor=actor) if other else None,
        "found": customers_like(search, besides=customer_id, actor=actor) if search and not other else [],
    }
    return page(request, "customers/merge.html", context)


@require_POST
@signed_in
def phone(request: HttpRequest, customer_id: int) -> HttpResponse:
    """The whole number in place of the masked one; who looked is kept."""
    number = reveal_phone(customer_id, actor=actor_of(request))
    return HttpResponse(Markup('<a class="nowrap" href="tel:{}">{}</a>').format(number, spaced_phone(number)))


@require_POST
@signed_in
def consent(request: HttpRequest, customer_id: int) -> HttpResponse:
    """The customer agrees to be written to by a medium, or takes it back."""
    given = request.POST.get("given") == "yes"
    set_consent(customer_id, request.POST.get("medium", ""), given=given, actor=actor_of(request))
    return go(request, reverse("customers:detail", args=(customer_id,)), "已登记" + ("同意接收" if given else "不接收"))


def _number(text: str) -> int:
    """The number of a customer; one that nobody has for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 18 else 0


def _typed(request: HttpRequest) -> dict[str, Any]:
    return {name: request.POST.get(name, "")[:3000] for name in FIELDS}


def _form(
    request: HttpRequest, typed: dict[str, Any], error: BusinessError | None = None, customer_id: int | None = None
) -> HttpResponse:
    context = {"typed": typed, "error": error, "customer_id": customer_id}
    return page(request, "customers/form.html", context, status=status_of(error) if error else 200)
