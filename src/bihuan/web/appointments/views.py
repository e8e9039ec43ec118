"""The appointment board and what is done to a booking."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bihuan.kernel.errors import BusinessError
from bihuan.operations.board import board_page, booking_page, move_booking, receive_booked
from bihuan.operations.bookings import cancel_booking
from bihuan.records.access import local_day
from bihuan.records.models import Appointment
from bihuan.web.http import actor_of, go, is_htmx, page, signed_in, status_of
from bihuan.web.wording import moment
from bihuan.web.wording import plate as spaced

NOTHING_NEW = 204
REASONS = ("客户临时有事", "改约其他时间再联系", "已在别处维修", "车辆已转让", "重复登记")


@require_GET
@signed_in
def board(request: HttpRequest) -> HttpResponse:
    """A day of the board; ?seen= answers nothing while nothing changed."""
    shown = board_page(day_of(request), actor=actor_of(request))
    if is_htmx(request) and request.GET.get("seen") == shown.version:
        return HttpResponse(status=NOTHING_NEW)
    context = {"shown": shown, "one_day": timedelta(days=1)}
    return page(request, "appointments/board.html", context, part="appointments/_board.html")


@require_GET
@signed_in
def booking(request: HttpRequest, appointment_id: int) -> HttpResponse:
    """One booking with what can be done; inside the dialog of the board, or as a page."""
    return _draw(request, appointment_id, "show")


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def change(request: HttpRequest, appointment_id: int) -> HttpResponse:
    """Another time: the slots of a day with their free places."""
    if request.method != "POST":
        return _draw(request, appointment_id, "change")
    sent = request.POST
    chosen = {"day": sent.get("day", "")[:10], "slot": sent.get("slot", "")[:40], "exact": sent.get("exact", "")[:5]}
    try:
        booked = move_booking(appointment_id, actor=actor_of(request), **chosen)
    except BusinessError as error:
        return _draw(request, appointment_id, "change", refused=error, typed=chosen)
    zone = booked.site.timezone
    return _back(request, booked, f"{spaced(booked.vehicle.plate)} 已改到{moment(booked.starts_at, zone)}，请告知客户")


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def cancel(request: HttpRequest, appointment_id: int) -> HttpResponse:
    """Off the board, with the reason."""
    if request.method != "POST":
        return _draw(request, appointment_id, "cancel")
    reason = request.POST.get("reason", "")
    try:
        booked = cancel_booking(appointment_id, actor=actor_of(request), reason=reason)
    except BusinessError as error:
        return _draw(request, appointment_id, "cancel", refused=error, typed={"reason": reason[:400]})
    return _back(request, booked, f"{spaced(booked.vehicle.plate)} 的预约已取消")


@require_POST
@signed_in
def arrive(request: HttpRequest, appointment_id: int) -> HttpResponse:
    """The car is here."""
    try:
        case = receive_booked(appointment_id, actor=actor_of(request), bay=request.POST.get("bay", "")[:30])
    except BusinessError as error:
        if status_of(error) in (403, 404):
            raise
        return _draw(request, appointment_id, "show", refused=error)
    plate = spaced(case.vehicle.plate if case.vehicle else case.title)
    return go(request, reverse("appointments:board"), f"{plate} 已到店，请一分钟内迎接（{case.number}）")


def day_of(request: HttpRequest) -> date | None:
    """The day in the address, if it makes sense and is within reach."""
    try:
        day = date.fromisoformat(request.GET.get("day", ""))
    except ValueError:
        return None
    return day if 2000 <= day.year <= 2100 else None


def _draw(
    request: HttpRequest,
    appointment_id: int,
    mode: str,
    *,
    refused: BusinessError | None = None,
    typed: dict[str, str] | None = None,
) -> HttpResponse:
    day = day_of(request)
    if typed and typed.get("day"):
        try:
            day = date.fromisoformat(typed["day"])
        except ValueError:
            day = None
    shown = booking_page(appointment_id, actor=actor_of(request), day=day)
    context = {
        "shown": shown,
        "card": shown.card,
        "booking": shown.card.booking,
        "mode": mode,
        "refused": refused,
        "typed": typed or {},
        "preset": _preset(request),
        "reasons": REASONS,
    }
    status = status_of(refused) if refused is not None else 200
    return page(request, "appointments/booking.html", context, part="appointments/_booking.html", status=status)


def _preset(request: HttpRequest) -> datetime | None:
    """The slot a card was dropped on."""
    try:
        return datetime.fromisoformat(request.GET.get("slot", ""))
    except ValueError:
        return None


def _back(request: HttpRequest, booked: Appointment, message: str) -> HttpResponse:
    """To the day of the booking on the board."""
    there = local_day(booked.site, booked.starts_at)
    return go(request, f"{reverse('appointments:board')}?day={there.isoformat()}", message)
