"""Stories of duty: leave and stand-ins, nobody there, delegation, choosing, least load, a draw, approving one's own."""

from __future__ import annotations

from typing import Any

import pytest

from bihuan.notify.models import Notice
from bihuan.operations.duty.unattended import look_after_unattended
from bihuan.operations.scenarios.format import parse_scenarios
from bihuan.operations.scenarios.player import play
from bihuan.processes import engine_store
from bihuan.processes.compiled import MODELS
from tests.cast import Cast
from tests.processes.models import END, START, bpmn, task

pytestmark = pytest.mark.django_db


def tell(cast: Cast, story: str, **rule: str) -> None:
    """申请 → 审批（带规则） → 归档，按故事走一遍。"""
    MODELS.clear()
    xml = bpmn(
        "suggestion", START, task("申请", role="advisor"), task("审批", **{"role": "technician", **rule}),
        task("归档", role="advisor"), END, flows="start>申请 申请>审批 审批>归档 归档>end",
    )  # fmt: skip
    engine_store.publish(xml, "suggestion")
    [scenario] = parse_scenarios(story, source="duty.yaml")
    report = play(scenario)
    assert report.ok, f"{report.place}: {report.problem}"


BEGIN = """
  - {do: start, process: suggestion, as: 李晓, with: {title: 建议}, save: 建议}
"""


def test_on_leave_the_stand_in_gets_it(cast: Cast) -> None:
    tell(cast, f"""
scenario: 请假由替补办
given:
  clock: 2026-11-24 09:00
  stand_ins: {{维修技师: [钱进, 陈安]}}
steps: {BEGIN}
  - {{do: ask_for_leave, as: 赵强, with: {{to: +2d, reason: 探亲}}}}
  - {{do: decide_leave, as: 孙立, with: {{person: 赵强}}}}
  - task: 申请
    as: 李晓
    then:
      assignee: {{审批: 钱进}}
      why: {{审批: 赵强请假}}
      inbox: {{赵强: [], 钱进: 审批, 陈安: []}}
""", assignee='"zhaoqiang"')  # fmt: skip


def test_all_of_a_role_on_leave_the_stand_in_gets_what_lies_there(cast: Cast) -> None:
    tell(cast, f"""
scenario: 整个角色请假
given:
  clock: 2026-11-24 09:00
  stand_ins: {{维修技师: [陈安]}}
  leave: [{{person: 赵强, to: +1d}}, {{person: 钱进}}]
steps: {BEGIN}
  - {{task: 申请, as: 李晓, then: {{inbox: {{陈安: []}}}}}}
  - at: +1m
    then:
      assignee: {{审批: 陈安}}
      why: {{审批: 由替补陈安办理}}
      notices: {{陈安: 替班待办}}
  - {{task: 审批, as: 陈安, then: {{only_open: 归档}}}}
""")  # fmt: skip


def test_nobody_on_duty_is_said_and_the_superior_told_until_somebody_is_there(cast: Cast) -> None:
    tell(cast, f"""
scenario: 值班室没有人
given:
  clock: 2026-11-24 19:00
  head: 何平
  by_duty: [维修技师]
  roster: [{{role: 维修技师, person: 赵强, from: "08:00", to: "17:00"}}]
steps: {BEGIN}
  - {{task: 申请, as: 李晓}}
  - at: +1m
    then:
      unattended: 审批
      notices: {{何平: 没有人能办：审批}}
      inbox: {{赵强: [], 钱进: []}}
  - at: "08:30"
    then: {{unattended: [], inbox: {{赵强: 审批, 钱进: []}}}}
  - {{do: claim, task: 审批, as: 钱进, refused: 维修技师}}
  - {{task: 审批, as: 赵强}}
""")  # fmt: skip


def test_work_offered_to_named_people_is_said_once_they_are_all_on_leave(cast: Cast) -> None:
    tell(cast, f"""
scenario: 小组的两位先后请假
given:
  clock: 2026-11-24 09:00
  head: 何平
  groups: {{评审: [赵强, 冯玉]}}
  leave: [{{person: 赵强, from: 2026-11-25, to: 2026-11-26}}, {{person: 冯玉, from: 2026-11-25}}]
steps: {BEGIN}
  - {{task: 申请, as: 李晓, then: {{offered: {{审批: [赵强, 冯玉]}}, unattended: []}}}}
  - {{at: 2026-11-25 09:00, then: {{unattended: 审批, notices: {{何平: 没有人能办：审批}}}}}}
  - {{at: 2026-11-26 09:00, then: {{unattended: []}}}}
  - {{task: 审批, as: 冯玉}}
""", who="group:评审")  # fmt: skip


def test_the_superior_is_told_once(cast: Cast) -> None:
    MODELS.clear()
    engine_store.publish(bpmn("k", START, task("审批", role="nobody_has_this"), END, flows="start>审批 审批>end"), "k")
    engine_store.start_instance("k", site_id=cast.yl.pk, actor=cast.actor("advisor"))
    assert (look_after_unattended(), look_after_unattended()) == (1, 0)
    told = Notice.objects.filter(title="没有人能办：审批").values_list("user__name", flat=True)
    assert sorted(told) == ["何平", "卫明", "孙立"], "those of the site who plan duty, since nobody heads it"


def test_a_delegation_of_one_role_and_process(cast: Cast) -> None:
    tell(cast, f"""
scenario: 按角色和流程代理
given:
  clock: 2026-11-24 09:00
steps: {BEGIN}
  - {{task: 申请, as: 李晓, then: {{inbox: {{陈安: []}}}}}}
  - do: delegate_work
    as: 赵强
    with: {{to: 陈安, role: 维修技师, process: complaint}}
    then: {{inbox: {{陈安: []}}}}
  - do: delegate_work
    as: 赵强
    with: {{to: 陈安, role: 维修技师, process: suggestion, until: +3d}}
    then: {{inbox: {{陈安: 审批, 钱进: 审批}}}}
  - {{task: 审批, as: 陈安, then: {{only_open: 归档}}}}
""")  # fmt: skip


def test_a_delegation_ends_when_it_is_taken_back(cast: Cast) -> None:
    tell(cast, f"""
scenario: 收回代理
given:
  clock: 2026-11-24 09:00
  delegations: [{{from: 赵强, to: 陈安, until: +3d}}]
steps: {BEGIN}
  - {{task: 申请, as: 李晓, then: {{inbox: {{陈安: 审批}}}}}}
  - {{do: end_delegation, as: 赵强, then: {{inbox: {{陈安: []}}}}}}
  - {{task: 审批, as: 陈安, refused: 维修技师}}
""")  # fmt: skip


def test_the_person_before_chooses(cast: Cast) -> None:
    tell(cast, f"""
scenario: 由上一步指定
given: {{clock: 2026-11-24 09:00}}
steps: {BEGIN}
  - {{task: 申请, as: 李晓, refused: 请选择谁来办“审批”}}
  - {{task: 申请, as: 李晓, with: {{choose: {{审批: 王芳}}}}, refused: 请选择谁来办“审批”}}
  - task: 申请
    as: 李晓
    with: {{choose: {{审批: 钱进}}}}
    then: {{assignee: {{审批: 钱进}}, why: {{审批: 由上一步指定}}}}
""", who="chosen")  # fmt: skip


def test_who_started_it_chooses_whoever_does_the_first_step(cast: Cast) -> None:
    tell(cast, f"""
scenario: 由发起人指定
given: {{clock: 2026-11-24 09:00}}
steps: {BEGIN}
  - {{task: 申请, as: 李晓, with: {{choose: {{审批: 赵强}}}}, then: {{assignee: {{审批: 赵强}}}}}}
""", who="chosen:starter")  # fmt: skip


def test_least_load(cast: Cast) -> None:
    tell(cast, f"""
scenario: 谁待办少给谁
given: {{clock: 2026-11-24 09:00}}
steps: {BEGIN}
  - {{task: 申请, as: 李晓, then: {{assignee: {{审批: 赵强}}}}}}
  - {{do: start, process: suggestion, as: 李晓, with: {{title: 另一件}}}}
  - {{task: 申请, as: 李晓, then: {{assignee: {{审批: 钱进}}, why: {{审批: 手上待办最少}}}}}}
""", who="role", pick="least_load")  # fmt: skip


def test_a_draw_that_can_be_worked_out_again(cast: Cast) -> None:
    tell(cast, f"""
scenario: 随机抽取
given:
  clock: 2026-11-24 09:00
  groups: {{experts: [王芳, 陈安, 冯玉]}}
steps: {BEGIN}
  - {{task: 申请, as: 李晓, then: {{drawn: 审批, why: {{审批: 从 3 人中随机抽取}}}}}}
""", who="group:experts", pick="random")  # fmt: skip


def test_a_group_takes_it_together(cast: Cast) -> None:
    tell(cast, f"""
scenario: 评审小组领取
given:
  clock: 2026-11-24 09:00
  groups: {{experts: [王芳, 陈安]}}
steps: {BEGIN}
  - {{task: 申请, as: 李晓, then: {{offered: {{审批: [王芳, 陈安]}}, notices: {{王芳: 待领取}}}}}}
  - {{do: claim, task: 审批, as: 陈安, then: {{assignee: {{审批: 陈安}}, inbox: {{王芳: []}}}}}}
""", who="group:experts")  # fmt: skip


@pytest.mark.parametrize(
    ("policy", "then"),
    [
        ({}, "{assignee: {审批: 李晓}}"),
        ({"starter": "superior"}, "{assignee: {审批: 孙立}, why: {审批: 不审批自己的事项}}"),
        ({"starter": "skip"}, "{only_open: 归档}"),
    ],
)
def test_who_started_it_is_the_approver(cast: Cast, policy: dict[str, Any], then: str) -> None:
    tell(cast, f"""
scenario: 自己的单子
given:
  clock: 2026-11-24 09:00
  departments: {{前台部: {{people: [李晓], head: 孙立}}}}
steps: {BEGIN}
  - {{task: 申请, as: 李晓, then: {then}}}
""", who="role:advisor", role="advisor", **policy)  # fmt: skip


def test_a_leaver_hands_over_to_two_people(cast: Cast) -> None:
    tell(cast, f"""
scenario: 离职交接
given: {{clock: 2027-01-12 09:00}}
steps: {BEGIN}
  - {{task: 申请, as: 李晓, then: {{assignee: {{审批: 赵强}}}}}}
  - {{do: hand_over, as: 何平, with: {{from: 赵强, to: 钱进}}, refused: 管理人员}}
  - do: hand_over
    as: 卫明
    with: {{from: 赵强, to: 陈安, parts: {{待办（维修技师）: 钱进}}, reason: 离职}}
    then: {{assignee: {{审批: 钱进}}, why: {{审批: 由卫明转办：离职}}, notices: {{钱进: 赵强的工作}}}}
""", role="technician", assignee='"zhaoqiang"')  # fmt: skip


def test_people_are_told_of_leave_and_of_acting(cast: Cast) -> None:
    tell(cast, f"""
scenario: 请假与代理的通知
given:
  clock: 2026-11-24 09:00
  superiors: {{赵强: 孙立}}
steps: {BEGIN}
  - {{task: 申请, as: 李晓, then: {{assignee: {{审批: 赵强}}}}}}
  - {{do: ask_for_leave, as: 赵强, with: {{from: +1d}}, then: {{notices: {{孙立: 请假待批准：赵强}}}}}}
  - {{do: decide_leave, as: 孙立, with: {{person: 赵强}}, then: {{notices: {{赵强: 请假已批准}}}}}}
  - {{do: delegate_work, as: 赵强, with: {{to: 陈安}}, then: {{notices: {{陈安: 赵强委托您代理}}}}}}
""", role="technician", assignee='"zhaoqiang"')  # fmt: skip


def test_nobody_found_stops_until_there_is_somebody(cast: Cast) -> None:
    tell(cast, f"""
scenario: 找不到人停下
given: {{clock: 2026-11-24 09:00}}
steps: {BEGIN}
  - {{task: 申请, as: 李晓, then: {{incidents: 1}}}}
""", who="group:experts", nobody="incident")  # fmt: skip


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("superiors: {没有此人: 何平}", "没有名为“没有此人”的人"),
        ("roster: [{role: 没有这个, person: 赵强}]", "没有角色“没有这个”"),
        ("roster: [{role: 保安/值班员, person: 陈安, days: [星期八]}]", "没有星期“星期八”"),
        ("roster: [{person: 陈安}]", "写法不对"),
        ("leave: [{person: 赵强, from: 某天}]", "看不懂的时间"),
        ("delegations: [{from: 赵强, to: 赵强}]", "不能委托给自己"),
    ],
)
def test_duty_that_cannot_be_given_is_said(cast: Cast, given: str, reason: str) -> None:
    text = f"scenario: x\ngiven:\n  {given}\nsteps:\n  - {{note: x, then: {{inbox: {{赵强: []}}}}}}"
    [scenario] = parse_scenarios(text, source="duty.yaml")
    report = play(scenario)
    assert not report.ok and reason in report.problem
