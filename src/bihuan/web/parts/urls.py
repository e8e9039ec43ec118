from __future__ import annotations

from django.urls import path

from bihuan.web.parts import views

app_name = "parts"
urlpatterns = [
    path("parts", views.counter, name="counter"),
    path("parts/receive", views.receive, name="receive"),
]
