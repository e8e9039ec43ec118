"""The call desk: what rings, the talk with its look-ups, the list of the day."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from bihuan.kernel.errors import NotFound
from bihuan.operations.desk.answering import let_ring, pick_up, put_down
from bihuan.operations.desk.calls import SHOWS, CallQuery, answer_by, call_desk, ringing_now
from bihuan.operations.desk.talk import find_caller, look_up_prices, talk
from bihuan.records.calls import link_call, seconds_to_answer
from bihuan.web.calls.drawing import Newcomer, draw_talk, number
from bihuan.web.http import actor_of, go, page, signed_in

NOTHING_NEW = 204


@require_GET
@signed_in
def desk(request: HttpRequest) -> HttpResponse:
    """The desk: ringing calls on top, the figures and the calls of the day below."""
    shown = call_desk(CallQuery.of(request.GET.dict()), actor=actor_of(request))
    query = shown.query
    shows = [
        {"label": label, "href": f"?{query.address(show=key)}", "current": key == query.show}
        for key, label in SHOWS.items()
    ]
    context = {
        "shown": shown,
        "ringing": shown.ringing,
        "shows": shows,
        "seconds_to_answer": seconds_to_answer,
        "answer_by": answer_by,
        "simulates": settings.BIHUAN_DEMO,
    }
    return page(request, "calls/desk.html", context)


@require_GET
@signed_in
def ringing(request: HttpRequest) -> HttpResponse:
    """What rings now; nothing when it is what the screen shows already."""
    found = ringing_now(actor=actor_of(request))
    if request.GET.get("seen", "") == found.version:
        return HttpResponse(status=NOTHING_NEW)
    return page(request, "calls/_ringing.html", {"ringing": found, "answer_by": answer_by})


@require_POST
@signed_in
def simulate(request: HttpRequest) -> HttpResponse:
    """In the demo: a call comes in from a number."""
    if not settings.BIHUAN_DEMO:
        raise NotFound("模拟来电只在演示站可用")
    call = let_ring(actor=actor_of(request), phone=request.POST.get("phone", ""))
    return go(request, reverse("calls:desk"), f"{call.phone or '隐藏号码'} 正在来电")


@require_POST
@signed_in
def answer_call(request: HttpRequest, call_id: int) -> HttpResponse:
    """Pick up and go to the talk."""
    call = pick_up(call_id, actor=actor_of(request))
    return go(request, reverse("calls:talk", args=(call.pk,)))


@require_POST
@signed_in
def end_call(request: HttpRequest, call_id: int) -> HttpResponse:
    """The call is over."""
    call = put_down(call_id, actor=actor_of(request))
    return go(request, reverse("calls:desk"), "通话已结束" if call.answered_at else "已记为未接通")


@require_GET
@signed_in
def talking(request: HttpRequest, call_id: int) -> HttpResponse:
    """The talk: greeting, search, prices."""
    typed = request.GET.get("q")
    shown = talk(call_id, actor=actor_of(request), typed=typed, wanted=request.GET.get("price", ""))
    newcomer = Newcomer.for_customer(number(request.GET.get("customer", "")), phone=shown.call.phone)
    return draw_talk(request, shown, newcomer)


@require_GET
@signed_in
def find(request: HttpRequest) -> HttpResponse:
    """Who it may be, while typing."""
    typed = request.GET.get("q", "")[:60]
    found = find_caller(typed, actor=actor_of(request))
    context = {"found": found, "typed": typed, "call_id": number(request.GET.get("call", "")),
               "at": request.GET.get("at", "")[:40]}  # fmt: skip
    return page(request, "calls/_found.html", context)


@require_GET
@signed_in
def prices(request: HttpRequest) -> HttpResponse:
    """What parts and jobs cost and whether the part is there, while typing."""
    found = look_up_prices(request.GET.get("price", ""), actor=actor_of(request))
    return page(request, "calls/_prices.html", {"prices": found})


@require_POST
@signed_in
def note_caller(request: HttpRequest, call_id: int) -> HttpResponse:
    """The caller is this customer; nothing was booked."""
    customer_id = number(request.POST.get("customer", ""))
    link_call(call_id, actor=actor_of(request), customer_id=customer_id)
    return go(request, reverse("calls:talk", args=(call_id,)), "已记下来电人")
