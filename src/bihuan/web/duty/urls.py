from __future__ import annotations

from django.urls import path

from bihuan.web.duty import handover, own, roster

app_name = "duty"
urlpatterns = [
    path("duty", own.home, name="home"),
    path("duty/leave", own.ask, name="ask"),
    path("duty/leave/<int:leave_id>/cancel", own.cancel, name="cancel"),
    path("duty/delegations", own.delegate, name="delegate"),
    path("duty/delegations/<int:delegation_id>/end", own.end, name="end"),
    path("duty/now", roster.now, name="now"),
    path("duty/roster", roster.week, name="roster"),
    path("duty/roster/<slug:deed>", roster.change, name="change"),
    path("duty/decisions", roster.decide, name="decisions"),
    path("duty/decisions/<int:leave_id>", roster.answer, name="answer"),
    path("duty/unattended", roster.unattended, name="unattended"),
    path("duty/people/<int:user_id>/handover", handover.work, name="handover"),
    path("admin/people/<int:user_id>/handover", handover.leaver, name="leaver"),
]
