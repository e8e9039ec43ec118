from __future__ import annotations

from django.urls import path

from bihuan.web.processes import instances, messages, publishing, versions, views

app_name = "processes"
urlpatterns = [
    path("processes", views.listing, name="list"),
    path("processes/scripts/<str:key>", views.script, name="script"),
    path("processes/decisions/<str:key>", views.decision, name="decision"),
    path("processes/incidents", instances.incidents, name="incidents"),
    path("processes/incidents/<int:incident_id>", instances.resolve, name="resolve"),
    path("processes/messages", messages.listing, name="messages"),
    path("processes/instances", instances.listing, name="instances"),
    path("processes/instances/<int:instance_id>", instances.detail, name="instance"),
    path("processes/instances/<int:instance_id>/repair", instances.repair, name="repair"),
    path("processes/instances/<int:instance_id>/diagram.bpmn", instances.diagram_xml, name="instance_xml"),
    path("processes/instances/<int:instance_id>/diagram.json", instances.diagram_state, name="instance_state"),
    path("processes/sweeps/<int:sweep_id>", versions.sweep, name="sweep"),
    path("processes/sweeps/<int:sweep_id>/report.xlsx", versions.report, name="sweep_report"),
    path("processes/<str:key>", views.detail, name="detail"),
    path("processes/<str:key>/publish", publishing.publish, name="publish"),
    path("processes/<str:key>/versions", versions.versions, name="versions"),
    path("processes/<str:key>/versions/<int:number>.bpmn", views.diagram, name="version_diagram"),
    path("processes/<str:key>/migrate", versions.migrate, name="migrate"),
    path("processes/<str:key>/diagram.bpmn", views.diagram, name="diagram"),
]
