from __future__ import annotations

from django.urls import path

from bihuan.web.copies import views

app_name = "copies"
urlpatterns = [
    path("copies", views.mine, name="mine"),
    path("copies/<int:case_id>/open", views.read, name="open"),
    path("copies/<int:case_id>/confirm", views.confirm, name="confirm"),
    path("copies/<int:copy_id>/urge", views.urge, name="urge"),
    path("copies/<int:copy_id>/withdraw", views.withdraw, name="withdraw"),
]
