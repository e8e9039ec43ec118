"""Signing in by name and password, or, in the demo, as one of its people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from bihuan.accounts.models import User
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, NotAllowed
from bihuan.org import sessions
from bihuan.org.models import Role
from bihuan.org.sessions import DemoPerson
from bihuan.processes.models import WorkItem
from bihuan.web.http import page
from bihuan.web.shell.views import safe_target

# What each post does in the demo's story, in the order a car meets them. Roles are the names of the role catalogue.
DEMO_ROLES: tuple[tuple[str, str, str], ...] = (
    ("客服专员", "headset", "打邀约电话、接来电、登记预约，三天后回访"),
    ("前台值班员", "bell", "登记到店车辆，核对证件和电话，多车时再叫顾问"),
    ("服务顾问", "user-check", "接车、环车检查、估价说明，结算送客"),
    ("维修技师", "tools", "预检、升举机上确认故障、领料、维修"),
    ("车间主管", "hierarchy", "派工、协调工位，盯住每台车的时限"),
    ("配件员", "box", "核对领料单、发料、缺件调货"),
    ("技术总监", "rosette", "逐项完工检验、路试，盖蓝章或红章"),
    ("收银员", "cash", "收款、开出门证"),
    ("保安/值班员", "key", "收钥匙，凭出门证和结算单放行"),
    ("服务经理", "chart", "看全店进度和报表，批准更正与退款"),
    ("系统管理员", "settings", "人员、岗位、价格、导入"),
)


@dataclass(frozen=True, slots=True)
class DemoCard:
    """One person on the demo's sign-in page."""

    person: DemoPerson
    role: str
    icon: str
    today: str
    waiting: int
    late: int


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in_page(request: HttpRequest) -> HttpResponse:
    """The sign-in page; POST signs in and goes to the page that was asked for."""
    target = safe_target(request, request.POST.get("next") or request.GET.get("next") or "/")
    if request.method != "POST":
        return redirect(target) if isinstance(request.user, User) else _page(request, target)
    username, password = request.POST.get("username", "")[:200], request.POST.get("password", "")[:1000]
    if not username.strip() or not password:
        return _page(request, target, username, "请填写登录名和密码", 422)
    try:
        sessions.sign_in(request, username=username, password=password)
    except BusinessError as error:
        locked = bool(getattr(request, "axes_locked_out", False))
        return _page(request, target, username, error.message, 429 if locked else 422)
    return redirect(target)


@never_cache
@require_POST
def demo_sign_in(request: HttpRequest) -> HttpResponse:
    """One click in the demo: become one of its people."""
    target = safe_target(request, request.POST.get("next", "/"))
    chosen = request.POST.get("person", "")
    try:
        if not chosen.isdecimal() or len(chosen) > 18:
            raise NotAllowed("请从列表中选择一位")
        sessions.demo_sign_in(request, user_id=int(chosen))
    except BusinessError as error:
        return _page(request, target, "", error.message, 403)
    return redirect(target)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session on this device."""
    sessions.sign_out(request)
    return redirect("signin:page")


def locked_out(request: HttpRequest, *_details: object, **_more: object) -> HttpResponse:
    """What the lock-out shows instead of another try (named by the settings)."""
    message = "密码连续输错次数过多，账号暂时锁定。请稍后再试，或请系统管理员解锁。"
    return _page(request, "/", request.POST.get("username", "")[:200], message, 429)


def _page(request: HttpRequest, target: str, username: str = "", message: str = "", status: int = 200) -> HttpResponse:
    context = {"target": target, "username": username, "message": message, "demo": _demo_sites(request)}
    return page(request, "signin/page.html", context, status=status)


def _demo_sites(request: HttpRequest) -> list[tuple[str, list[DemoCard]]]:
    """The demo's people by site, in the order a car meets them; empty outside the demo."""
    if not sessions.demo_allowed(request):
        return []
    order = [name for name, _icon, _today in DEMO_ROLES]
    work = _open_work()
    sites: dict[str, list[DemoCard]] = {}
    for person in sessions.demo_people():
        role = min((name for name in person.roles if name in order), key=order.index, default="")
        _name, icon, today = DEMO_ROLES[order.index(role)] if role else ("", "user", "查看本店的工作")
        mine = [due for holder, due in work if holder in {(person.site_code, name) for name in person.roles}]
        mine += [due for holder, due in work if holder == ("", str(person.user_id))]
        late = sum(1 for due in mine if due is not None and due < clock.now())
        card = DemoCard(person, role or person.position, icon, today, len(mine), late)
        sites.setdefault(person.site_name, []).append(card)
    for cards in sites.values():
        cards.sort(key=lambda card: order.index(card.role) if card.role in order else len(order))
    return sorted(sites.items(), key=lambda item: -len(item[1]))


def _open_work() -> list[tuple[tuple[str, str], datetime | None]]:
    """Open work of the demo: its holder, as (site code, role name) or ("", user id), and when it is due."""
    names = dict(Role.objects.values_list("key", "name"))
    rows = WorkItem.unscoped.filter(status=WorkItem.Status.OPEN).values_list(
        "site__code", "role", "assignee_id", "due_at"
    )
    found: list[tuple[tuple[str, str], datetime | None]] = []
    for site, roles, assignee, due in rows[:2000]:
        if assignee is not None:
            found.append((("", str(assignee)), due))
            continue
        found += [((site, names.get(role.strip(), "")), due) for role in roles.split(",")]
    return found
