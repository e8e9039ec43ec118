"""Processes, scripts and incidents."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bihuan.kernel.errors import BusinessError, NotAllowed, NotFound
from bihuan.operations.pages.process_pages import (
    open_incidents,
    process_page,
    process_xml,
    publish_script,
    published_processes,
    resolve_incident,
    script_versions,
    scripts,
)
from bihuan.web.http import actor_of, go, page, signed_in


@require_GET
@signed_in
def listing(request: HttpRequest) -> HttpResponse:
    """What is in force, what is stuck, what to say."""
    actor = actor_of(request)
    context = {
        "processes": published_processes(actor=actor),
        "incidents": open_incidents(actor=actor),
        "scripts": scripts(actor=actor),
    }
    return page(request, "processes/list.html", context)


@require_GET
@signed_in
def detail(request: HttpRequest, key: str) -> HttpResponse:
    """The swimlanes and the table of steps."""
    return page(request, "processes/detail.html", {"shown": process_page(key, actor=actor_of(request))})


@require_GET
@signed_in
def diagram(request: HttpRequest, key: str) -> HttpResponse:
    """The BPMN in force."""
    xml = process_xml(key, actor=actor_of(request))
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


@require_POST
@signed_in
def resolve(request: HttpRequest, incident_id: int) -> HttpResponse:
    """Try again or skip what is stuck."""
    how, here = request.POST.get("how", ""), reverse("processes:list")
    try:
        goes_on = resolve_incident(incident_id, how=how, actor=actor_of(request))
    except (NotAllowed, NotFound):
        raise
    except BusinessError as error:
        return go(request, here, error.message, tone="bad")
    if not goes_on:
        return go(request, here, "流程仍然停下，原因见列表", tone="bad")
    return go(request, here, "已重试，流程继续" if how == "retry" else "已跳过，流程继续")
