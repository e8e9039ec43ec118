from __future__ import annotations

from django.urls import path

from bihuan.web.channels import hooks, views

app_name = "channels"
urlpatterns = [
    path("admin/channels", views.listing, name="list"),
    path("admin/channels/retention", views.retention, name="retention"),
    path("admin/channels/new/<slug:kind>", views.connect, name="connect"),
    path("admin/channels/messages", views.messages, name="messages"),
    path("admin/channels/messages/again", views.again, name="again"),
    path("admin/channels/<int:channel_id>", views.channel, name="channel"),
    path("hooks/channels/<int:channel_id>", hooks.callback, name="hook"),
    path("admin/channels/<int:channel_id>/try", views.try_out, name="try"),
]
