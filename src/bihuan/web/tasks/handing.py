"""The rarer things people do with a step: take it, give it back, stop its clock."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from bihuan.operations.people.hand_on import claim_work, release_work
from bihuan.operations.timing.repair_pause import pause_repair, resume_repair
from bihuan.operations.work import load_work
from bihuan.web.http import actor_of, go, signed_in


@require_POST
@signed_in
def claim(request: HttpRequest, item_id: int) -> HttpResponse:
    """Take the item; the task page comes up."""
    claim_work(item_id, actor=actor_of(request))
    return go(request, _task(item_id), "已领取，由您办理")


@require_POST
@signed_in
def release(request: HttpRequest, item_id: int) -> HttpResponse:
    """Give the item back to its role."""
    release_work(item_id, actor=actor_of(request))
    return go(request, reverse("workbench:home"), "已退回，同岗位的同事都可以办理")


@require_POST
@signed_in
def pause(request: HttpRequest, item_id: int) -> HttpResponse:
    """Stop the repair clock for a reason."""
    actor = actor_of(request)
    words = [request.POST.get("reason", "").strip(), request.POST.get("more", "").strip()]
    reason = "：".join(word for word in words if word)
    pause_repair(load_work(item_id, actor=actor).case.pk, actor=actor, reason=reason)
    return go(request, _task(item_id), f"已暂停计时：{reason}")


@require_POST
@signed_in
def resume(request: HttpRequest, item_id: int) -> HttpResponse:
    """Let the repair clock go on; the promise moves by the pause."""
    actor = actor_of(request)
    resume_repair(load_work(item_id, actor=actor).case.pk, actor=actor)
    return go(request, _task(item_id), "已恢复计时，约定完工时间已顺延")


def _task(item_id: int) -> str:
    return reverse("tasks:task", args=(item_id,))
