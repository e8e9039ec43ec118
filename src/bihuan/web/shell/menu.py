"""The rail: which areas there are, and which of them a person sees."""

from __future__ import annotations

from dataclasses import dataclass

from bihuan.org.actor import Actor
from bihuan.web.jinja import url_or_none


@dataclass(frozen=True, slots=True)
class Area:
    """One entry of the rail. `actions`: any of them opens it; none means everybody."""

    label: str
    icon: str
    view: str
    actions: tuple[str, ...] = ()
    on_phone: bool = False
    group: str = ""


@dataclass(frozen=True, slots=True)
class MenuItem:
    area: Area
    href: str
    current: bool


AREAS: tuple[Area, ...] = (
    Area("工作台", "inbox", "workbench:home", on_phone=True, group="今天"),
    Area("来电", "phone", "calls:desk", ("call.handle",), on_phone=True, group="今天"),
    Area("预约看板", "calendar", "appointments:board", ("appointment.view", "appointment.manage"), True, "今天"),
    Area("业务单据", "clipboard", "cases:list", ("case.view",), on_phone=True, group="今天"),
    Area("抄送我的", "mail", "copies:mine", (), group="今天"),
    Area("时限", "hourglass", "reports:clocks", ("case.view",), group="今天"),
    Area("配件台", "box", "parts:counter", ("stock.issue", "stock.manage"), True, "岗位"),
    Area("收银台", "cash", "cashier:desk", ("payment.take", "payment.refund"), True, "岗位"),
    Area("门卫台", "key", "guard:desk", ("key.release",), True, "岗位"),
    Area("值班与请假", "calendar-event", "duty:home", (), group="岗位"),
    Area("客户", "users", "customers:list", ("customer.view",), group="档案"),
    Area("车辆", "car", "vehicles:list", ("customer.view",), group="档案"),
    Area("配件与项目", "tools", "catalogue:list", ("stock.view", "master.view"), group="档案"),
    Area("导入资料", "upload", "imports:start", ("import.run",), group="档案"),
    Area("知识", "info-circle", "knowledge:list", ("knowledge.manage",), group="档案"),
    Area("流程", "flow", "processes:list", ("process.view",), group="管理"),
    Area("报表", "chart", "reports:home", ("report.view",), group="管理"),
    Area(
        "管理",
        "settings",
        "admin:home",
        ("admin.people", "admin.sites", "admin.notices", "master.manage", "import.run"),
        group="管理",
    ),
)


def menu_for(actor: Actor, path: str) -> list[MenuItem]:
    """The areas this person may open at the current site, the present one marked."""
    shown = [
        (area, href)
        for area in AREAS
        if (not area.actions or any(actor.can(action) for action in area.actions))
        and (href := url_or_none(area.view)) is not None
    ]
    best = max((len(href) for _, href in shown if path == href or (href != "/" and path.startswith(href))), default=0)
    return [
        MenuItem(area, href, current=len(href) == best and (path == href or (href != "/" and path.startswith(href))))
        for area, href in shown
    ]
