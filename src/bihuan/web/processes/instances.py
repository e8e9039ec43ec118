"""Process instances: the list with its search, one in full with its repairs, and the stuck ones together."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bihuan.kernel.errors import BusinessError, NotAllowed, NotFound
from bihuan.operations.pages.instances import (
    STATES,
    InstanceList,
    InstanceQuery,
    incident_list,
    instance_diagram,
    instance_list,
    instance_page,
    instance_xml,
)
from bihuan.operations.repairs import RETRY, repair_variables, resolve_incident, resolve_incidents, stop_instance
from bihuan.web.drawings import drawn_state
from bihuan.web.http import actor_of, go, page, signed_in, signed_in_json
from bihuan.web.wording import day, moment

STATE_MARKS = {"done": "done", "active": "current", "late": "late"}


@require_GET
@signed_in
def listing(request: HttpRequest) -> HttpResponse:
    """Instances of the site; the address is the view."""
    found = instance_list(InstanceQuery.of(request.GET.dict()), actor=actor_of(request))
    states = [
        {"label": label, "href": f"?{found.query.address(status=key)}", "current": found.query.status == key}
        for key, label in {"": "全部", **STATES}.items()
    ]
    context = {"found": found, "query": found.query, "states": states, "chips": _chips(found)}
    return page(request, "processes/instances.html", context)


@require_GET
@signed_in
def detail(request: HttpRequest, instance_id: int) -> HttpResponse:
    """One instance."""
    return page(request, "processes/instance.html", {"shown": instance_page(instance_id, actor=actor_of(request))})


@require_GET
@signed_in
def diagram_xml(request: HttpRequest, instance_id: int) -> HttpResponse:
    """The BPMN this instance runs on."""
    xml = instance_xml(instance_id, actor=actor_of(request))
    return HttpResponse(xml, content_type="application/xml; charset=utf-8")


@require_GET
@signed_in_json
def diagram_state(request: HttpRequest, instance_id: int) -> HttpResponse:
    """Where it stands, for the diagram."""
    nodes, (shown, copies) = {}, instance_diagram(instance_id, actor=actor_of(request))
    for node, known in shown.nodes.items():
        stuck, at = known.get("incident", ""), known.get("at")
        state = "late" if stuck else STATE_MARKS.get(known["state"], "done")
        nodes[node] = {"state": state, "who": known.get("by", ""), "at": moment(at) if at else "", "note": stuck}
    return drawn_state(nodes, shown.returns, copies)


@require_POST
@signed_in
def repair(request: HttpRequest, instance_id: int) -> HttpResponse:
    """Change variables, or stop the process."""
    here, actor = reverse("processes:instance", args=(instance_id,)), actor_of(request)
    try:
        if request.POST.get("how") == "stop":
            stop_instance(instance_id, reason=request.POST.get("reason", ""), actor=actor)
            return go(request, here, "流程已终止")
        texts = {key.removeprefix("var-"): text for key, text in request.POST.items() if key.startswith("var-")}
        if request.POST.get("name"):
            texts[str(request.POST["name"])] = request.POST.get("value", "")
        changed = repair_variables(instance_id, {name: str(text) for name, text in texts.items()}, actor=actor)
    except (NotAllowed, NotFound):
        raise
    except BusinessError as error:
        return go(request, here, error.message, tone="bad")
    return go(request, here, f"已修改变量：{'、'.join(changed)}" if changed else "变量没有变化")


@require_POST
@signed_in
def resolve(request: HttpRequest, incident_id: int) -> HttpResponse:
    """Try again or skip one that is stuck; afterwards back to where the person was."""
    how, instance = request.POST.get("how", ""), request.POST.get("instance", "")
    at_instance = instance.isascii() and instance.isdigit() and len(instance) < 18
    here = reverse("processes:instance", args=(int(instance),)) if at_instance else reverse("processes:incidents")
    try:
        goes_on = resolve_incident(incident_id, how=how, actor=actor_of(request), flow=request.POST.get("flow") or None)
    except (NotAllowed, NotFound):
        raise
    except BusinessError as error:
        return go(request, here, error.message, tone="bad")
    if not goes_on:
        return go(request, here, "流程仍然停下，原因见列表", tone="bad")
    return go(request, here, "已重试，流程继续" if how == RETRY else "已跳过，流程继续")


@require_http_methods(["GET", "POST"])
@signed_in
def incidents(request: HttpRequest) -> HttpResponse:
    """Everything that is stuck; choosing many and retrying or skipping them at once."""
    actor, asked = actor_of(request), request.POST if request.method == "POST" else request.GET
    results, problem = None, ""
    if request.method == "POST":
        chosen = [int(text) for text in request.POST.getlist("chosen") if text.isdecimal() and len(text) < 18]
        try:
            results = resolve_incidents(chosen, how=request.POST.get("how", ""), actor=actor)
        except NotAllowed:
            raise
        except BusinessError as error:
            problem = error.message
    found = incident_list(process=asked.get("process", ""), words=asked.get("words", ""), actor=actor)
    context = {"found": found, "results": results, "problem": problem}
    return page(request, "processes/incidents.html", context, status=422 if problem else 200)


def _chips(found: InstanceList) -> list[dict[str, str]]:
    query = found.query
    process = next((one.name for one in found.processes if one.key == query.process), query.process)
    node = next((one.label for one in found.nodes if one.id == query.node), query.node)
    person = next((one.name for one in found.people if one.pk == query.person), "已离任")
    asked = (
        ("搜索", query.search, {"search": ""}),
        ("流程", process, {"process": "", "node": "", "version": None}),
        ("版本", f"第 {query.version} 版" if query.version else "", {"version": None}),
        ("停在", node, {"node": ""}),
        ("经手人", person if query.person else "", {"person": None}),
        ("从", day(query.since) if query.since else "", {"since": None}),
        ("到", day(query.until) if query.until else "", {"until": None}),
        ("异常", query.incident, {"incident": ""}),
        ("变量", f"{query.variable} = {query.value}" if query.value else query.variable, {"variable": "", "value": ""}),
    )
    return [
        {"label": label, "value": value, "remove_href": f"?{query.address(**without)}"}
        for label, value, without in asked
        if value
    ]
