"""Rights of roles, sites with their departments, and the audit log."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bihuan.kernel.errors import BusinessError, NotAllowed, NotFound
from bihuan.notify.personal import time_of_day
from bihuan.operations.pages.administration import (
    grants_matrix,
    managed_site,
    managed_sites,
    read_hours,
    set_grants,
)
from bihuan.operations.pages.audit_log import AuditQuery, audit_page
from bihuan.operations.pages.audit_words import CHAINS, DEEDS
from bihuan.org.sites import change_site, create_department, create_site
from bihuan.web.admin.tabs import tabs_for
from bihuan.web.http import actor_of, go, page, signed_in

DAYS = (
    ("mon", "周一"), ("tue", "周二"), ("wed", "周三"), ("thu", "周四"), ("fri", "周五"), ("sat", "周六"),
    ("sun", "周日"),
)  # fmt: skip


@require_GET
@signed_in
def matrix(request: HttpRequest) -> HttpResponse:
    """Role by action: who may do what."""
    actor = actor_of(request)
    return page(request, "admin/roles.html", {"tabs": tabs_for(actor, "roles"), "matrix": grants_matrix(actor=actor)})


@require_http_methods(["GET", "POST"])
@signed_in
def role(request: HttpRequest, key: str) -> HttpResponse:
    """The rights of one role."""
    actor = actor_of(request)
    shown = grants_matrix(actor=actor)
    column = next((number for number, one in enumerate(shown.roles) if one.key == key), None)
    if column is None:
        raise NotFound("没有这个流程角色")
    if request.method == "POST":
        changed = set_grants(key, actions=request.POST.getlist("action"), actor=actor)
        return go(request, reverse("admin:roles"), f"{shown.roles[column].name}：改变了 {changed} 项权限")
    context = {
        "tabs": tabs_for(actor, "roles"), "role": shown.roles[column], "editable": shown.editable,
        "rows": [(action, label, cells[column]) for action, label, cells in shown.rows],
    }  # fmt: skip
    return page(request, "admin/role.html", context)


@require_http_methods(["GET", "POST"])
@signed_in
def sites(request: HttpRequest) -> HttpResponse:
    """The sites under one's management; a new one is opened here."""
    actor = actor_of(request)
    problem: BusinessError | None = None
    if request.method == "POST":
        parent = request.POST.get("parent", "")
        try:
            made = create_site(
                code=request.POST.get("code", "").strip().upper(),
                name=request.POST.get("name", ""),
                parent_id=int(parent) if parent.isdecimal() and len(parent) < 12 else None,
                phone=request.POST.get("phone", "").strip(),
                address=request.POST.get("address", "").strip(),
                actor=actor,
            )
        except NotAllowed:
            raise
        except BusinessError as error:
            problem = error
        else:
            return go(request, reverse("admin:site", args=(made.pk,)), f"{made.name}已开设，请填写营业时间")
    context = {
        "tabs": tabs_for(actor, "sites"), "sites": managed_sites(actor=actor), "problem": problem,
        "typed": request.POST,
    }  # fmt: skip
    return page(request, "admin/sites.html", context, status=422 if problem else 200)


@require_http_methods(["GET", "POST"])
@signed_in
def site(request: HttpRequest, site_id: int) -> HttpResponse:
    """Name, telephone, address, hours of one site, and whether it is open."""
    actor = actor_of(request)
    shown = managed_site(site_id, actor=actor)
    typed: dict[str, Any] = {
        "name": shown.name, "phone": shown.phone, "address": shown.address, "is_active": shown.is_active,
        "quiet_from": shown.quiet_from and shown.quiet_from.strftime("%H:%M"),
        "quiet_until": shown.quiet_until and shown.quiet_until.strftime("%H:%M"),
        **{f"hours_{day}": " ".join("-".join(span) for span in shown.hours.get(day, ())) for day, _ in DAYS},
    }  # fmt: skip
    problem: BusinessError | None = None
    if request.method == "POST":
        typed = {**{key: request.POST.get(key, "") for key in typed}, "is_active": "is_active" in request.POST}
        try:
            change_site(
                site_id,
                actor=actor,
                name=typed["name"],
                phone=typed["phone"].strip(),
                address=typed["address"].strip(),
                hours=read_hours(typed),
                quiet_from=time_of_day(typed["quiet_from"], "quiet_from"),
                quiet_until=time_of_day(typed["quiet_until"], "quiet_until"),
                is_active=typed["is_active"],
            )
        except NotAllowed:
            raise
        except BusinessError as error:
            problem = error
        else:
            return go(request, reverse("admin:sites"), "门店资料已保存")
    context = {"tabs": tabs_for(actor, "sites"), "site": shown, "typed": typed, "days": DAYS, "problem": problem}
    return page(request, "admin/site.html", context, status=422 if problem else 200)


@require_POST
@signed_in
def add_department(request: HttpRequest, site_id: int) -> HttpResponse:
    """A new department of a site."""
    made = create_department(site_id=site_id, name=request.POST.get("name", ""), actor=actor_of(request))
    return go(request, reverse("admin:sites"), f"部门“{made.name}”已建立")


@require_GET
@signed_in
def audit(request: HttpRequest) -> HttpResponse:
    """Who did what to what, newest first."""
    actor = actor_of(request)
    found = audit_page(AuditQuery.of(request.GET.dict()), actor=actor)
    context = {
        "tabs": tabs_for(actor, "audit"), "found": found, "query": found.query, "kinds": CHAINS, "deeds": DEEDS,
    }  # fmt: skip
    return page(request, "admin/audit.html", context)
