"""The forms behind the menu of a case's process: 撤销, 拿回, 唤醒, 挂起, 恢复, 跳转, 终止; and beginning activities."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from bihuan.kernel.errors import BusinessError, Conflict, NotFound
from bihuan.operations.pages.case_acting import ENTRIES, OTHERS_DONE, case_act_page
from bihuan.operations.people import ending, going_back
from bihuan.operations.people.beginning import CLOSED, begin_activity
from bihuan.org.actor import Actor
from bihuan.processes.contract import StepResult
from bihuan.web.http import actor_of, go, page, signed_in, status_of

_ACTS: Mapping[str, Callable[[int, Actor, str, str], StepResult]] = {
    "take_back": lambda case, actor, reason, _: going_back.take_back_case(case, actor=actor, reason=reason),
    "withdraw": lambda case, actor, reason, _: ending.withdraw_case(case, actor=actor, reason=reason),
    "terminate": lambda case, actor, reason, _: ending.terminate_case(case, actor=actor, reason=reason),
    "wake": lambda case, actor, reason, _: ending.wake_case(case, actor=actor, reason=reason),
    "suspend": lambda case, actor, reason, _: ending.suspend_case(case, actor=actor, reason=reason),
    "resume": lambda case, actor, reason, _: ending.resume_case(case, actor=actor, reason=reason),
    "jump": lambda case, actor, reason, to: _jump(case, actor, reason, to),
}


def _jump(case_id: int, actor: Actor, reason: str, to: str) -> StepResult:
    """`to` is the branch (an item's number, or nothing), a colon, and the key of the place."""
    branch, _, key = to.partition(":")
    item = int(branch) if branch.isascii() and branch.isdecimal() and len(branch) < 18 else None
    target, others_done = key.removesuffix(OTHERS_DONE), key.endswith(OTHERS_DONE)
    return going_back.jump_case(case_id, target, actor=actor, reason=reason, item_id=item, others_done=others_done)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def act(request: HttpRequest, case_id: int, key: str) -> HttpResponse:
    """The form of one entry; sent, it is done. A refusal draws it again as it was sent."""
    if key not in _ACTS:
        raise NotFound("没有这个操作")
    actor, error = actor_of(request), None
    here = reverse("cases:detail", args=(case_id,))
    if request.method == "POST":
        target = request.POST.get("target", "")
        branch = request.POST.get("branch", "")
        try:
            if key == "jump" and not target:
                raise BusinessError("请选择跳转到哪一步", "target")
            _ACTS[key](case_id, actor, request.POST.get("reason", ""), f"{branch}:{target}")
        except BusinessError as refusal:
            error = refusal
        else:
            return go(request, here, f"已{ENTRIES[key].label}")
    try:
        source = request.POST.get("branch", "") or request.GET.get("branch", "")
        shown = case_act_page(case_id, key, actor=actor, source=source)
    except NotFound:
        if error is None:
            raise
        return go(request, here, error.message, tone="bad")
    context = {"shown": shown, "case": shown.case, "sent": request.POST, "error": error}
    return page(request, "cases/act.html", context, status=status_of(error) if error is not None else 200)


@require_POST
@signed_in
def begin(request: HttpRequest, case_id: int) -> HttpResponse:
    """Begin an activity of an ad-hoc sub-process; afterwards to its work, if it is for the person who began it."""
    here = reverse("cases:detail", args=(case_id,))
    try:
        instance, wait, begun = (_number(request, name) for name in ("instance", "wait", "begun"))
        activity = request.POST.get("activity", "")
        done = begin_activity(case_id, instance, wait, activity, begun=begun, actor=actor_of(request))
    except Conflict as error:
        return go(request, here, error.message, tone="bad")
    return go(request, reverse("tasks:task", args=(done.item_id,)) if done.item_id else here, f"已开始“{done.name}”")


def _number(request: HttpRequest, name: str) -> int:
    text = request.POST.get(name, "")
    if not (text.isascii() and text.isdecimal() and len(text) < 18):
        raise Conflict(CLOSED)
    return int(text)
