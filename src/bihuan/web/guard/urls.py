from __future__ import annotations

from django.urls import path

from bihuan.web.guard import views

app_name = "guard"
urlpatterns = [
    path("guard", views.desk, name="desk"),
    path("guard/paper/<slug:token>", views.scan, name="scan"),
    path("guard/release", views.let_car_go, name="release"),
]
