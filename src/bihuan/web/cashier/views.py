"""Who is to pay, what was taken today, and money given back under authority."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from bihuan.kernel.errors import BusinessError
from bihuan.operations import refunds
from bihuan.operations.counters import cashier_desk
from bihuan.records.models import PaymentMethod
from bihuan.web.http import actor_of, go, page, signed_in, status_of

METHODS = dict(PaymentMethod.choices)


@require_GET
@signed_in
def desk(request: HttpRequest) -> HttpResponse:
    """The desk; its work list keeps itself fresh."""
    context = {"shown": cashier_desk(actor=actor_of(request)), "methods": METHODS}
    return page(request, "cashier/desk.html", context, part="cashier/_live.html")


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def refund(request: HttpRequest, case_id: int) -> HttpResponse:
    """Give money back with a reason; only for those who have the authority."""
    actor = actor_of(request)
    bill = refunds.refund_page(case_id, actor=actor)
    context = {"bill": bill, "methods": METHODS, "typed": request.POST, "error": "", "field": ""}
    if request.method != "POST":
        return page(request, "cashier/refund.html", context)
    try:
        refunds.refund(
            case_id,
            actor=actor,
            method=request.POST.get("method", "")[:20],
            amount_yuan=request.POST.get("amount_yuan", "")[:20],
            reason=request.POST.get("reason", "")[:1000],
            reference=request.POST.get("reference", "")[:100],
            lower_bill=request.POST.get("lower_bill") == "on",
        )
    except BusinessError as error:
        context.update(error=error.message, field=error.field or "")
        return page(request, "cashier/refund.html", context, status=status_of(error))
    return go(request, reverse("cashier:desk"), "退款已登记")
