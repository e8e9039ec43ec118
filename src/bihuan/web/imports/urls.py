from __future__ import annotations

from django.urls import path

from bihuan.web.imports import views

app_name = "imports"
urlpatterns = [
    path("import", views.start, name="start"),
    path("import/template", views.template, name="template"),
    path("import/<int:run_id>", views.run, name="run"),
    path("import/<int:run_id>/store", views.store, name="store"),
]
