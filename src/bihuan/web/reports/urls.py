from __future__ import annotations

from django.urls import path

from bihuan.web.reports import calls, limits, views

app_name = "reports"
urlpatterns = [
    path("reports", views.home, name="home"),
    path("reports/limits", limits.report, name="limits"),
    path("reports/limits/export", limits.export_the_report, name="limits_export"),
    path("reports/calls", calls.list_calls, name="calls"),
    path("reports/calls/export", calls.export_list, name="calls_export"),
    path("clocks", limits.clocks, name="clocks"),
    path("clocks/export", limits.export_the_clocks, name="clocks_export"),
]
