"""Signing in and out, and choosing the site to work at.

Sessions live here and not in accounts because every sign-in is logged and needs a position.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth import authenticate, login, logout
from django.db import transaction
from django.http import HttpRequest

from bihuan.accounts.models import User
from bihuan.audit.log import record
from bihuan.kernel.errors import BusinessError, NotAllowed, NotFound
from bihuan.org.access import SITE_SESSION_KEY, forget_request_actor, load_actor, request_actor
from bihuan.org.actor import Actor
from bihuan.org.models import PositionHolder

_WRONG = "登录名或密码不正确"
_LOCKED = "登录失败次数过多，账号已暂时锁定，请稍后再试或联系系统管理员"


@dataclass(frozen=True)
class DemoPerson:
    """A person of the demo organisation, as offered on its sign-in page."""

    user_id: int
    username: str
    name: str
    site_code: str
    site_name: str
    position: str
    roles: tuple[str, ...]


def sign_in(request: HttpRequest, *, username: str, password: str) -> Actor:
    """Sign somebody in by name and password. A wrong name and a wrong password look alike; repeated failure locks.

    Raises BusinessError when the pair is wrong or locked, NotAllowed for people without any position.
    """
    user = authenticate(request, username=username.strip(), password=password)
    if not isinstance(user, User):
        # Set by the lock-out middleware's backend when it refused to look at the password at all.
        raise BusinessError(_LOCKED if getattr(request, "axes_locked_out", False) else _WRONG)
    return _open_session(request, user, "account.sign_in")


def demo_allowed(request: HttpRequest) -> bool:
    """One-click sign-in exists only in demo mode, and only for somebody sitting at this machine.

    A forwarded request comes from elsewhere even when the proxy is local. The named override is
    BIHUAN_DEMO_ALLOW_REMOTE.
    """
    if not getattr(settings, "BIHUAN_DEMO", False):
        return False
    if getattr(settings, "BIHUAN_DEMO_ALLOW_REMOTE", False):
        return True
    if any(request.META.get(header) for header in ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP")):
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


def demo_people() -> list[DemoPerson]:
    """The demo's people with their first position, site by site in the order their positions were made."""
    holders = (
        PositionHolder.objects.filter(user__is_demo=True, user__is_active=True, until__isnull=True)
        .select_related("user", "position__site")
        .prefetch_related("position__roles")
        .order_by("position__site__path", "position_id", "pk")
    )
    people: dict[int, DemoPerson] = {}
    for holder in holders:
        site = holder.position.site
        people.setdefault(
            holder.user_id,
            DemoPerson(
                user_id=holder.user_id,
                username=holder.user.username,
                name=holder.user.name,
                site_code=site.code,
                site_name=site.name,
                position=holder.position.name,
                roles=tuple(role.name for role in holder.position.roles.all()),
            ),
        )
    return list(people.values())


def demo_sign_in(request: HttpRequest, *, user_id: int) -> Actor:
    """Become one of the demo's people with one click. NotAllowed outside demo mode; only demo people can be chosen."""
    if not demo_allowed(request):
        raise NotAllowed("一键登录只在本机的演示模式下可用")
    user = User.objects.filter(pk=user_id, is_demo=True, is_active=True).first()
    if user is None:
        raise NotFound("没有这位演示人员")
    user.backend = settings.AUTHENTICATION_BACKENDS[-1]
    return _open_session(request, user, "account.demo_sign_in")


@transaction.atomic
def sign_out(request: HttpRequest) -> None:
    """End the session; harmless when nobody is signed in."""
    if isinstance(request.user, User):
        user_id = request.user.pk
        record(actor_id=user_id, action="account.sign_out", chain=f"user:{user_id}", data={})
    logout(request)
    forget_request_actor(request)


def choose_site(request: HttpRequest, *, site_id: int) -> Actor:
    """Work at another of one's sites from now on. NotAllowed without a position there."""
    actor = request_actor(request).at(site_id)
    request.session[SITE_SESSION_KEY] = site_id
    return request_actor(request, site_id=actor.site_id)


@transaction.atomic
def _open_session(request: HttpRequest, user: User, action: str) -> Actor:
    actor = load_actor(user)
    if not actor.roles_by_site:
        raise NotAllowed("您还没有岗位，请联系系统管理员")
    login(request, user)
    forget_request_actor(request)
    data = {"address": request.META.get("REMOTE_ADDR", "")}
    record(actor_id=user.pk, action=action, chain=f"user:{user.pk}", site_id=actor.site_id, data=data)
    return actor
