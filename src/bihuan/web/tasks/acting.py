"""The forms behind the menu of a task: 退回, 撤回, 加签 and the like. Each is a page; no script is needed."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from bihuan.forms.scalars import names_in
from bihuan.kernel.errors import BusinessError, NotFound
from bihuan.operations.pages.acting import ENTRIES, act_page
from bihuan.operations.people import asking, copying, going_back, hand_on
from bihuan.operations.picking import names_of, resolver
from bihuan.org.actor import Actor
from bihuan.web.http import actor_of, go, page, signed_in, status_of

Act = Callable[[HttpRequest, int, Actor], str]
"""Does it and answers what to say."""


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def act(request: HttpRequest, item_id: int, key: str) -> HttpResponse:
    """The form of one entry of the menu; sent, it is done. A refusal draws it again as it was sent."""
    if key not in _ACTS:
        raise NotFound("没有这个操作")
    actor = actor_of(request)
    task = reverse("tasks:task", args=(item_id,))
    if request.method != "POST":
        return _draw(request, item_id, key, actor)
    try:
        said = _ACTS[key](request, item_id, actor)
    except NotFound:
        raise
    except BusinessError as error:
        return _refused(request, item_id, key, actor, error)
    stays = key in ("cc", "urge", "remove", "take_back", "call_off")
    return go(request, task if stays else reverse("workbench:home"), said)


def _refused(request: HttpRequest, item_id: int, key: str, actor: Actor, error: BusinessError) -> HttpResponse:
    try:
        return _draw(request, item_id, key, actor, error)
    except NotFound:
        return go(request, reverse("tasks:task", args=(item_id,)), error.message, tone="bad")


def _draw(
    request: HttpRequest, item_id: int, key: str, actor: Actor, error: BusinessError | None = None
) -> HttpResponse:
    shown = act_page(item_id, key, actor=actor)
    context = {
        "shown": shown, "item": shown.work.item, "case": shown.work.case, "sent": request.POST, "error": error,
        "chosen": _chosen(request),
    }  # fmt: skip
    return page(request, "tasks/act.html", context, status=status_of(error) if error is not None else 200)


def _chosen(request: HttpRequest) -> list[tuple[int, str]]:
    """Who was chosen in a form that was refused, in their order."""
    numbers = list(dict.fromkeys(_numbers(request)))
    names = names_of(numbers) if numbers else {}
    return [(pk, names[pk]) for pk in numbers if pk in names]


def _number(request: HttpRequest, name: str) -> int:
    text = request.POST.get(name, "")
    if not (text.isascii() and text.isdecimal() and len(text) < 18):
        raise BusinessError("请选择同事", name)
    return int(text)


def _person(request: HttpRequest, actor: Actor) -> int:
    """The colleague chosen in the search box, or typed there in full; without script, the one of the list."""
    for name in ("to", "to-plain"):
        if request.POST.get(name, ""):
            return _number(request, name)
    typed = str(request.POST.get("to-text", "")).strip()
    found = resolver(actor.site_id or 0)("person", typed) if typed else None
    if found is None:
        raise BusinessError(f"没有找到同事“{typed}”，请写全姓名或用户名" if typed else "请选择同事", "to")
    return found


def _transfer(request: HttpRequest, item_id: int, actor: Actor) -> str:
    to = _person(request, actor)
    return f"已转给{hand_on.transfer_work(item_id, to, actor=actor, reason=request.POST.get('reason', ''))}"


def _send_back(request: HttpRequest, item_id: int, actor: Actor) -> str:
    target, straight = request.POST.get("target", ""), request.POST.get("way") == "straight"
    if not target:
        raise BusinessError("请选择退回到哪一步", "target")
    going_back.send_back_work(item_id, target, actor=actor, reason=request.POST.get("reason", ""), straight=straight)
    return "已退回，对方会收到通知" + ("，办完直接回到您这里" if straight else "")


def _recall(request: HttpRequest, item_id: int, actor: Actor) -> str:
    going_back.recall_work(item_id, actor=actor, reason=request.POST.get("reason", ""))
    return f"{ENTRIES['recall'].label}成功，这一步又在您的待办里"


def _call_off(request: HttpRequest, item_id: int, actor: Actor) -> str:
    going_back.recall_work(item_id, actor=actor, reason=request.POST.get("reason", ""))
    return "已撤回，您可以接着办"


def _take_back(request: HttpRequest, item_id: int, actor: Actor) -> str:
    going_back.take_back_work(item_id, actor=actor)
    return "已拿回，由您办理"


def _ask(request: HttpRequest, item_id: int, actor: Actor) -> str:
    mode, weight = request.POST.get("mode", ""), request.POST.get("weight", "") or "1"
    if not weight.isdecimal() or len(weight) > 6:
        raise BusinessError("权重请填正整数", "weight")
    to, turn, reason = _people(request, actor), request.POST.get("turn", "") or "next", request.POST.get("reason", "")
    names = asking.add_assignees(
        item_id, to, mode, actor=actor, reason=reason, weight=int(weight),
        turn=_number(request, "turn") if turn.isdecimal() else turn,
    )  # fmt: skip
    return f"已请{'、'.join(names)}{'代办' if mode == 'delegate' else '加签'}"


def _remove(request: HttpRequest, item_id: int, actor: Actor) -> str:
    reason = request.POST.get("reason", "")
    return f"{asking.remove_assignee(item_id, _number(request, 'to'), actor=actor, reason=reason)}不用再办了"


def _numbers(request: HttpRequest) -> list[int]:
    texts = [*request.POST.getlist("to"), *request.POST.getlist("to-plain")][: copying.MAX_COPIES + 1]
    return [int(text) for text in texts if text.isascii() and text.isdecimal() and len(text) < 18]


def _people(request: HttpRequest, actor: Actor) -> list[int]:
    """The colleagues chosen in the search box or the list, and those whose names stand in the box in full."""
    people = _numbers(request)
    for typed in names_in(request.POST.get("to-text", ""))[: copying.MAX_COPIES]:
        found = resolver(actor.site_id or 0)("person", typed)
        if found is None:
            raise BusinessError(f"没有找到同事“{typed}”，请写全姓名或用户名", "to")
        people.append(found)
    return people


def _cc(request: HttpRequest, item_id: int, actor: Actor) -> str:
    people, note = _people(request, actor), request.POST.get("note", "")
    names = copying.copy_work(item_id, people, actor=actor, note=note, confirm="confirm" in request.POST)
    return f"已抄送给{'、'.join(names)}"


def _urge(request: HttpRequest, item_id: int, actor: Actor) -> str:
    return f"已提醒 {asking.urge_work(item_id, actor=actor, note=request.POST.get('note', ''))} 人"


_ACTS: dict[str, Act] = {
    "transfer": _transfer,
    "send_back": _send_back,
    "recall": _recall,
    "call_off": _call_off,
    "take_back": _take_back,
    "ask": _ask,
    "remove": _remove,
    "cc": _cc,
    "urge": _urge,
}
