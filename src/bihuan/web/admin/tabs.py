"""The tabs of the administration, as far as the person may open them."""

from __future__ import annotations

from typing import Any

from bihuan.org.actor import Actor
from bihuan.web.jinja import url_or_none

_TABS = (
    ("people", "人员", "admin:people", ("admin.people",)),
    ("positions", "岗位", "admin:positions", ("admin.people",)),
    ("standing", "负责人与替补", "admin:standing", ("admin.people",)),
    ("roles", "角色与权限", "admin:roles", ("admin.permissions", "admin.people")),
    ("sites", "门店与部门", "admin:sites", ("admin.sites",)),
    ("calendars", "日历与节假日", "admin:holidays", ("calendar.manage",)),
    ("displays", "看板大屏", "wall:displays", ("display.manage",)),
    ("notices", "通知渠道", "channels:list", ("admin.notices",)),
    ("audit", "审计记录", "admin:audit", ("audit.view",)),
    ("imports", "导入", "imports:home", ("import.run",)),
)


def tabs_for(actor: Actor, current: str) -> list[dict[str, Any]]:
    """`{label, href, current}` in the order of the day's use."""
    return [
        {"label": label, "href": href, "current": key == current}
        for key, label, view, actions in _TABS
        if any(actor.can_anywhere(action) for action in actions) and (href := url_or_none(view)) is not None
    ]
