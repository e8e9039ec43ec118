from __future__ import annotations

from django.urls import path

from bihuan.web.tasks import acting, handing, views

app_name = "tasks"
urlpatterns = [
    path("tasks/<int:item_id>", views.task, name="task"),
    path("tasks/<int:item_id>/newcomer", views.newcomer, name="newcomer"),
    path("tasks/<int:item_id>/act/<slug:key>", acting.act, name="act"),
    path("tasks/<int:item_id>/claim", handing.claim, name="claim"),
    path("tasks/<int:item_id>/release", handing.release, name="release"),
    path("tasks/<int:item_id>/pause", handing.pause, name="pause"),
    path("tasks/<int:item_id>/resume", handing.resume, name="resume"),
]
