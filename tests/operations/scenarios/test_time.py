"""Stories of time: milestones, team clocks, pauses by rule, promises, steps with consequences, reopening, holidays."""

from __future__ import annotations

import pytest

from bihuan.audit.models import Entry
from bihuan.limits.models import Clock
from bihuan.operations.scenarios.format import parse_scenarios
from bihuan.operations.scenarios.player import ScenarioReport, play
from bihuan.processes import engine_store
from bihuan.processes.compiled import MODELS
from bihuan.processes.models import WorkItem
from tests.cast import Cast
from tests.processes.models import END, START, bpmn, task

pytestmark = pytest.mark.django_db


def played(story: str) -> ScenarioReport:
    """受理（客服） → 备料（配件员） → 处理（技师） → 复核（技术总监），按故事走一遍。"""
    MODELS.clear()
    xml = bpmn(
        "suggestion", START, task("受理", role="customer_care"), task("备料", role="parts_clerk"),
        task("处理", role="technician"), task("复核", role="technical_director"), END,
        flows="start>受理 受理>备料 备料>处理 处理>复核 复核>end",
    )  # fmt: skip
    engine_store.publish(xml, "suggestion")
    [scenario] = parse_scenarios(story, source="time.yaml")
    return play(scenario)


def tell(story: str) -> None:
    report = played(story)
    assert report.ok, f"{report.place}: {report.problem}"


def tell_begun(story: str) -> None:
    """The story of a suggestion that is handed in at its beginning."""
    tell(story.replace("\nsteps:\n", f"\nsteps: {BEGIN}\n"))


BEGIN = "\n  - {do: start, process: suggestion, as: 周敏, with: {title: 建议}, save: 建议}"


def test_a_clock_runs_between_two_milestones_on_the_sites_hours(cast: Cast) -> None:
    tell_begun(
        """
scenario: 从受理完成到处理完成，两个工作日内
given:
  clock: 2026-11-24 16:30
  limits: |
    [[limit]]
    key = "solve"
    name = "两天内处理"
    target = "16h"
    warn = 0.75
    calendar = "site"
    of = "case"
    start = "completed:受理"
    stop = "completed:处理"
steps:
  - {task: 受理, as: 周敏, then: {clock: {solve: running}, clock_due: {solve: 2026-11-26 16:30}}}
  - {at: 2026-11-25 12:30, then: {clock_used: {solve: 4h30m}, clock_left: {solve: 11h30m}, explain: {solve: 午休}}}
  - {task: 备料, as: 吴静}
  - at: 2026-11-26 16:31
    then: {clock: {solve: breached}}
  - {task: 处理, as: 赵强, then: {clock: {solve: breached}, clock_used: {solve: 16h1m}}}
  - {at: +1d, then: {clock_used: {solve: 16h1m}, explain: {solve: 停止以后不再计时}}}
"""
    )


def test_a_team_clock_runs_only_while_the_team_has_the_work(cast: Cast) -> None:
    tell_begun(
        """
scenario: 技师的两小时只算在技师手里的时间
given:
  clock: 2026-11-24 09:00
  limits: |
    [[limit]]
    key = "workshop"
    name = "车间用时"
    target = "2h"
    of = "case"
    start = "started"
    stop = "ended"
    team = "technician"
steps:
  - {then: {clock: {workshop: paused}, explain: {workshop: []}}}
  - {at: +1h, task: 受理, as: 周敏}
  - {at: +1h, task: 备料, as: 吴静, then: {clock: {workshop: running}, clock_due: {workshop: 2026-11-24 13:00}}}
  - {at: +30m, task: 处理, as: 赵强, then: {clock: {workshop: paused}, clock_used: {workshop: 30m}}}
  - {at: +5h, then: {clock: {workshop: paused}, explain: {workshop: [由配件员办理, 由技术总监办理]}}}
  - {task: 复核, as: 郑国, then: {clock: {workshop: met}, clock_used: {workshop: 30m}}}
""".replace("由配件员办理, ", "由客服专员办理, ")
    )


def test_waiting_for_parts_does_not_count_and_a_person_may_pause_at_the_same_time(cast: Cast) -> None:
    tell_begun(
        """
scenario: 备料期间按规则暂停，人工暂停与它各管各的
given:
  clock: 2026-11-24 09:00
  limits: |
    [[limit]]
    key = "solve"
    name = "处理"
    target = "4h"
    of = "case"
    start = "opened:受理"
    stop = "completed:处理"
    [[limit.pause]]
    while = "open:备料"
    reason = "等待配件"
steps:
  - {at: +1h, task: 受理, as: 周敏, then: {clock: {solve: paused}}}
  - {at: +1h, do: pause_limit, as: 孙立, with: {limit: solve, reason: 等待客户答复}}
  - {at: +1h, do: resume_limit, as: 孙立, with: {limit: solve}, then: {clock: {solve: paused}, clock_used: {solve: 1h}}}
  - {do: resume_limit, as: 孙立, with: {limit: solve}, refused: 由规则暂停（等待配件）}
  - {at: +1h, task: 备料, as: 吴静, then: {clock: {solve: running}, clock_due: {solve: 2026-11-24 16:00}}}
  - {at: +30m, do: pause_limit, as: 赵强, with: {limit: solve, reason: 没空}, refused: 没有}
  - {do: pause_limit, as: 孙立, with: {limit: solve, reason: " "}, refused: 暂停原因}
"""
    )


def test_a_promised_moment_stays_where_it_is_through_a_pause(cast: Cast) -> None:
    tell_begun(
        """
scenario: 客户约定的时刻不因暂停变成时长
given:
  clock: 2026-11-24 09:00
  limits: |
    [[limit]]
    key = "promise"
    name = "五点前答复"
    target = "at 17:00"
    warn = 0.5
    calendar = "site"
    of = "case"
    start = "started"
    stop = "ended"
steps:
  - {then: {clock_due: {promise: 2026-11-24 17:00}, clock_left: {promise: 7h}}}
  - {at: +1h, do: pause_limit, as: 孙立, with: {limit: promise, reason: 等待客户}}
  - {at: +3h, do: resume_limit, as: 孙立, with: {limit: promise}, then: {clock_due: {promise: 2026-11-24 17:00}}}
  - at: +30m
    do: agree_limit
    as: 何平
    with: {limit: promise, until: 2026-11-25 10:00, reason: 客户同意明早}
    then: {clock_due: {promise: 2026-11-25 10:00}, history: 客户同意明早}
  - {at: 2026-11-25 10:01, then: {clock: {promise: breached}}}
"""
    )


def test_paused_over_the_promised_moment_is_not_told_but_late_all_the_same(cast: Cast) -> None:
    tell_begun(
        """
scenario: 暂停期间不报超时，恢复时已经过了约定时刻
given:
  clock: 2026-11-24 09:00
  limits: |
    [[limit]]
    key = "promise"
    name = "答复"
    target = "at 11:00"
    of = "case"
    start = "started"
    escalate_to = "site_manager"
steps:
  - {do: pause_limit, as: 孙立, with: {limit: promise, reason: 等待客户}}
  - {at: +4h, then: {clock: {promise: paused}}}
  - {do: resume_limit, as: 孙立, with: {limit: promise}}
  - {at: +1s, then: {clock: {promise: breached}, clock_due: {promise: 2026-11-24 11:00}, notices: {何平: 已超时：答复}}}
"""
    )


def test_in_the_time_the_customer_set(cast: Cast) -> None:
    tell_begun(
        """
scenario: 按客户要求的时间，变量里的时刻
given:
  clock: 2026-11-24 09:00
  limits: |
    [[limit]]
    key = "wish"
    name = "客户要求"
    target = '=date and time("2026-11-24T15:00:00+08:00")'
    of = "case"
    start = "started"
    [[limit]]
    key = "missing"
    name = "算不出"
    target = "=case.agreed_hours"
    of = "case"
    start = "started"
steps:
  - {then: {clock_due: {wish: 2026-11-24 15:00}, history: [clock.not_started, 算不出]}}
"""
    )


def test_steps_before_and_after_the_breach_each_have_their_consequences_once(cast: Cast) -> None:
    tell_begun(
        """
scenario: 过半提醒、到期上报上级、超时半小时改派、再半小时发起投诉
given:
  clock: 2026-11-24 09:00
  superiors: {赵强: 孙立}
  limits: |
    [[limit]]
    key = "solve"
    name = "处理"
    target = "2h"
    escalate_to = "@superior"
    of = "case"
    start = "opened:处理"
    stop = "completed:处理"
    [[limit.step]]
    at = "50%"
    notify = ["@holder"]
    text = "处理已过半"
    [[limit.step]]
    at = "breach"
    escalate_to = "@superior"
    priority = "high"
    [[limit.step]]
    at = "breach+30m"
    reassign_to = "technical_director"
    [[limit.step]]
    at = "breach+1h"
    start = "suggestion"
steps:
  - {task: 受理, as: 周敏}
  - {task: 备料, as: 吴静}
  - {do: claim, task: 处理, as: 赵强}
  - {at: +61m, then: {notices: {赵强: 处理已过半}}}
  - {at: +60m, then: [{notices: {孙立: 处理：已超时}}, {notices: {孙立: 已超时：处理}}]}
  - {at: +30m, then: {assignee: {处理: ""}, history: item.reassign}}
  - {at: +30m, then: {cases: {suggestion: 1}}}
  - {at: +1d, then: {cases: {suggestion: 1}}}
  - {task: 处理, case: 建议, as: 郑国}
"""
    )


def test_a_step_is_not_carried_out_for_work_done_in_time(cast: Cast) -> None:
    tell_begun(
        """
scenario: 按时完成，后面的步骤不再执行
given:
  clock: 2026-11-24 09:00
  limits: |
    [[limit]]
    key = "solve"
    name = "处理"
    target = "2h"
    of = "case"
    start = "started"
    stop = "completed:受理"
    [[limit.step]]
    at = "50%"
    start = "suggestion"
steps:
  - {at: +59m, task: 受理, as: 周敏, then: {clock: {solve: met}}}
  - {at: +1d, then: {cases: {suggestion: 0}}}
"""
    )


@pytest.mark.parametrize(
    ("policy", "used", "due"),
    [
        ("exclude", "1h", "2026-11-24 15:00"),
        ("continue", "4h", "2026-11-24 12:00"),
        ("restart", "0s", "2026-11-24 16:00"),
    ],
)
def test_reopened_time_counts_as_the_limit_says(cast: Cast, policy: str, used: str, due: str) -> None:
    tell_begun(
        """
scenario: 停止以后重新打开
given:
  clock: 2026-11-24 09:00
  limits: |
    [[limit]]
    key = "solve"
    name = "处理"
    target = "3h"
    of = "case"
    start = "started"
    stop = "completed:受理"
    reopen = "POLICY"
steps:
""".replace("POLICY", policy)
        + f"""\
  - {{at: +1h, task: 受理, as: 周敏, then: {{clock: {{solve: met}}}}}}
  - at: +3h
    do: reopen_limit
    as: 何平
    with: {{limit: solve, reason: 客户又来电}}
    then: {{clock_used: {{solve: {used}}}, clock_due: {{solve: {due}}}, history: 客户又来电}}
"""
    )


def test_a_cancelled_case_stops_its_clocks(cast: Cast) -> None:
    tell_begun(
        """
scenario: 单据取消以后不再计时
given:
  clock: 2026-11-24 09:00
  limits: |
    [[limit]]
    key = "solve"
    name = "处理"
    target = "3h"
    of = "case"
    start = "started"
steps:
  - {do: cancel, as: 何平, with: {reason: 客户撤回}, then: {clock: {solve: stopped}}}
  - {at: +1d, then: {clock: {solve: stopped}}}
"""
    )


def test_holidays_make_up_days_and_an_unconfirmed_year(cast: Cast) -> None:
    tell_begun(
        """
scenario: 跨年的到期时间依据未确认的年份，确认后重算
given:
  clock: 2026-12-31 16:30
  holidays: {2026-12-30: 店休, 2027-01-01: 元旦, 2027-01-03: 调休上班}
  confirmed: 2026
  limits: |
    [[limit]]
    key = "solve"
    name = "处理"
    target = "12h"
    calendar = "site"
    of = "case"
    start = "started"
steps:
  - {then: {clock_due: {solve: 2027-01-03 11:30}, provisional: {solve: 2027}}}
  - {at: 2027-01-03 08:00, then: {explain: {solve: [节假日：元旦]}}}
  - {do: confirm_holidays, with: {year: 2027, recalculate: true}, then: {provisional: {solve: false}}}
"""
    )


def test_work_under_a_team_calendar_is_due_on_the_teams_hours(cast: Cast) -> None:
    MODELS.clear()
    xml = bpmn("suggestion", START, task("备料", role="parts_clerk", limit="prepare"), END, flows="start>备料 备料>end")
    engine_store.publish(xml, "suggestion")
    [scenario] = parse_scenarios("""
scenario: 备件库只上午上班
given:
  clock: 2026-11-24 11:00
  hours: {mon-fri: "08:00-18:00"}
  calendars: [{key: store, name: 备件库, role: parts_clerk, week: {mon-fri: "08:00-12:00"}}]
  limits: |
    [[limit]]
    key = "prepare"
    name = "备料"
    target = "2h"
    calendar = "team"
steps:
  - {do: start, process: suggestion, as: 周敏, with: {title: 建议}, save: 建议}
  - {then: {due: {备料: 2026-11-25 09:00}, clock_due: {prepare: 2026-11-25 09:00}}}
""", source="team.yaml")  # fmt: skip
    report = play(scenario)
    assert report.ok, f"{report.place}: {report.problem}"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ('limits: "[[limit]]\\nkey = 1"', "key"),
        ("hours: {mon: 8am}", "营业时间应为"),
        ("hours: {lundi: 08:00-12:00}", "写法不对"),
        ("holidays: {someday: 放假}", "写法不对"),
        ("calendars: [{key: never, week: {}}]", "没有任何工作时间"),
        ("confirmed: 2031", "2031"),
    ],
)
def test_what_is_given_wrongly_is_told_with_its_line(cast: Cast, given: str, told: str) -> None:
    report = played(f"scenario: 写错\ngiven:\n  {given}\nsteps: {BEGIN}")
    assert not report.ok
    assert told in report.problem
    assert report.problem_line == 3
    assert not Clock.unscoped.exists()
    assert not WorkItem.unscoped.exists()
    assert not Entry.objects.filter(action="holiday.confirm").exists()
