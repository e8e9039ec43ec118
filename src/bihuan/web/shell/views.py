"""Small views of the frame: changing site and theme, the style guide."""

from __future__ import annotations

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from bihuan.kernel.errors import NotFound
from bihuan.org import sessions
from bihuan.web.http import go, page, signed_in
from bihuan.web.shell.samples import style_guide_context

YEAR_SECONDS = 365 * 24 * 3600


def safe_target(request: HttpRequest, address: str) -> str:
    """The address if it is on this host, else the start page: nobody is sent away by a crafted link."""
    local = url_has_allowed_host_and_scheme(address, {request.get_host()}, require_https=request.is_secure())
    return address if address and local else "/"


@require_POST
@signed_in
def choose_site(request: HttpRequest) -> HttpResponse:
    """Work at another of one's sites from now on."""
    wanted = request.POST.get("site", "")
    if not wanted.isdecimal() or len(wanted) > 18:
        raise NotFound("没有这个门店")
    sessions.choose_site(request, site_id=int(wanted))
    return go(request, "/", "已切换门店")


@require_POST
def choose_theme(request: HttpRequest) -> HttpResponse:
    """Light or dark, kept on this device."""
    theme = request.POST.get("theme", "")
    response = go(request, safe_target(request, request.POST.get("next", "")))
    if theme in {"light", "dark"}:
        response.set_cookie("theme", theme, max_age=YEAR_SECONDS, samesite="Lax", secure=request.is_secure())
    else:
        response.delete_cookie("theme")
    return response


@require_GET
def style_guide(request: HttpRequest) -> HttpResponse:
    """Every component at once, for those who build screens; only in demo and debug installations."""
    if not (settings.DEBUG or getattr(settings, "BIHUAN_DEMO", False)):
        raise Http404
    return page(request, "shell/styleguide.html", style_guide_context(refused="fresh" not in request.GET))
