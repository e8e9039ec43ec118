"""Root addresses. Areas of screens add theirs in web/urls.py."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from bihuan.config.health import alive, ready

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", alive, name="alive"),
    path("readyz", ready, name="ready"),
    path("", include("bihuan.web.urls")),
]

handler400 = "bihuan.web.shell.errors.bad_request"
handler403 = "bihuan.web.shell.errors.not_allowed"
handler404 = "bihuan.web.shell.errors.not_found"
handler500 = "bihuan.web.shell.errors.server_error"
