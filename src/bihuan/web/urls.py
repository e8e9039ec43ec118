"""All screens. Each area adds its own line; addresses end without a slash."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("bihuan.web.shell.urls")),
    path("", include("bihuan.web.notices.urls")),
    path("", include("bihuan.web.signin.urls")),
    path("", include("bihuan.web.search.urls")),
    path("", include("bihuan.web.lookup.urls")),
    path("", include("bihuan.web.workbench.urls")),
    path("", include("bihuan.web.tasks.urls")),
    path("", include("bihuan.web.cases.urls")),
    path("", include("bihuan.web.copies.urls")),
    path("", include("bihuan.web.prints.urls")),
    path("", include("bihuan.web.calls.urls")),
    path("", include("bihuan.web.appointments.urls")),
    path("", include("bihuan.web.parts.urls")),
    path("", include("bihuan.web.cashier.urls")),
    path("", include("bihuan.web.guard.urls")),
    path("", include("bihuan.web.customers.urls")),
    path("", include("bihuan.web.vehicles.urls")),
    path("", include("bihuan.web.imports.urls")),
    path("", include("bihuan.web.channels.urls")),
    path("", include("bihuan.web.duty.urls")),
    path("", include("bihuan.web.admin.urls")),
    path("", include("bihuan.web.wall.urls")),
    path("", include("bihuan.web.catalogue.urls")),
    path("", include("bihuan.web.processes.urls")),
    path("", include("bihuan.web.reports.urls")),
    path("", include("bihuan.web.knowledge.urls")),
    path("", include("bihuan.web.limits.urls")),
]
