"""Showing and completing one step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from bihuan.kernel.errors import BusinessError, Conflict
from bihuan.kernel.ids import new_once_key
from bihuan.operations.desk.calls import call_in_hand
from bihuan.operations.newcomers import register_newcomer
from bihuan.operations.pages.progress import progress_token
from bihuan.operations.pages.task import TaskPage, next_item, task_page
from bihuan.operations.timing.repair_pause import REASONS
from bihuan.operations.work import FormRefused, complete_task
from bihuan.org.actor import Actor
from bihuan.org.models import Role
from bihuan.processes.holding import roles_of
from bihuan.processes.models import WorkItem
from bihuan.web.cases.codes import progress_code
from bihuan.web.http import actor_of, flash, go, page, signed_in, status_of
from bihuan.web.tasks.prose import prose

NEWCOMER_FIELDS = ("name", "salutation", "kind", "phone", "plate", "brand", "model_name", "vin", "mileage_km")


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def task(request: HttpRequest, item_id: int) -> HttpResponse:
    """The step; sent, it is completed and the next one comes up. A refusal draws the form again as it was sent."""
    actor = actor_of(request)
    if request.method != "POST":
        return _draw(request, task_page(item_id, actor=actor))
    once_key = request.POST.get("once_key", "")[:64]
    try:
        outcome = complete_task(item_id, request.POST, request.FILES, actor=actor, once_key=once_key)
    except FormRefused as refused:
        shown = task_page(item_id, actor=actor, raw=request.POST, errors=refused.errors)
        return _draw(request, shown, once_key=once_key, status=422)
    except Conflict as conflict:
        return _gone(request, item_id, conflict, actor)
    except BusinessError as error:
        shown = task_page(item_id, actor=actor, raw=request.POST, errors=_at_field(item_id, error, actor))
        return _draw(request, shown, once_key=once_key, refusal=error.message, status=status_of(error))
    return _go_on(request, item_id, outcome.case_id, actor)


@require_POST
@signed_in
def newcomer(request: HttpRequest, item_id: int) -> HttpResponse:
    """Customer and car nobody knows yet, registered from the step that needs them."""
    actor = actor_of(request)
    typed = {name: request.POST.get(name, "") for name in NEWCOMER_FIELDS}
    try:
        case = register_newcomer(item_id, actor=actor, **typed)
    except BusinessError as error:
        shown = task_page(item_id, actor=actor)
        typed.update(error=error.message, field=error.field or "")
        return _draw(request, shown, newcomer=typed, status=status_of(error))
    name = case.customer.name if case.customer else ""
    return go(request, reverse("tasks:task", args=(item_id,)), f"已为{name}建档，客户、车辆和电话已填好")


def _draw(
    request: HttpRequest,
    shown: TaskPage,
    *,
    once_key: str = "",
    refusal: str = "",
    newcomer: Mapping[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    code = None
    if shown.shows_status_code and shown.item.is_open:
        token = progress_token(shown.case.pk, actor=shown.actor)
        code = progress_code(request, token)
    context = {
        "shown": shown,
        "item": shown.item,
        "case": shown.case,
        "drawn": shown.drawn,
        "once_key": once_key or new_once_key(),
        "refusal": refusal,
        "newcomer": dict(newcomer or {}),
        "script": prose(shown.script) if shown.script else "",
        "knowledge": prose(shown.knowledge.body) if shown.knowledge else "",
        "pause_reasons": REASONS,
        "code": code,
        "sent": request.POST,
    }
    return page(request, "tasks/page.html", context, status=status)


def _at_field(item_id: int, error: BusinessError, actor: Actor) -> dict[str, str]:
    """The refusal at its field when the form has it; otherwise it stands above the form only."""
    form = task_page(item_id, actor=actor).work.form
    known = {one.key for one in form.fields} if form is not None else set()
    return {error.field: error.message} if error.field and error.field in known else {}


def _gone(request: HttpRequest, item_id: int, conflict: Conflict, actor: Actor) -> HttpResponse:
    """Somebody was faster, or the work is no longer needed: who, when, and where to go on."""
    shown = task_page(item_id, actor=actor)
    following, _ = next_item(shown.case.pk, actor=actor)
    context = {"shown": shown, "case": shown.case, "message": conflict.message, "following": following}
    return page(request, "tasks/gone.html", context, status=409)


def _go_on(request: HttpRequest, item_id: int, case_id: int, actor: Actor) -> HttpResponse:
    name = WorkItem.unscoped.values_list("name", flat=True).get(pk=item_id)
    following, present = next_item(case_id, actor=actor)
    if following is not None:
        flash(request, f"“{name}”已完成，接着办“{following.name}”")
        return go(request, reverse("tasks:task", args=(following.pk,)))
    call = call_in_hand(case_id, actor=actor)
    if call is not None:
        return go(request, reverse("calls:talk", args=(call.pk,)), f"“{name}”已完成，电话还没挂断")
    return go(request, reverse("workbench:home"), f"“{name}”已完成{_passed_to(present)}")


def _passed_to(present: list[WorkItem]) -> str:
    if not present:
        return ""
    roles = dict(Role.objects.values_list("key", "name"))
    return f"，接下来：{'、'.join(f'{item.name}（{_whose(item, roles)}）' for item in present[:2])}"


def _whose(item: WorkItem, roles: Mapping[str, str]) -> str:
    if item.assignee is not None:
        return str(item.assignee.name)
    return "、".join(roles.get(key, key) for key in sorted(roles_of(item.role)))
