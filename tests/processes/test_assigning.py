"""Who does a step: people by the rule on the diagram, those who are there, and what when nobody is."""

from __future__ import annotations

from datetime import date, time, timedelta
from typing import Any

import pytest

from bihuan.audit.models import Entry
from bihuan.engine.definition import check_bpmn
from bihuan.kernel import clock
from bihuan.kernel.errors import NotAllowed
from bihuan.org.duty.delegation import delegate_work
from bihuan.org.duty.leave import Span, request_leave
from bihuan.org.duty.shifts import add_weekly_shift
from bihuan.org.duty.standing import (
    create_group,
    set_department_head,
    set_members,
    set_rank,
    set_site_head,
    set_stand_ins,
    set_superior,
)
from bihuan.org.models import Department, Position, Role
from bihuan.processes import engine_store as store
from bihuan.processes.assigning.picking import drawn_index
from bihuan.processes.models import WorkItem
from bihuan.processes.queries import inbox
from tests.processes.conftest import Desk
from tests.processes.models import END, START, bpmn, task

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_clock")]

TODAY = date(2026, 11, 24)


def approval(**rule: str) -> str:
    """申请 → 审批（带规则） → 归档"""
    return bpmn(
        "approval", START, task("ask", role="advisor"), task("approve", **{"role": "technician", **rule}),
        task("file", role="advisor"), END, flows="start>ask ask>approve approve>file file>end",
    )  # fmt: skip


def opened(desk: Desk, variables: dict[str, Any] | None = None, *, by: str = "advisor", **rule: str) -> int:
    """The instance, asked for by somebody, so that the step with the rule has opened."""
    started = desk.start(approval(**rule), "approval", actor=desk.cast.actor(by))
    desk.complete(started.instance_id, "ask", variables, by="advisor")
    return started.instance_id


def whose(desk: Desk, instance_id: int, node: str = "approve") -> str:
    item = desk.item(instance_id, node)
    return item.assignee.name if item.assignee else item.role


def sees(desk: Desk, who: str) -> list[str]:
    return [item.node_id for item in inbox(desk.cast.actor(who))]


def user(desk: Desk, who: str) -> int:
    return int(desk.cast.user(who).pk)


def away(desk: Desk, *who: str) -> None:
    for one in who:
        request_leave(Span(TODAY, TODAY), actor=desk.cast.system, user_id=user(desk, one))


def lines_of_command(desk: Desk) -> None:
    cast = desk.cast
    set_superior(user(desk, "advisor"), superior_id=user(desk, "workshop_manager"), actor=cast.system)
    set_superior(user(desk, "workshop_manager"), superior_id=user(desk, "site_manager"), actor=cast.system)
    set_site_head(cast.yl.pk, head_id=user(desk, "site_manager"), actor=cast.system)


# Among whom


@pytest.mark.parametrize(
    ("who", "name", "why"),
    [
        ("superior", "孙立", "孙立是发起人李晓的上级"),
        ("superior:2", "何平", "何平是发起人李晓的第 2 级上级"),
        ("superior:9", "何平", "第 9 级上级"),
        ("superior:rank=5", "何平", "职级不低于 5 的上级"),
        ("starter", "李晓", "李晓发起了这个流程"),
        ("done:ask", "李晓", "李晓办理过“ask”"),
        ("head", "何平", "何平是门店负责人"),
        ("head:维修部", "孙立", "孙立负责“维修部”"),
        ("field:reviewer", "郑国", "郑国由流程里的“reviewer”指定"),
        ('=if amount &gt; 100 then "heping" else "fengyu"'.replace("&gt;", ">"), "何平", "何平由流程数据指定"),
        ("chosen", "吴静", "吴静由上一步指定"),
        ("position:收银员", "冯玉", "冯玉任“收银员”岗位"),
        ("role:cashier", "冯玉", "冯玉担任收银员"),
    ],
)
def test_a_rule_names_one_person_and_says_why(desk: Desk, who: str, name: str, why: str) -> None:
    lines_of_command(desk)
    workshop = Department.objects.create(site=desk.cast.yl, name="维修部")
    set_department_head(workshop.pk, head_id=user(desk, "workshop_manager"), actor=desk.cast.system)
    manager = Position.objects.get(site=desk.cast.yl, name="服务经理")
    set_rank(manager.pk, rank=5, actor=desk.cast.system)
    given = {
        "reviewer": user(desk, "technical_director"), "amount": 200, "chosen": {"approve": user(desk, "parts_clerk")},
    }  # fmt: skip
    instance = opened(desk, given, who=who)
    assert whose(desk, instance) == name
    assert why in desk.item(instance, "approve").why
    entry = Entry.objects.filter(action="process.step").latest("id")
    assert [one["why"] for one in entry.data["decided"].values()] == [desk.item(instance, "approve").why]


def test_a_group_a_department_or_a_post_is_offered_to_its_people_and_nobody_else(desk: Desk) -> None:
    group = create_group("reviewers", name="评审小组", actor=desk.cast.actor("admin"))
    members = [user(desk, who) for who in ("cashier", "guard")]
    set_members(group.pk, user_ids=members, actor=desk.cast.actor("admin"))
    instance = opened(desk, who="group:reviewers")
    item = desk.item(instance, "approve")
    assert (item.assignee, item.role, item.why) == (None, "", "在用户组“评审小组”里的人都可以领取")
    assert (sees(desk, "cashier"), sees(desk, "guard"), sees(desk, "technician")) == (["approve"], ["approve"], [])
    with pytest.raises(NotAllowed):
        store.claim_item(item.pk, actor=desk.cast.actor("technician"))
    store.claim_item(item.pk, actor=desk.cast.actor("guard"))
    store.release_item(item.pk, actor=desk.cast.actor("guard"))
    assert (sees(desk, "cashier"), sees(desk, "guard")) == (["approve"], ["approve"])
    store.claim_item(item.pk, actor=desk.cast.actor("guard"))
    assert (sees(desk, "cashier"), sees(desk, "guard")) == ([], ["approve"])
    desk.complete(instance, "approve", by="guard")
    assert desk.open_nodes(instance) == ["file"]


def test_a_role_stays_an_offer_to_the_role(desk: Desk) -> None:
    instance = opened(desk, who="role")
    item = desk.item(instance, "approve")
    assert (item.assignee_id, item.role, item.offers.count()) == (None, "technician", 0)
    assert item.why == "担任维修技师的人都可以领取"


def test_several_people_from_an_expression_may_each_take_it(desk: Desk) -> None:
    opened(desk, who='=["fengyu", "chenan"]')
    assert (sees(desk, "cashier"), sees(desk, "guard"), sees(desk, "technician")) == (["approve"], ["approve"], [])


# Which of them


def test_the_one_with_least_to_do_gets_it(desk: Desk) -> None:
    first = opened(desk, who="role", pick="least_load")
    assert whose(desk, first) == "赵强"
    assert [whose(desk, opened(desk, who="role", pick="least_load")) for _ in range(3)] == ["钱进", "赵强", "钱进"]
    assert "手上待办最少（1 项）" in WorkItem.unscoped.filter(node_id="approve").latest("pk").why


def test_turns_go_round_and_leave_out_who_is_away(desk: Desk) -> None:
    rule = {"who": "role", "pick": "round_robin"}
    assert [whose(desk, opened(desk, **rule)) for _ in range(3)] == ["赵强", "钱进", "赵强"]
    away(desk, "second_technician")
    assert whose(desk, opened(desk, **rule)) == "赵强"


def test_a_draw_can_be_worked_out_again_by_anybody(desk: Desk) -> None:
    instance = opened(desk, who="role", pick="random")
    entry = Entry.objects.filter(action="process.step").latest("id")
    [kept] = entry.data["decided"].values()
    assert kept["candidates"] == sorted([user(desk, "technician"), user(desk, "second_technician")])
    assert kept["candidates"][drawn_index(kept["seed"], kept["candidates"])] == kept["user"]
    assert desk.item(instance, "approve").assignee_id == kept["user"]
    assert "从 2 人中随机抽取" in desk.item(instance, "approve").why


def test_draws_are_fair() -> None:
    people = [3, 5, 8, 13]
    hits = [drawn_index(f"{number:032x}", people) for number in range(4000)]
    assert all(900 < hits.count(index) < 1100 for index in range(4))


# Who is there


def test_work_for_somebody_on_leave_goes_to_the_stand_in(desk: Desk) -> None:
    away(desk, "cashier")
    post = Position.objects.get(site=desk.cast.yl, name="收银员")
    set_stand_ins(post.pk, user_ids=[user(desk, "advisor"), user(desk, "guard")], actor=desk.cast.actor("admin"))
    instance = opened(desk, role="cashier", assignee='"fengyu"')
    assert whose(desk, instance) == "李晓"
    assert desk.item(instance, "approve").why == "冯玉请假，由其代理人或替补李晓办理"
    away(desk, "advisor")
    assert whose(desk, opened(desk, who="role:cashier", role="cashier")) == "陈安"
    delegate_work(
        to_user_id=user(desk, "advisor"), starts_at=clock.now(), ends_at=clock.now() + timedelta(hours=8),
        actor=desk.cast.actor("cashier"),
    )  # fmt: skip
    instance = opened(desk, who="role:cashier", role="cashier")
    assert desk.item(instance, "approve").why == "陈安代冯玉办理（冯玉请假）", "the delegate is away too"


def test_a_delegate_goes_before_a_stand_in(desk: Desk) -> None:
    away(desk, "cashier")
    post = Position.objects.get(site=desk.cast.yl, name="收银员")
    set_stand_ins(post.pk, user_ids=[user(desk, "advisor")], actor=desk.cast.actor("admin"))
    delegate_work(
        to_user_id=user(desk, "front_desk"), starts_at=clock.now(), ends_at=clock.now() + timedelta(hours=8),
        actor=desk.cast.actor("cashier"), process_key="approval",
    )  # fmt: skip
    assert whose(desk, opened(desk, role="cashier", assignee='"fengyu"')) == "王芳"


def test_without_a_deputy_the_others_of_the_role_may_take_it(desk: Desk) -> None:
    away(desk, "technician")
    instance = opened(desk, role="technician", assignee='"zhaoqiang"')
    assert whose(desk, instance) == "technician"
    assert desk.item(instance, "approve").why == "赵强请假，改由同角色的人领取"


def test_a_role_by_duty_is_asked_on_duty_only(desk: Desk) -> None:
    Role.objects.filter(key="technician").update(on_duty=True)
    add_weekly_shift(
        site_id=desk.site_id, role_key="technician", user_id=user(desk, "second_technician"), weekday=1,
        starts=time(8), ends=time(17), since=TODAY, actor=desk.cast.system,
    )  # fmt: skip
    assert whose(desk, opened(desk, who="role", pick="round_robin")) == "钱进"
    opened(desk)
    assert (sees(desk, "technician"), sees(desk, "second_technician")) == ([], ["approve", "approve"])
    with pytest.raises(NotAllowed):
        store.claim_item(WorkItem.unscoped.latest("pk").pk, actor=desk.cast.actor("technician"))


# Delegation


def test_a_delegate_sees_takes_and_does_the_work_of_the_principal(desk: Desk) -> None:
    instance = opened(desk, role="cashier", assignee='"fengyu"')
    assert sees(desk, "guard") == []
    delegate_work(
        to_user_id=user(desk, "guard"), starts_at=clock.now(), ends_at=clock.now() + timedelta(hours=8),
        actor=desk.cast.actor("cashier"),
    )  # fmt: skip
    assert (sees(desk, "guard"), sees(desk, "cashier")) == (["approve"], ["approve"])
    desk.complete(instance, "approve", by="guard")
    entry = Entry.objects.filter(action="process.step").latest("id")
    assert (entry.actor_id, entry.data["acts_for"]) == (user(desk, "guard"), user(desk, "cashier"))


def test_a_delegation_of_another_process_or_role_changes_nothing(desk: Desk) -> None:
    instance = opened(desk, role="cashier", assignee='"fengyu"')
    delegate_work(
        to_user_id=user(desk, "guard"), starts_at=clock.now(), ends_at=clock.now() + timedelta(hours=8),
        actor=desk.cast.actor("cashier"), process_key="another",
    )  # fmt: skip
    assert sees(desk, "guard") == []
    with pytest.raises(NotAllowed):
        desk.complete(instance, "approve", by="guard")


def test_a_delegation_of_this_process_covers_its_open_work_too(desk: Desk) -> None:
    instance = opened(desk, role="cashier")
    delegate_work(
        to_user_id=user(desk, "guard"), starts_at=clock.now(), ends_at=clock.now() + timedelta(hours=8),
        actor=desk.cast.actor("cashier"), process_key="approval",
    )  # fmt: skip
    assert sees(desk, "guard") == ["approve"]
    desk.complete(instance, "approve", by="guard")


# What it costs, and what is refused


def test_deciding_costs_a_fixed_number_of_queries(desk: Desk, django_assert_max_num_queries: Any) -> None:
    started = desk.start(approval(who="role", pick="least_load"), "approval")
    item = desk.item(started.instance_id, "ask").pk
    actor = desk.cast.actor("advisor")
    with django_assert_max_num_queries(12):
        store.complete_item(item, actor=actor)


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"who": "boss"}, "bihuan:who 没有「boss」"),
        ({"who": "position"}, "「position:」后面还要写是哪一个"),
        ({"who": "starter:2"}, "「starter」后面不能再写"),
        ({"who": "superior:0"}, "superior 后面写级数"),
        ({"who": "superior:rank=x"}, "superior 后面写级数"),
        ({"who": "chosen:anybody"}, "chosen 后面只能是 starter"),
        ({"who": "done:nowhere"}, "「nowhere」不是这个流程里的人工任务"),
        ({"who": "=1 +"}, "表达式"),
        ({"pick": "best"}, "bihuan:pick 没有「best」"),
        ({"nobody": "role"}, "「role:」后面还要写是哪一个"),
        ({"starter": "forbid"}, "bihuan:starter 没有「forbid」"),
        ({"again": "superior"}, "bihuan:again 没有「superior」"),
        ({"skipped": "{"}, "表达式"),
    ],
)
def test_a_rule_that_means_nothing_is_refused_at_its_element(rule: dict[str, str], reason: str) -> None:
    [problem] = check_bpmn(approval(**rule).encode(), source="x.bpmn")
    assert reason in problem.reason
    assert (problem.element_id, problem.line > 0) == ("approve", True)


def test_only_a_persons_step_has_such_a_rule() -> None:
    xml = bpmn("x", START, '<serviceTask id="s" bihuan:service="x" bihuan:who="role"/>', END, flows="start>s s>end")
    [problem] = check_bpmn(xml.encode(), source="x.bpmn")
    assert "只有人工任务能写办理人规则" in problem.reason
