"""One's own leave and delegations."""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from bihuan.kernel.errors import BusinessError, NotAllowed
from bihuan.operations.duty.absence import ask_for_leave, let_act
from bihuan.operations.pages.duty import my_duty
from bihuan.org.actor import Actor
from bihuan.org.duty.delegation import end_delegation
from bihuan.org.duty.leave import Span, cancel_leave
from bihuan.org.duty.models import Leave
from bihuan.org.models import Site
from bihuan.web.duty.tabs import sent_day, sent_moment, sent_number, tabs_for
from bihuan.web.http import actor_of, go, page, signed_in


@require_GET
@signed_in
def home(request: HttpRequest) -> HttpResponse:
    """What I asked for, whom I let do my work, whose work I do."""
    return _draw(request)


@require_POST
@signed_in
def ask(request: HttpRequest) -> HttpResponse:
    """Ask for leave."""

    def do(actor: Actor) -> str:
        span = Span(
            sent_day(request, "first"), sent_day(request, "last"),
            from_noon=request.POST.get("from_half") == "noon", to_noon=request.POST.get("to_half") == "noon",
        )  # fmt: skip
        ask_for_leave(span, actor=actor, kind=request.POST.get("kind", ""), reason=request.POST.get("reason", ""))
        return f"已提交请假申请：{span}，批准前照常派活"

    return _try(request, "leave", do)


@require_POST
@signed_in
def cancel(request: HttpRequest, leave_id: int) -> HttpResponse:
    """Take leave back, or come back early."""
    cancel_leave(leave_id, actor=actor_of(request))
    return go(
        request,
        (request.POST.get("back") == "decisions" and reverse("duty:decisions")) or reverse("duty:home"),
        "已销假",
    )


@require_POST
@signed_in
def delegate(request: HttpRequest) -> HttpResponse:
    """Let a colleague do my work for a while."""

    def do(actor: Actor) -> str:
        zone = ZoneInfo(Site.objects.values_list("timezone", flat=True).get(pk=actor.site_id or 0))
        made = let_act(
            to_user_id=sent_number(request, "to", "请选择代理人"), actor=actor,
            starts_at=sent_moment(request, "starts", zone), ends_at=sent_moment(request, "ends", zone),
            role_key=request.POST.get("role", ""), process_key=request.POST.get("process", ""),
            reason=request.POST.get("reason", ""),
        )  # fmt: skip
        return f"已委托{made.delegate.name}代理"

    return _try(request, "delegation", do)


@require_POST
@signed_in
def end(request: HttpRequest, delegation_id: int) -> HttpResponse:
    """Take the work back, or stop acting for somebody."""
    end_delegation(delegation_id, actor=actor_of(request))
    return go(request, reverse("duty:home"), "代理已结束")


def _try(request: HttpRequest, form: str, do: Callable[[Actor], str]) -> HttpResponse:
    """Do it; a refusal is shown at the field, with what was typed."""
    try:
        said = do(actor_of(request))
    except NotAllowed:
        raise
    except BusinessError as problem:
        return _draw(request, problem=problem, form=form)
    return go(request, reverse("duty:home"), said)


def _draw(request: HttpRequest, *, problem: BusinessError | None = None, form: str = "") -> HttpResponse:
    actor = actor_of(request)
    context = {
        "tabs": tabs_for(actor, "home"), "shown": my_duty(actor=actor), "kinds": Leave.Kind.choices,
        "problem": problem, "form": form, "typed": request.POST,
    }  # fmt: skip
    return page(request, "duty/home.html", context, status=422 if problem else 200)
