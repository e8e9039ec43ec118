from __future__ import annotations

from django.urls import path

from bihuan.web.processes import views

app_name = "processes"
urlpatterns = [
    path("processes", views.listing, name="list"),
    path("processes/scripts/<str:key>", views.script, name="script"),
    path("processes/incidents/<int:incident_id>", views.resolve, name="resolve"),
    path("processes/<str:key>", views.detail, name="detail"),
    path("processes/<str:key>/diagram.bpmn", views.diagram, name="diagram"),
]
