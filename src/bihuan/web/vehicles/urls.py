from __future__ import annotations

from django.urls import path

from bihuan.web.vehicles import views

app_name = "vehicles"
urlpatterns = [
    path("vehicles", views.listing, name="list"),
    path("vehicles/export", views.export, name="export"),
    path("vehicles/new", views.create, name="create"),
    path("vehicles/<int:vehicle_id>", views.detail, name="detail"),
    path("vehicles/<int:vehicle_id>/edit", views.edit, name="edit"),
]
