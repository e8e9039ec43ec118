from __future__ import annotations

from django.urls import path

from bihuan.web.notices import views

app_name = "notices"
urlpatterns = [
    path("notices", views.centre, name="centre"),
    path("notices/live", views.live, name="live"),
    path("notices/read", views.read_all, name="read_all"),
    path("notices/settings", views.settings, name="settings"),
    path("notices/<int:notice_id>", views.open_notice, name="open"),
]
