"""What every view needs: who is asking, how refusals look, a page or its part."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect, trigger_client_event

from bihuan.accounts.models import User
from bihuan.kernel.errors import BusinessError, Conflict, NotAllowed, NotFound
from bihuan.org.access import request_actor
from bihuan.org.actor import Actor

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]
STATUS: tuple[tuple[type[BusinessError], int], ...] = ((NotAllowed, 403), (NotFound, 404), (Conflict, 409))
FLASH = "flash"


def is_htmx(request: HttpRequest) -> bool:
    """Whether htmx asks for a part of a page (not a whole page it wants back from history)."""
    headers = request.headers
    return headers.get("HX-Request") == "true" and headers.get("HX-History-Restore-Request") != "true"


def actor_of(request: HttpRequest) -> Actor:
    """The signed-in person at the site chosen in the shell; loaded once per request. Raises NotAllowed."""
    return request_actor(request)


def signed_in(view: View[P]) -> View[P]:
    """Only for signed-in people; others go to the sign-in page and come back. Refusals become designed pages."""

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not isinstance(request.user, User):
            return _to_sign_in(request)
        try:
            _require_text(request)
            return view(request, *args, **kwargs)
        except BusinessError as error:
            return refusal(request, error)

    return guarded


def signed_in_json(view: View[P]) -> View[P]:
    """Like `signed_in` for views that answer JSON: refusals are `{"message": …, "field": …}` with their status."""

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not isinstance(request.user, User):
            return JsonResponse({"message": "请先登录"}, status=401)
        try:
            _require_text(request)
            return view(request, *args, **kwargs)
        except BusinessError as error:
            return JsonResponse({"message": error.message, "field": error.field}, status=status_of(error))

    return guarded


def _require_text(request: HttpRequest) -> None:
    """Refuse what is no text: PostgreSQL keeps none with a null character in it, and no keyboard types one."""
    sent = [*request.GET.lists(), *request.POST.lists()]
    if "\0" in request.path or any("\0" in text for name, texts in sent for text in (name, *texts)):
        raise BusinessError("填写的内容里有看不见的控制字符，请删掉后再提交")


def status_of(error: BusinessError) -> int:
    """The HTTP status of a refusal; 422 for requests that make no sense as they stand."""
    return next((status for kind, status in STATUS if isinstance(error, kind)), 422)


def refusal(request: HttpRequest, error: BusinessError) -> HttpResponse:
    """A refusal as a page of its own, or as a notice when htmx asked for a part of a page."""
    status = status_of(error)
    if is_htmx(request):
        response = HttpResponse(status=status, headers={"HX-Reswap": "none"})
        return trigger_client_event(response, "toast", {"text": error.message, "tone": "bad"})
    return render(request, "shell/refusal.html", {"error": error, "status": status}, status=status)


def page(
    request: HttpRequest,
    template: str,
    context: Mapping[str, Any] | None = None,
    *,
    part: str = "",
    status: int = 200,
) -> HttpResponse:
    """The whole page, or only the template `part` when htmx asks for it."""
    chosen = part if part and is_htmx(request) else template
    response = render(request, chosen, dict(context or {}), status=status)
    response.headers["Vary"] = "HX-Request, Cookie"
    return response


def go(request: HttpRequest, to: str, message: str = "", *, tone: str = "ok") -> HttpResponse:
    """Go to another page (a full navigation, also from htmx) and show a message there."""
    if message:
        flash(request, message, tone=tone)
    return HttpResponseClientRedirect(to) if is_htmx(request) else HttpResponseRedirect(to)


def notify(response: HttpResponse, message: str, *, tone: str = "ok") -> HttpResponse:
    """Show a message beside an htmx answer."""
    return trigger_client_event(response, "toast", {"text": message, "tone": tone})


def flash(request: HttpRequest, message: str, *, tone: str = "ok") -> None:
    """Keep a message for the next page this person opens."""
    request.session[FLASH] = [*request.session.get(FLASH, []), {"text": message, "tone": tone}][-5:]


def take_flashes(request: HttpRequest) -> list[dict[str, str]]:
    """The kept messages, shown once."""
    found: list[dict[str, str]] = request.session.pop(FLASH, []) if FLASH in request.session else []
    return found


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    here = request.headers.get("HX-Current-URL", "") if is_htmx(request) else request.get_full_path()
    sign_in = reverse("signin:page") + "?" + urlencode({"next": here})
    return HttpResponseClientRedirect(sign_in) if is_htmx(request) else HttpResponseRedirect(sign_in)
