from __future__ import annotations

from django.urls import path

from bihuan.web.calls import hooks, outreach, views

app_name = "calls"
urlpatterns = [
    path("calls", views.desk, name="desk"),
    path("calls/ringing", views.ringing, name="ringing"),
    path("calls/simulate", views.simulate, name="simulate"),
    path("calls/find", views.find, name="find"),
    path("calls/prices", views.prices, name="prices"),
    path("calls/<int:call_id>", views.talking, name="talk"),
    path("calls/<int:call_id>/answer", views.answer_call, name="answer"),
    path("calls/<int:call_id>/hang-up", views.end_call, name="hang_up"),
    path("calls/<int:call_id>/caller", views.note_caller, name="caller"),
    path("outreach", outreach.page_of_due, name="outreach"),
    path("outreach/start", outreach.start, name="start_outreach"),
    path("hooks/calls", hooks.calls, name="hook"),
]
