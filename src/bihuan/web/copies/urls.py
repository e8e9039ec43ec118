from __future__ import annotations

from django.urls import path

from bihuan.records.copies import CASE, INSTANCE
from bihuan.web.copies import views

app_name = "copies"
urlpatterns = [
    path("copies", views.mine, name="mine"),
    path("copies/<int:number>/open", views.read, {"kind": CASE}, name="open"),
    path("copies/<int:number>/confirm", views.confirm, {"kind": CASE}, name="confirm"),
    path("copies/process/<int:instance_id>", views.process, name="process"),
    path("copies/process/<int:number>/open", views.read, {"kind": INSTANCE}, name="open_process"),
    path("copies/process/<int:number>/confirm", views.confirm, {"kind": INSTANCE}, name="confirm_process"),
    path("copies/<int:copy_id>/urge", views.urge, name="urge"),
    path("copies/<int:copy_id>/withdraw", views.withdraw, name="withdraw"),
]
