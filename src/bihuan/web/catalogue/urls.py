from __future__ import annotations

from django.urls import path

from bihuan.web.catalogue import views

app_name = "catalogue"
urlpatterns = [
    path("catalogue", views.listing, name="list"),
    path("catalogue/export.xlsx", views.export, name="export"),
    path("catalogue/slots", views.slot, name="slot"),
    path("catalogue/parts/new", views.part, name="new_part"),
    path("catalogue/parts/<int:part_id>", views.part, name="part"),
    path("catalogue/jobs/new", views.job, name="new_job"),
    path("catalogue/jobs/<int:job_id>", views.job, name="job"),
]
