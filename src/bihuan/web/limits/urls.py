from __future__ import annotations

from django.urls import path

from bihuan.web.limits import views

app_name = "limits"
urlpatterns = [
    path("clocks/<int:clock_id>", views.clock, name="clock"),
    path("clocks/<int:clock_id>/<slug:deed>", views.decide, name="decide"),
    path("clocks/item/<int:item_id>", views.of_item, name="item"),
    path("clocks/case/<int:case_id>/<slug:key>", views.of_case, name="case"),
]
