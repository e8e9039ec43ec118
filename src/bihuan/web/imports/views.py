"""A workbook of one's own data: tried first, then stored, all or nothing."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET, require_http_methods

from bihuan.kernel.errors import BusinessError
from bihuan.records.importing.report import ImportReport
from bihuan.records.importing.run import import_workbook
from bihuan.records.importing.template import template_workbook
from bihuan.web.downloads import workbook
from bihuan.web.http import actor_of, page, signed_in

MAX_BYTES = 20_000_000


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def start(request: HttpRequest) -> HttpResponse:
    """Choose a workbook, try it, see every problem with its row; store it once nothing is wrong."""
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
        report = import_workbook(upload.read(), upload.name or "", actor=actor, dry_run=dry_run)
    except BusinessError as error:
        return _draw(request, problem=error.message, status=422)
    return _draw(request, report, status=200 if report.ok else 422)


@require_GET
@signed_in
def template(request: HttpRequest) -> HttpResponse:
    """The workbook to fill in, with examples."""
    actor_of(request).require("import.run")
    return workbook(template_workbook(), "bihuan-template")


def _draw(
    request: HttpRequest, report: ImportReport | None = None, *, problem: str = "", status: int = 200
) -> HttpResponse:
    return page(request, "imports/page.html", {"report": report, "problem": problem}, status=status)
