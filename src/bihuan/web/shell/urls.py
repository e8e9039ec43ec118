from __future__ import annotations

from django.urls import path

from bihuan.web.shell import views

app_name = "shell"
urlpatterns = [
    path("site", views.choose_site, name="site"),
    path("theme", views.choose_theme, name="theme"),
    path("styleguide", views.style_guide, name="styleguide"),
]
