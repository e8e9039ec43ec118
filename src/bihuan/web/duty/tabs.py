"""The tabs of the duty screens, and reading what their forms send."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest
from django.urls import reverse

from bihuan.kernel.errors import BusinessError
from bihuan.org.actor import Actor

_TABS = (
    ("home", "我的请假与代理", ""),
    ("roster", "值班表", ""),
    ("decisions", "请假审批", "roster.manage"),
    ("unattended", "没有人能办", "case.manage"),
)


def tabs_for(actor: Actor, current: str) -> list[dict[str, Any]]:
    """`{label, href, current}`, as far as the person may open them."""
    return [
        {"label": label, "href": reverse(f"duty:{key}"), "current": key == current}
        for key, label, action in _TABS
        if not action or actor.can(action)
    ]


def sent_day(request: HttpRequest, name: str) -> date:
    """A day of a form. Raises BusinessError at the field."""
    try:
        return date.fromisoformat(request.POST.get(name, ""))
    except ValueError:
        raise BusinessError("请选择日期", name) from None


def sent_time(request: HttpRequest, name: str) -> time:
    """A time of day of a form. Raises BusinessError at the field."""
    try:
        return time.fromisoformat(request.POST.get(name, ""))
    except ValueError:
        raise BusinessError("请填写时间，例如 08:30", name) from None


def sent_moment(request: HttpRequest, name: str, zone: ZoneInfo) -> datetime:
    """A moment of a form (`datetime-local`) in the site's zone. Raises BusinessError at the field."""
    try:
        found = datetime.fromisoformat(request.POST.get(name, ""))
    except ValueError:
        raise BusinessError("请选择日期和时间", name) from None
    return found.replace(tzinfo=zone) if found.tzinfo is None else found


def sent_number(request: HttpRequest, name: str, message: str) -> int:
    """A number, such as who was chosen. Raises BusinessError at the field."""
    text = request.POST.get(name, "")
    if not text.isdecimal() or len(text) > 12:
        raise BusinessError(message, name)
    return int(text)
