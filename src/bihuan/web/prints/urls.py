from __future__ import annotations

from django.urls import path

from bihuan.web.prints import views

app_name = "prints"
urlpatterns = [path("print/case/<int:case_id>/<slug:kind>", views.paper, name="paper")]
