"""Versions of a process: stopping and holding them, moving what runs to another one, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods
from django_htmx.http import HttpResponseClientRefresh

from bihuan.kernel.errors import BusinessError, NotAllowed, NotFound
from bihuan.operations.pages.version_pages import (
    change_version,
    migration_page,
    start_migration,
    sweep_page,
    sweep_workbook,
    title_for,
    versions_page,
)
from bihuan.web.downloads import workbook
from bihuan.web.http import actor_of, go, is_htmx, page, signed_in

DONE = {"stop": "已停用，不再发起新的", "go_on": "已恢复，可以发起", "hold": "已停用，没有进行中的流程要暂停"}
MAPS = "map-"


@require_http_methods(["GET", "POST"])
@signed_in
def versions(request: HttpRequest, key: str) -> HttpResponse:
    """The versions; stopping one, letting it begin again, letting go on what was held."""
    actor = actor_of(request)
    if request.method == "POST":
        here, how = reverse("processes:versions", args=(key,)), request.POST.get("how", "")
        try:
            reason = request.POST.get("reason", "")
            sweep = change_version(_number(request.POST.get("version")), how=how, reason=reason, actor=actor)
        except (NotAllowed, NotFound):
            raise
        except BusinessError as error:
            return go(request, here, error.message, tone="bad")
        if sweep is not None:
            return go(request, reverse("processes:sweep", args=(sweep.pk,)), "后台开始处理")
        return go(request, here, DONE[how])
    return page(request, "processes/versions.html", {"shown": versions_page(key, actor=actor)})


@require_http_methods(["GET", "POST"])
@signed_in
def migrate(request: HttpRequest, key: str) -> HttpResponse:
    """Choose the versions and what takes the place of what; look what would happen; have it done."""
    actor = actor_of(request)
    asked = request.POST if request.method == "POST" else request.GET
    sources = [_number(text) for text in asked.getlist("from")]
    target, mapping = _number(asked.get("to")), _mapping(asked)
    problem = ""
    if request.method == "POST":
        try:
            reason = request.POST.get("reason", "")
            sweep = start_migration(key, sources, target, mapping, reason=reason, actor=actor)
        except (NotAllowed, NotFound):
            raise
        except BusinessError as error:
            problem = error.message
        else:
            return go(request, reverse("processes:sweep", args=(sweep.pk,)), "后台开始迁移")
    shown = migration_page(key, sources, target, mapping, actor=actor)
    context = {"shown": shown, "problem": problem or shown.problem, "title_for": lambda one: title_for(one, actor)}
    return page(request, "processes/migrate.html", context, status=422 if problem else 200)


@require_GET
@signed_in
def sweep(request: HttpRequest, sweep_id: int) -> HttpResponse:
    """How far it is, then what came of it; htmx asks for that part alone, and for the page once it is done."""
    actor = actor_of(request)
    shown = sweep_page(sweep_id, actor=actor)
    context = {"shown": shown, "title_for": lambda one: title_for(one, actor)}
    if not is_htmx(request):
        return page(request, "processes/sweep.html", context)
    if shown.sweep.is_over:
        return HttpResponseClientRefresh()
    return render(request, "processes/_sweep.html", context)


@require_GET
@signed_in
def report(request: HttpRequest, sweep_id: int) -> HttpResponse:
    """Every instance with what came of it, as a workbook."""
    return workbook(sweep_workbook(sweep_id, actor=actor_of(request)), f"bihuan-versions-{sweep_id}")


def _number(text: Any) -> int:
    return int(text) if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 18 else 0


def _mapping(asked: Mapping[str, Any]) -> dict[str, str]:
    return {name.removeprefix(MAPS): str(asked[name]) for name in asked if name.startswith(MAPS)}
