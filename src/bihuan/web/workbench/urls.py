from __future__ import annotations

from django.urls import path

from bihuan.web.workbench import views

app_name = "workbench"
urlpatterns = [
    path("", views.home, name="home"),
    path("arrivals", views.arrive, name="arrive"),
    path("beginnings", views.begin_case, name="begin"),
]
