from __future__ import annotations

from django.urls import path

from bihuan.web.knowledge import views

app_name = "knowledge"
urlpatterns = [
    path("knowledge", views.listing, name="list"),
    path("knowledge/<slug:key>", views.note, name="note"),
]
