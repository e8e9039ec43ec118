"""抄送 in a scenario: what people do with what was copied to them, and what it may expect of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bihuan.kernel.errors import NotAllowed, NotFound
from bihuan.operations.people import copying
from bihuan.operations.scenarios.doing import Doing, acting, open_item
from bihuan.operations.scenarios.format import Step
from bihuan.operations.scenarios.world import StepProblem, World
from bihuan.records.access import read_case
from bihuan.records.copies import CASE, confirm_copies, open_copies, withdraw_copy
from bihuan.records.models import CarbonCopy


def copy(world: World, step: Step) -> None:
    """Let colleagues know of a task."""
    given = step.values.get("to")
    names = given if isinstance(given, list) else [given]
    people = [world.user(str(name)).pk for name in names if name]
    copying.copy_work(
        open_item(world, step).pk, people, actor=acting(world, step), note=str(step.values.get("note") or ""),
        confirm=step.values.get("confirm") is True,
    )  # fmt: skip


def open_copy(world: World, step: Step) -> None:
    """Look at a case that was copied to oneself."""
    open_copies((CASE, world.case(step.case).pk), actor=acting(world, step))


def confirm_reading(world: World, step: Step) -> None:
    """Confirm that one has read it."""
    remark = str(step.values.get("remark") or "")
    confirm_copies((CASE, world.case(step.case).pk), actor=acting(world, step), remark=remark)


def urge_reading(world: World, step: Step) -> None:
    """Remind somebody to read."""
    copying.urge_reader(_newest(world, step.case, step.values.get("to")).pk, actor=acting(world, step))


def withdraw(world: World, step: Step) -> None:
    """Take a copy back."""
    reason = str(step.values.get("reason") or "")
    withdraw_copy(_newest(world, step.case, step.values.get("to")).pk, actor=acting(world, step), reason=reason)


def _newest(world: World, case_name: str | None, name: Any) -> CarbonCopy:
    found = _copy_to(world, case_name, name)
    if found is None:
        raise StepProblem(f"没有抄送给“{name}”")
    return found


def _copy_to(world: World, case_name: str | None, name: Any) -> CarbonCopy | None:
    person = world.actor(str(name)).user_id
    rows = CarbonCopy.unscoped.filter(case_id=world.case(case_name).pk, user_id=person or 0)
    return rows.order_by("-pk").first()


def _stands(copy: CarbonCopy | None) -> str:
    if copy is None:
        return "没有"
    if copy.withdrawn_at is not None:
        return "已收回"
    if copy.wants_confirmation:
        return "未阅" if copy.unread else "已阅"
    return "没看过" if copy.unread else "看过"


def _copied(world: World, case_name: str | None, value: Any) -> str:
    """How the newest copy to each person stands."""
    if not isinstance(value, Mapping):
        raise StepProblem("copied 应写成 {人: 未阅、已阅、没看过、看过、已收回或没有}")
    found = {name: _stands(_copy_to(world, case_name, name)) for name in value}
    return "，".join(
        f"抄送给{name}的应是“{value[name]}”，实际：{now}" for name, now in found.items() if now != str(value[name])
    )


def _may_read(world: World, case_name: str | None, value: Any) -> str:
    """Whether each person may read the case."""
    if not isinstance(value, Mapping):
        raise StepProblem("may_read 应写成 {人: yes 或 no}")
    wrong = []
    for name, wanted in value.items():
        try:
            read_case(world.case(case_name).pk, actor=world.actor(str(name)))
            may = True
        except (NotFound, NotAllowed):
            may = False
        if may is not bool(wanted):
            wrong.append(f"{name}应{'能' if wanted else '不能'}看这张单据")
    return "，".join(wrong)


COPY_DOING: Mapping[str, Doing] = {
    "cc": copy,
    "open_copy": open_copy,
    "confirm_reading": confirm_reading,
    "urge_reading": urge_reading,
    "withdraw_copy": withdraw,
}
COPY_CHECKS: Mapping[str, Callable[[World, str | None, Any], str]] = {"copied": _copied, "may_read": _may_read}
