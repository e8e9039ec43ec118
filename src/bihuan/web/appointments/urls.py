from __future__ import annotations

from django.urls import path

from bihuan.web.appointments import starting, views

app_name = "appointments"
urlpatterns = [
    path("appointments", views.board, name="board"),
    path("appointments/new", starting.new, name="new"),
    path("appointments/start", starting.start, name="start"),
    path("appointments/newcomer", starting.newcomer, name="newcomer"),
    path("appointments/<int:appointment_id>", views.booking, name="booking"),
    path("appointments/<int:appointment_id>/change", views.change, name="change"),
    path("appointments/<int:appointment_id>/cancel", views.cancel, name="cancel"),
    path("appointments/<int:appointment_id>/arrive", views.arrive, name="arrive"),
]
