"""A workbook of one's own data: handed in, watched while it is worked on, tried before it is stored."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRefresh

from bihuan.kernel.errors import BusinessError
from bihuan.operations.imports import ask_import, import_page, store_tried
from bihuan.records.importing.guard import MAX_BYTES
from bihuan.records.importing.template import template_workbook
from bihuan.web.downloads import workbook
from bihuan.web.http import STATUS, actor_of, is_htmx, page, signed_in


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def start(request: HttpRequest) -> HttpResponse:
    """Choose a workbook and hand it in; an import of the site that is under way is shown at once."""
    actor = actor_of(request)
    actor.require("import.run")
    if request.method != "POST":
        return _draw(request)
    upload = request.FILES.get("file")
    if upload is None:
        return _draw(request, problem="请选择要导入的工作簿（.xlsx 或 .csv）", status=422)
    if (upload.size or 0) > MAX_BYTES:
        return _draw(request, problem="文件超过 20 MB，请分成几个文件", status=422)
    dry_run = request.POST.get("mode") != "store"
    try:
        run_id = ask_import(upload.read(), upload.name or "", actor=actor, dry_run=dry_run)
    except BusinessError as error:
        return _refused(request, error)
    return HttpResponseRedirect(reverse("imports:run", args=[run_id]))


@require_GET
@signed_in
def run(request: HttpRequest, run_id: int) -> HttpResponse:
    """How far an import is, then what came of it; htmx asks for that part alone, and for the page once it is done."""
    if not is_htmx(request):
        return _draw(request, run_id)
    shown = import_page(run_id, actor=actor_of(request))
    if shown.run is not None and shown.run.is_waiting:
        return render(request, "imports/_run.html", {"shown": shown})
    return HttpResponseClientRefresh()


@require_POST
@signed_in
def store(request: HttpRequest, run_id: int) -> HttpResponse:
    """Store the workbook that was tried, without choosing it again."""
    try:
        return HttpResponseRedirect(reverse("imports:run", args=[store_tried(run_id, actor=actor_of(request))]))
    except BusinessError as error:
        return _refused(request, error)


@require_GET
@signed_in
def template(request: HttpRequest) -> HttpResponse:
    """The workbook to fill in, with examples."""
    actor_of(request).require("import.run")
    return workbook(template_workbook(), "bihuan-template")


def _refused(request: HttpRequest, error: BusinessError) -> HttpResponse:
    status = next((status for kind, status in STATUS if isinstance(error, kind)), 422)
    if status in (403, 404):
        raise error
    return _draw(request, problem=error.message, status=status)


def _draw(request: HttpRequest, run_id: int | None = None, *, problem: str = "", status: int = 200) -> HttpResponse:
    shown = import_page(run_id, actor=actor_of(request))
    return page(request, "imports/page.html", {"shown": shown, "problem": problem}, status=status)
