"""The list of parts, jobs and slots, and the page that edits one."""

from __future__ import annotations

from datetime import time
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bihuan.kernel.errors import BusinessError, NotAllowed
from bihuan.operations.pages.catalogue import (
    KINDS,
    RIGHTS,
    CatalogueQuery,
    catalogue,
    export_catalogue,
    job_for,
    part_for,
)
from bihuan.records.catalogue import save_job, save_part, set_capacity
from bihuan.web.downloads import workbook
from bihuan.web.http import actor_of, go, page, signed_in


@require_GET
@signed_in
def listing(request: HttpRequest) -> HttpResponse:
    """One kind of master data of the current site; the address is the view."""
    actor = actor_of(request)
    found = catalogue(CatalogueQuery.of(request.GET.dict(), actor=actor), actor=actor)
    tabs = [
        {"label": label, "href": f"?kind={key}", "current": key == found.query.kind}
        for key, label in KINDS.items()
        if actor.can(RIGHTS[key])
    ]
    return page(request, "catalogue/list.html", {"found": found, "query": found.query, "tabs": tabs})


@require_GET
@signed_in
def export(request: HttpRequest) -> HttpResponse:
    """Exactly this view as a workbook."""
    actor = actor_of(request)
    query = CatalogueQuery.of(request.GET.dict(), actor=actor)
    return workbook(export_catalogue(query, actor=actor), query.kind)


@require_http_methods(["GET", "POST"])
@signed_in
def part(request: HttpRequest, part_id: int | None = None) -> HttpResponse:
    """A new part, or the data of one."""
    actor = actor_of(request)
    actor.require("stock.manage")
    shown = part_for(part_id, actor=actor) if part_id is not None else None
    names = ("code", "name", "unit", "price_yuan")
    typed: dict[str, Any] = {name: getattr(shown, name) if shown else "" for name in names}
    typed |= {"active": shown.active if shown else True}
    problem: BusinessError | None = None
    if request.method == "POST":
        typed = {**{name: request.POST.get(name, "").strip() for name in names}, "active": "active" in request.POST}
        try:
            saved = save_part(actor=actor, part_id=part_id, **typed)
        except NotAllowed:
            raise
        except BusinessError as error:
            problem = error
        else:
            return go(request, reverse("catalogue:list") + "?kind=parts", f"配件“{saved.name}”已保存")
    context = {"shown": shown, "typed": typed, "problem": problem}
    return page(request, "catalogue/part.html", context, status=422 if problem else 200)


@require_http_methods(["GET", "POST"])
@signed_in
def job(request: HttpRequest, job_id: int | None = None) -> HttpResponse:
    """A new job of the site, or the data of one."""
    actor = actor_of(request)
    actor.require("master.manage")
    shown = job_for(job_id, actor=actor) if job_id is not None else None
    names = ("code", "name", "hours", "rate_yuan_per_hour")
    typed: dict[str, Any] = {name: getattr(shown, name) if shown else "" for name in names}
    typed |= {"is_maintenance": bool(shown and shown.is_maintenance), "active": shown.active if shown else True}
    problem: BusinessError | None = None
    if request.method == "POST":
        flags = {name: name in request.POST for name in ("is_maintenance", "active")}
        typed = {**{name: request.POST.get(name, "").strip() for name in names}, **flags}
        try:
            saved = save_job(actor=actor, job_id=job_id, **typed)
        except NotAllowed:
            raise
        except BusinessError as error:
            problem = error
        else:
            return go(request, reverse("catalogue:list") + "?kind=jobs", f"作业项目“{saved.name}”已保存")
    context = {"shown": shown, "typed": typed, "problem": problem}
    return page(request, "catalogue/job.html", context, status=422 if problem else 200)


@require_POST
@signed_in
def slot(request: HttpRequest) -> HttpResponse:
    """How many arrivals one weekly slot takes."""
    here = reverse("catalogue:list") + "?kind=slots"
    try:
        starts = time.fromisoformat(request.POST.get("starts", ""))
        weekday, capacity, minutes = (int(request.POST.get(name, "")) for name in ("weekday", "capacity", "minutes"))
    except ValueError:
        return go(request, here, "请填写星期、开始时间、时长和容量", tone="bad")
    try:
        set_capacity(actor=actor_of(request), weekday=weekday, starts=starts, capacity=capacity, minutes=minutes)
    except NotAllowed:
        raise
    except BusinessError as error:
        return go(request, here, error.message, tone="bad")
    return go(request, here, "预约容量已保存")
