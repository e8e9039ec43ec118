from __future__ import annotations

from django.urls import path

from bihuan.web.shell import views

app_name = "shell"
urlpatterns = [
    path("site", views.choose_site, name="site"),
    path("theme", views.choose_theme, name="theme"),
    path("notices", views.notices, name="notices"),
    path("notices/read", views.read_notices, name="read_notices"),
    path("styleguide", views.style_guide, name="styleguide"),
]
