"""People and their posts."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bihuan.kernel.errors import BusinessError, NotAllowed
from bihuan.operations.duty.handover import holdings_of
from bihuan.operations.pages.administration import (
    departments_here,
    first_area,
    person_page,
    positions_here,
    post_with_roles,
    roles,
)
from bihuan.operations.pages.audit_log import deed_name
from bihuan.org.actor import Actor
from bihuan.org.directory import colleagues_at, posts_at
from bihuan.org.people import (
    change_person,
    deactivate_person,
    hire_person,
    reactivate_person,
    reset_password,
    unlock_person,
)
from bihuan.org.positions import assign_position, create_position, end_position, map_role
from bihuan.web.admin.tabs import tabs_for
from bihuan.web.http import actor_of, go, page, signed_in


@require_GET
@signed_in
def home(request: HttpRequest) -> HttpResponse:
    """The first area the person may open."""
    return go(request, reverse(first_area(actor_of(request))))


@require_GET
@signed_in
def listing(request: HttpRequest) -> HttpResponse:
    """The people of the current site."""
    actor = actor_of(request)
    search, everybody = request.GET.get("q", "").strip()[:60], request.GET.get("all") == "1"
    people = colleagues_at(_site(actor), actor=actor, search=search, include_inactive=everybody)
    context = {"tabs": tabs_for(actor, "people"), "people": people, "search": search, "everybody": everybody}
    return page(request, "admin/people.html", context)


@require_http_methods(["GET", "POST"])
@signed_in
def hire(request: HttpRequest) -> HttpResponse:
    """A new colleague: account, first password, posts."""
    actor = actor_of(request)
    actor.require("admin.people")
    problem: BusinessError | None = None
    if request.method == "POST":
        try:
            user = hire_person(
                site_id=_site(actor),
                username=request.POST.get("username", "").strip(),
                name=request.POST.get("name", ""),
                phone=request.POST.get("phone", ""),
                password=request.POST.get("password") or None,
                position_ids=tuple(_numbers(request, "position")),
                actor=actor,
            )
        except NotAllowed:
            raise
        except BusinessError as error:
            problem = error
        else:
            return go(request, reverse("admin:person", args=(user.pk,)), f"{user.name}已入职")
    context = {
        "tabs": tabs_for(actor, "people"),
        "positions": positions_here(actor),
        "chosen": _numbers(request, "position"),
        "problem": problem,
        "typed": request.POST,
    }
    return page(request, "admin/hire.html", context, status=422 if problem else 200)


@require_GET
@signed_in
def person(request: HttpRequest, user_id: int) -> HttpResponse:
    """One person with everything that can be done."""
    return _person(request, user_id)


@require_POST
@signed_in
def act(request: HttpRequest, user_id: int, deed: str) -> HttpResponse:
    """One deed on a person; a refusal is shown where it was tried."""
    actor = actor_of(request)
    try:
        said = _do(deed, user_id, request, actor)
    except NotAllowed:
        raise
    except BusinessError as error:
        return _person(request, user_id, problem=error, deed=deed)
    return go(request, reverse("admin:person", args=(user_id,)), said)


def _do(deed: str, user_id: int, request: HttpRequest, actor: Actor) -> str:
    post = request.POST
    if deed == "change":
        change_person(user_id, name=post.get("name", ""), phone=post.get("phone", ""), actor=actor)
        return "资料已保存"
    if deed == "deactivate":
        if holdings_of(user_id, actor=actor).count:
            raise BusinessError("名下还有没交接的工作，请先办理离职交接", field="reason")
        return f"{deactivate_person(user_id, reason=post.get('reason', ''), actor=actor).name}已停用"
    if deed == "reactivate":
        return f"{reactivate_person(user_id, actor=actor).name}已重新启用，请指定岗位"
    if deed == "unlock":
        return f"{unlock_person(user_id, actor=actor).name}可以重新登录了"
    if deed == "password":
        return f"{reset_password(user_id, password=post.get('password', ''), actor=actor).name}的密码已重设"
    position_id = next(iter(_numbers(request, "position")), None)
    if position_id is None:
        raise BusinessError("请选择岗位", field="position")
    if deed == "assign":
        return f"已任{assign_position(user_id, position_id=position_id, actor=actor).position.name}"
    if deed == "end":
        return f"已撤销{end_position(user_id, position_id=position_id, actor=actor).position.name}"
    raise BusinessError("没有这个操作")


def _person(
    request: HttpRequest, user_id: int, *, problem: BusinessError | None = None, deed: str = ""
) -> HttpResponse:
    actor = actor_of(request)
    shown = person_page(user_id, actor=actor)
    history = [{"at": entry.at, "who": "", "what": deed_name(entry.action)} for entry in shown.history]
    context = {
        "tabs": tabs_for(actor, "people"), "shown": shown, "person": shown.person, "history": history,
        "problem": problem, "deed": deed, "typed": request.POST,
    }  # fmt: skip
    return page(request, "admin/person.html", context, status=422 if problem else 200)


@require_http_methods(["GET", "POST"])
@signed_in
def positions(request: HttpRequest) -> HttpResponse:
    """The posts of the current site; a new one is made here."""
    actor = actor_of(request)
    problem: BusinessError | None = None
    if request.method == "POST":
        try:
            made = create_position(
                site_id=_site(actor),
                name=request.POST.get("name", ""),
                roles=request.POST.getlist("role"),
                department_id=next(iter(_numbers(request, "department")), None),
                reach=request.POST.get("reach", "site"),
                actor=actor,
            )
        except NotAllowed:
            raise
        except BusinessError as error:
            problem = error
        else:
            return go(request, reverse("admin:positions"), f"岗位“{made.name}”已建立")
    context = {
        "tabs": tabs_for(actor, "positions"), "posts": posts_at(_site(actor), actor=actor), "roles": roles(),
        "departments": departments_here(actor), "problem": problem, "typed": request.POST,
        "chosen": request.POST.getlist("role"),
    }  # fmt: skip
    return page(request, "admin/positions.html", context, status=422 if problem else 200)


@require_http_methods(["GET", "POST"])
@signed_in
def position(request: HttpRequest, position_id: int) -> HttpResponse:
    """Which process roles a post carries."""
    actor = actor_of(request)
    shown, held = post_with_roles(position_id, actor=actor)
    if request.method == "POST":
        map_role(position_id, roles=request.POST.getlist("role"), actor=actor)
        return go(request, reverse("admin:positions"), f"岗位“{shown.name}”的角色已保存")
    context = {"tabs": tabs_for(actor, "positions"), "position": shown, "held": held, "roles": roles()}
    return page(request, "admin/position.html", context)


def _site(actor: Actor) -> int:
    actor.require("admin.people")
    return actor.site_id or 0


def _numbers(request: HttpRequest, name: str) -> list[int]:
    return [int(text) for text in request.POST.getlist(name) if text.isdecimal() and len(text) < 12]
