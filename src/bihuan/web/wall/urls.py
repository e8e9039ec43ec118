from __future__ import annotations

from django.urls import path

from bihuan.web.wall import displays, views

app_name = "wall"
urlpatterns = [
    path("wall/preview/<slug:board>", views.preview, name="preview"),
    path("wall/<str:token>", views.display, name="display"),
    path("admin/displays", displays.listing, name="displays"),
    path("admin/displays/<int:display_id>/revoke", displays.revoke, name="revoke"),
]
