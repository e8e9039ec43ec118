"""Files of a case and the data of its diagrams, to those who may see the case."""

from __future__ import annotations

from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.http import require_GET

from bihuan.operations.pages.case_page import diagram_marks, instance_for
from bihuan.org.models import Site
from bihuan.records.attachments import open_attachment
from bihuan.web.drawings import drawn_state
from bihuan.web.http import actor_of, signed_in, signed_in_json
from bihuan.web.wording import moment


@require_GET
@signed_in
def attachment(request: HttpRequest, attachment_id: int) -> HttpResponse:
    """One file with headers that let a browser show it and nothing else."""
    opened = open_attachment(attachment_id, actor=actor_of(request))
    response: HttpResponseBase = FileResponse(opened.stream, filename=opened.attachment.name)
    for name, value in opened.headers.items():
        response.headers[name] = value
    return response  # type: ignore[return-value]


@require_GET
@signed_in
def diagram_xml(request: HttpRequest, instance_id: int) -> HttpResponse:
    """The version of the model that this instance runs on."""
    instance = instance_for(instance_id, actor=actor_of(request))
    response = HttpResponse(instance.version.xml, content_type="application/xml; charset=utf-8")
    response.headers["Cache-Control"] = "private, max-age=86400"
    return response


@require_GET
@signed_in_json
def diagram_state(request: HttpRequest, instance_id: int) -> HttpResponse:
    """Where the instance stands: `{"nodes": {id: {"state", "who", "at", "note"}}}` with moments as people read them;
    what was sent back, `"returns": [{"from", "to", "times"}]`; who was told, `"copies": [{"node", "label", "text"}]`.
    """
    actor = actor_of(request)
    site = instance_for(instance_id, actor=actor).site_id
    zone = Site.objects.values_list("timezone", flat=True).get(pk=site)
    shown = diagram_marks(instance_id, actor=actor)
    for mark in shown.nodes.values():
        mark["at"] = moment(mark["at"], zone) if mark["at"] else ""
    return drawn_state(shown.nodes, shown.returns, shown.copies)
