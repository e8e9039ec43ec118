from __future__ import annotations

from django.urls import path

from bihuan.web.cashier import views

app_name = "cashier"
urlpatterns = [
    path("cashier", views.desk, name="desk"),
    path("cashier/refund/<int:case_id>", views.refund, name="refund"),
]
