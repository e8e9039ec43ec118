from __future__ import annotations

from django.urls import path

from bihuan.web.cases import acting, files, progress, views

app_name = "cases"
urlpatterns = [
    path("cases", views.listing, name="list"),
    path("cases/export.xlsx", views.export, name="export"),
    path("cases/<int:case_id>", views.detail, name="detail"),
    path("cases/<int:case_id>/cancel", views.cancel, name="cancel"),
    path("cases/<int:case_id>/process/<slug:key>", acting.act, name="act"),
    path("cases/<int:case_id>/begin", acting.begin, name="begin"),
    path("cases/<int:case_id>/phone", views.phone, name="phone"),
    path("cases/<int:case_id>/progress-code", progress.code, name="progress_code"),
    path("customer-notices/<int:notice_id>/called", views.customer_called, name="customer_called"),
    path("attachments/<int:attachment_id>", files.attachment, name="attachment"),
    path("instances/<int:instance_id>/diagram.bpmn", files.diagram_xml, name="diagram_xml"),
    path("instances/<int:instance_id>/diagram.json", files.diagram_state, name="diagram_state"),
    path("progress/<str:token>", progress.progress, name="progress"),
]
