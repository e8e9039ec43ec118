"""Processes, decision tables and scripts."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from bihuan.kernel.errors import BusinessError, NotAllowed, NotFound
from bihuan.operations.decisions import publish_decisions
from bihuan.operations.pages.decision_pages import decision_page, published_decisions
from bihuan.operations.pages.instances import incident_list
from bihuan.operations.pages.kept_messages import messages_over
from bihuan.operations.pages.process_pages import (
    change_retention,
    change_start,
    process_page,
    process_xml,
    publish_script,
    published_processes,
    script_versions,
    scripts,
)
from bihuan.web.http import actor_of, go, page, signed_in

MAX_BYTES = 400_000


@require_GET
@signed_in
def listing(request: HttpRequest) -> HttpResponse:
    """What is in force, what is stuck, what to say."""
    actor = actor_of(request)
    context = {
        "processes": published_processes(actor=actor),
        "incidents": incident_list(actor=actor).rows,
        "messages_over": messages_over(actor=actor),
        "scripts": scripts(actor=actor),
        "decisions": published_decisions(actor=actor),
    }
    return page(request, "processes/list.html", context)


@require_http_methods(["GET", "POST"])
@signed_in
def detail(request: HttpRequest, key: str) -> HttpResponse:
    """The swimlanes, the table of steps, where it begins by itself, and for how long what is finished stays."""
    if request.method == "POST":
        here = reverse("processes:detail", args=(key,))
        actor = actor_of(request)
        start = request.POST.get("start", "")
        try:
            if start.isascii() and start.isdigit() and len(start) < 18:
                how, reason = request.POST.get("how", ""), request.POST.get("reason", "")
                held = change_start(int(start), how=how, reason=reason, actor=actor).held_at
                return go(request, here, "已暂停自动发起" if held else "已恢复自动发起")
            change_retention(key, request.POST.get("days", ""), actor=actor)
        except (NotAllowed, NotFound):
            raise
        except BusinessError as error:
            return go(request, here, error.message, tone="bad")
        return go(request, here, "保存期限已更改")
    return page(request, "processes/detail.html", {"shown": process_page(key, actor=actor_of(request))})


@require_GET
@signed_in
def diagram(request: HttpRequest, key: str, number: int | None = None) -> HttpResponse:
    """The BPMN in force, or of an older version."""
    xml = process_xml(key, number, actor=actor_of(request))
    return HttpResponse(xml, content_type="application/xml; charset=utf-8")


@require_http_methods(["GET", "POST"])
@signed_in
def script(request: HttpRequest, key: str) -> HttpResponse:
    """One script; a new text is a new version."""
    actor = actor_of(request)
    versions = script_versions(key, actor=actor)
    problem: BusinessError | None = None
    if request.method == "POST":
        number = request.POST.get("expected", "")
        expected = int(number) if number.isdecimal() and len(number) < 9 else 0
        try:
            made = publish_script(key, request.POST.get("body", ""), expected=expected, actor=actor)
        except NotAllowed:
            raise
        except BusinessError as error:
            problem = error
        else:
            return go(request, reverse("processes:script", args=(key,)), f"话术第 {made.number} 版已生效")
    body = request.POST.get("body", versions[0].body) if problem else versions[0].body
    context = {"key": key, "versions": versions, "body": body, "problem": problem}
    return page(request, "processes/script.html", context, status=422 if problem else 200)


@require_http_methods(["GET", "POST"])
@signed_in
def decision(request: HttpRequest, key: str) -> HttpResponse:
    """One file of decision tables; a new file is a new version."""
    actor = actor_of(request)
    problem: BusinessError | None = None
    if request.method == "POST":
        number, upload = request.POST.get("expected", ""), request.FILES.get("file")
        expected = int(number) if number.isdecimal() and len(number) < 9 else 0
        try:
            if upload is None or (upload.size or 0) > MAX_BYTES:
                raise BusinessError("请选择 DMN 文件，最大 400 KB", "file")
            made = publish_decisions(key, upload.read(), expected=expected, actor=actor)
        except (NotAllowed, NotFound):
            raise
        except BusinessError as error:
            problem = error
        else:
            return go(request, reverse("processes:decision", args=(key,)), f"决策表第 {made} 版已生效")
    context = {"shown": decision_page(key, actor=actor), "problem": problem}
    return page(request, "processes/decision.html", context, status=422 if problem else 200)
