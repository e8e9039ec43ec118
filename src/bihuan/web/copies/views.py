"""What was copied to me, and what may be done with a copy."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from bihuan.kernel.errors import BusinessError, NotFound
from bihuan.operations.pages.copied_process import copied_process
from bihuan.operations.pages.copies import copies_to_me, words_of
from bihuan.operations.people.copying import urge_reader
from bihuan.records.copies import CASE, confirm_copies, open_copies, withdraw_copy
from bihuan.records.models import CarbonCopy
from bihuan.web.http import actor_of, go, page, signed_in


@require_GET
@signed_in
def mine(request: HttpRequest) -> HttpResponse:
    """抄送我的, newest first: what I have not read, or all of it."""
    number, everything = request.GET.get("page", "1"), request.GET.get("all") == "1"
    found = copies_to_me(
        actor=actor_of(request),
        unread=not everything,
        number=int(number) if number.isascii() and number.isdecimal() and 0 < int(number[:8]) else 1,
    )
    states = [
        {"label": "未阅", "href": "?", "current": not everything},
        {"label": "全部", "href": "?all=1", "current": everything},
    ]
    context = {"found": found, "states": states, "words_of": words_of, "query": "all=1" if everything else ""}
    return page(request, "copies/mine.html", context)


@require_GET
@signed_in
def process(request: HttpRequest, instance_id: int) -> HttpResponse:
    """A process about no case that was copied to me."""
    return page(request, "copies/process.html", {"shown": copied_process(instance_id, actor=actor_of(request))})


@require_GET
@signed_in
def read(request: HttpRequest, kind: str, number: int) -> HttpResponse:
    """Go to what was copied to me; it counts as opened, and as read where nothing is to be confirmed."""
    open_copies((kind, number), actor=actor_of(request))
    return go(request, _reading(kind, number))


@require_POST
@signed_in
def confirm(request: HttpRequest, kind: str, number: int) -> HttpResponse:
    """已阅, with a remark if there is one."""
    try:
        confirm_copies((kind, number), actor=actor_of(request), remark=request.POST.get("remark", ""))
    except NotFound:
        raise
    except BusinessError as error:
        return go(request, _reading(kind, number), error.message, tone="bad")
    back = reverse("copies:mine") if request.POST.get("back") == "list" else _reading(kind, number)
    return go(request, back, "已记下您已阅")


@require_POST
@signed_in
def urge(request: HttpRequest, copy_id: int) -> HttpResponse:
    """催阅."""
    copy = urge_reader(copy_id, actor=actor_of(request))
    return go(request, _list_of(copy, request), f"已提醒{copy.user.name}")


@require_POST
@signed_in
def withdraw(request: HttpRequest, copy_id: int) -> HttpResponse:
    """Take a copy back."""
    copy = withdraw_copy(copy_id, actor=actor_of(request), reason=request.POST.get("reason", ""))
    return go(request, _list_of(copy, request), f"已收回给{copy.user.name}的抄送")


def _reading(kind: str, number: int) -> str:
    """Where a reader reads what was copied to them."""
    return (
        f"{reverse('cases:detail', args=(number,))}?copied"
        if kind == CASE
        else reverse("copies:process", args=(number,))
    )


def _list_of(copy: CarbonCopy, request: HttpRequest) -> str:
    """The page with everybody it was copied to, on which the person was."""
    if copy.case_id is not None:
        return f"{reverse('cases:detail', args=(copy.case_id,))}?tab=copies"
    view = "processes:instance" if request.POST.get("back") == "instance" else "copies:process"
    return reverse(view, args=(copy.instance_id,))
