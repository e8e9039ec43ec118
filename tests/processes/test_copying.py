"""Whom a step is copied to: the words of who does it, for all of the people and of any site where they are named."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bihuan.audit.models import Entry
from bihuan.kernel import clock
from bihuan.org.duty.leave import Span, request_leave
from bihuan.org.duty.standing import create_group, set_members, set_site_head, set_stand_ins, set_superior
from bihuan.org.models import Position
from bihuan.processes.contract import Copied, LimitSpec, Surroundings
from bihuan.processes.models import Instance
from tests.processes.conftest import Desk
from tests.processes.models import END, START, bpmn, task

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_clock")]


def copying(*rules: str) -> str:
    """申请（抄送）→ 归档"""
    inside = "".join(f"<bihuan:cc {rule}/>" for rule in rules)
    ask = told("ask", inside, role="front_desk")
    return bpmn("copying", START, ask, task("file", role="advisor"), END, flows="start>ask ask>file file>end")


def told(node: str, rules: str, role: str = "advisor") -> str:
    """Somebody's step with these copies."""
    step = task(node, role=role)
    return step.replace("/>", f"><extensionElements>{rules}</extensionElements></userTask>")


def copied(desk: Desk, *rules: str, **variables: object) -> list[Copied]:
    """What the rules of a step come to when an advisor does it."""
    started = desk.start(copying(*rules), "copying", variables, actor=desk.cast.actor("advisor"))
    return list(desk.complete(started.instance_id, "ask", by="front_desk").copies)


def test_everything_that_finds_who_does_a_step_finds_whom_to_tell(desk: Desk) -> None:
    cast = desk.cast
    admin = cast.actor("admin")
    set_superior(cast.user("advisor").pk, superior_id=cast.user("workshop_manager").pk, actor=admin)
    set_site_head(cast.yl.pk, head_id=cast.user("site_manager").pk, actor=admin)
    group = create_group("quality", name="质量小组", actor=admin)
    set_members(group.pk, user_ids=[cast.user("technical_director").pk, cast.user("cashier").pk], actor=admin)
    rules = {
        "role:technician": "赵强、钱进", "position:收银员": "冯玉", "head": "何平", "superior": "孙立",
        "starter": "李晓", "group:quality": "郑国、冯玉", "field:boss": "蒋欣",
        '=["chenan", "zhuqing"]': "陈安",
    }  # fmt: skip
    found = copied(desk, *(f"who='{who}'" for who in rules), boss="jiangxin")
    assert {who: set("、".join(one.names).split("、")) for who, one in zip(rules, found, strict=True)} == {
        who: set(names.split("、")) for who, names in rules.items()
    }


def test_the_step_keeps_who_was_told_and_why(desk: Desk) -> None:
    [one] = copied(desk, "who='role:cashier' confirm='true' remind='PT4H' note='请核对'")
    assert (one.name, one.on, one.why, one.confirm, one.note) == ("ask", "complete", "担任收银员", True, "请核对")
    assert one.reminders == (clock.now() + timedelta(hours=4),)
    entry = Entry.objects.filter(action="process.step").order_by("-pk")[0]
    assert entry.data["copied"][0]["names"] == ["冯玉"]


def test_who_is_to_confirm_is_reminded_when_a_time_limit_of_the_rule_book_is_over(desk: Desk) -> None:
    rule = (
        "who='role:cashier' confirm='true' remind='limit:read' times='2' escalate='limit:late' escalateTo='role:boss'"
    )
    started = desk.start(copying(rule), "copying")
    around = Surroundings(limits={"read": LimitSpec(5400), "late": LimitSpec(86_400)})
    [one] = desk.complete(started.instance_id, "ask", by="front_desk", around=around).copies
    assert one.reminders == (clock.now() + timedelta(minutes=90), clock.now() + timedelta(minutes=180))
    assert (one.escalate_at, one.escalate_to) == (clock.now() + timedelta(days=1), "boss")


def test_nobody_found_is_told_and_the_work_goes_on(desk: Desk) -> None:
    rules = ("who='position:厂长'", "who='head' when='fee > 1'", "who='done:ask'")
    started = desk.start(copying(*rules), "copying")
    result = desk.complete(started.instance_id, "ask", by="front_desk")
    assert [one.people for one in result.copies] == [(), (), ()]
    words = ("没有找到任“厂长”岗位的人", "没有送出", "没有找到办理过“ask”的其他人")
    assert all(text in one.why for text, one in zip(words, result.copies, strict=True))
    assert desk.open_nodes(started.instance_id) == ["file"]


def test_who_is_on_leave_is_told_and_so_is_who_acts_for_them(desk: Desk) -> None:
    cast = desk.cast
    admin = cast.actor("admin")
    post = Position.objects.get(name="收银员")
    set_stand_ins(post.pk, user_ids=[cast.user("advisor").pk], actor=admin)
    today = clock.now().date()
    request_leave(Span(today, today), actor=cast.system, user_id=cast.user("cashier").pk)
    [one] = copied(desk, "who='role:cashier'")
    assert set(one.names) == {"冯玉", "李晓"}


def test_a_called_process_copies_like_any_other(desk: Desk) -> None:
    step = told("check", "<bihuan:cc who='role:cashier'/>")
    inner = bpmn("inner", START, step, END, flows="start>check check>end")
    desk.start(inner, "inner")
    outer = bpmn("outer", START, '<callActivity id="call" calledElement="inner"/>', END, flows="start>call call>end")
    started = desk.start(outer, "outer")
    called = Instance.unscoped.get(parent_id=started.instance_id)
    result = desk.complete(called.pk, "check", by="advisor")
    assert [one.names for one in result.copies] == [("冯玉",)]
