from __future__ import annotations

from django.urls import path

from bihuan.web.lookup import views

app_name = "lookup"
urlpatterns = [path("lookup/<slug:kind>", views.search, name="search")]
