from __future__ import annotations

from django.urls import path

from bihuan.web.customers import views

app_name = "customers"
urlpatterns = [
    path("customers", views.listing, name="list"),
    path("customers/export", views.export, name="export"),
    path("customers/new", views.create, name="create"),
    path("customers/<int:customer_id>", views.detail, name="detail"),
    path("customers/<int:customer_id>/edit", views.edit, name="edit"),
    path("customers/<int:customer_id>/merge", views.merge, name="merge"),
    path("customers/<int:customer_id>/phone", views.phone, name="phone"),
    path("customers/<int:customer_id>/consent", views.consent, name="consent"),
]
