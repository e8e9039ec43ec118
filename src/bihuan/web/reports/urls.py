from __future__ import annotations

from django.urls import path

from bihuan.web.reports import views

app_name = "reports"
urlpatterns = [path("reports", views.home, name="home")]
