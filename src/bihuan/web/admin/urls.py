from __future__ import annotations

from django.urls import path

from bihuan.web.admin import calendars, people, policy, standing

app_name = "admin"
urlpatterns = [
    path("admin", people.home, name="home"),
    path("admin/people", people.listing, name="people"),
    path("admin/people/new", people.hire, name="hire"),
    path("admin/people/<int:user_id>", people.person, name="person"),
    path("admin/people/<int:user_id>/<slug:deed>", people.act, name="act"),
    path("admin/standing", standing.home, name="standing"),
    path("admin/standing/<slug:deed>", standing.change, name="standing_change"),
    path("admin/positions", people.positions, name="positions"),
    path("admin/positions/<int:position_id>", people.position, name="position"),
    path("admin/roles", policy.matrix, name="roles"),
    path("admin/roles/<slug:key>", policy.role, name="role"),
    path("admin/sites", policy.sites, name="sites"),
    path("admin/sites/<int:site_id>", policy.site, name="site"),
    path("admin/sites/<int:site_id>/departments", policy.add_department, name="department"),
    path("admin/calendars", calendars.listing, name="calendars"),
    path("admin/calendars/new", calendars.edit, name="calendar_new"),
    path("admin/calendars/<int:calendar_id>", calendars.edit, name="calendar"),
    path("admin/holidays", calendars.this_years, name="holidays"),
    path("admin/holidays/<int:number>", calendars.year, name="holidays_of"),
    path("admin/holidays/<int:number>/<slug:deed>", calendars.change_year, name="holidays_do"),
    path("admin/audit", policy.audit, name="audit"),
]
