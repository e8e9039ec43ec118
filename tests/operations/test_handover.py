"""离职交接: seen first, handed over whole or not at all, by those who may."""

from __future__ import annotations

from datetime import time, timedelta

import pytest

from bihuan.accounts.models import User
from bihuan.audit.models import Entry
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, NotAllowed, NotFound
from bihuan.notify.models import Notice
from bihuan.operations.duty.handover import hand_over_everything, holdings_of
from bihuan.org.duty.delegation import delegate_work
from bihuan.org.duty.shifts import add_weekly_shift
from bihuan.org.duty.standing import set_site_head, set_superior
from bihuan.org.models import Delegation, PositionHolder, Role, Site, Superior, WeeklyShift
from bihuan.processes.models import WorkItem
from bihuan.records.custody import colleague, desk, hand_over, take_custody
from bihuan.records.models import Case, Custody, CustodyMove
from tests.web.visits import Centre

pytestmark = pytest.mark.django_db


@pytest.fixture
def visit(centre: Centre) -> Case:
    """李晓 has a car at the centre: greeted, its key in hand, the next step open, and more besides."""
    cast, system = centre.cast, centre.cast.system
    PositionHolder.objects.update(since=clock.now() - timedelta(days=90))
    case = centre.arrive()
    centre.greet(case)
    WorkItem.unscoped.filter(status="open", instance__subject_id=case.pk, role="advisor").update(
        assignee_id=cast.user("advisor").pk
    )
    take_custody(case.pk, "key", actor=cast.actor("advisor"))
    add_weekly_shift(
        site_id=cast.yl.pk, role_key="advisor", user_id=cast.user("advisor").pk, weekday=0, starts=time(8),
        ends=time(17), since=clock.now().date() - timedelta(days=30), actor=system,
    )  # fmt: skip
    set_site_head(cast.yl.pk, head_id=cast.user("advisor").pk, actor=system)
    set_superior(cast.user("technician").pk, superior_id=cast.user("advisor").pk, actor=system)
    delegate_work(
        to_user_id=cast.user("front_desk").pk, starts_at=clock.now(), ends_at=clock.now() + timedelta(days=9),
        actor=cast.actor("advisor"),
    )  # fmt: skip
    return case


def everything_to(centre: Centre, who: str) -> dict[str, int]:
    held = holdings_of(centre.cast.user("advisor").pk, actor=centre.cast.actor("admin"))
    return {part.key: centre.cast.user(who).pk for part in held.parts}


def test_what_somebody_holds_is_seen_by_kind_and_by_name(centre: Centre, visit: Case) -> None:
    held = holdings_of(centre.cast.user("advisor").pk, actor=centre.cast.actor("admin"))
    assert [(part.label, part.count) for part in held.parts] == [
        ("待办（服务顾问）", 1),
        ("在办单据（服务顾问）", 1),
        ("保管的物品", 1),
        ("值班班次", 1),
        ("负责人、上级与替补", 2),
    ]
    assert held.parts[1].samples == (visit.number,)
    assert centre.cast.user("left").pk not in {pk for part in held.parts for pk, _ in part.candidates}


def test_a_leaver_hands_everything_over_at_once_and_is_gone(centre: Centre, visit: Case) -> None:
    cast, leaver = centre.cast, centre.cast.user("advisor").pk
    to = {**everything_to(centre, "front_desk"), "custody": cast.user("guard").pk}
    hand_over_everything(leaver, to=to, reason="离职", actor=cast.actor("admin"), leaving=True)
    heir = cast.user("front_desk")
    visit.refresh_from_db()
    assert visit.advisor == heir
    assert not WorkItem.unscoped.filter(status="open", assignee_id=leaver).exists()
    assert Custody.unscoped.get(case=visit, thing="key").holder_name == "陈安"
    assert CustodyMove.unscoped.latest("pk").by_id == cast.user("admin").pk
    assert Site.objects.get(pk=cast.yl.pk).head == heir
    assert Superior.objects.get(user=cast.user("technician")).superior == heir
    [shift] = WeeklyShift.objects.filter(user=heir)
    assert (shift.weekday, shift.since) == (0, clock.now().date())
    assert not Delegation.objects.filter(ends_at__gt=clock.now()).exists()
    assert not User.objects.get(pk=leaver).is_active
    entry = Entry.objects.get(action="person.hand_over")
    assert (entry.actor_id, entry.data["reason"]) == (cast.user("admin").pk, "离职")
    told = Notice.objects.filter(title="卫明把李晓的工作交给了您").values_list("user__name", flat=True)
    assert set(told) == {"王芳", "陈安"}
    why = WorkItem.unscoped.get(status="open", assignee=heir).why
    assert why == "由卫明转办：离职"


def test_work_that_rests_goes_over_too(centre: Centre, visit: Case) -> None:
    leaver, heir = centre.cast.user("advisor"), centre.cast.user("front_desk")
    WorkItem.unscoped.filter(status="open", assignee=leaver).update(status="waiting")
    to = {"item:advisor": heir.pk}
    hand_over_everything(leaver.pk, to=to, reason="请假", actor=centre.cast.actor("site_manager"), work_only=True)
    assert WorkItem.unscoped.get(status="waiting").assignee == heir


def test_a_part_without_a_successor_stops_the_whole(centre: Centre, visit: Case) -> None:
    to = everything_to(centre, "front_desk")
    to.pop("custody")
    with pytest.raises(BusinessError, match="请选择谁接手保管的物品"):
        hand_over_everything(
            centre.cast.user("advisor").pk, to=to, reason="离职", actor=centre.cast.actor("admin"), leaving=True
        )
    visit.refresh_from_db()
    assert visit.advisor == centre.cast.user("advisor")


@pytest.mark.parametrize("successor", ["other_advisor", "left", "advisor"])
def test_only_others_who_work_here_take_over(centre: Centre, visit: Case, successor: str) -> None:
    with pytest.raises(BusinessError, match="请选择本门店的在职人员"):
        hand_over_everything(
            centre.cast.user("advisor").pk, to=everything_to(centre, successor), reason="离职",
            actor=centre.cast.actor("admin"),
        )  # fmt: skip


def test_only_who_manages_people_may_and_who_plans_duty_for_work_alone(centre: Centre, visit: Case) -> None:
    leaver = centre.cast.user("advisor").pk
    for who in ("site_manager", "front_desk"):
        with pytest.raises(NotAllowed):
            hand_over_everything(leaver, to={}, reason="离职", actor=centre.cast.actor(who))
    with pytest.raises(NotFound):
        holdings_of(leaver, actor=centre.cast.actor("other_admin"))
    manager = centre.cast.actor("site_manager")
    held = holdings_of(leaver, actor=manager, work_only=True)
    assert [part.key for part in held.parts] == ["item:advisor"]
    to = {"item:advisor": centre.cast.user("front_desk").pk}
    hand_over_everything(leaver, to=to, reason="请假", actor=manager, work_only=True)
    visit.refresh_from_db()
    assert visit.advisor_id == leaver and User.objects.get(pk=leaver).is_active


def test_what_a_desk_keeps_is_handed_on_by_those_on_duty(centre: Centre) -> None:
    cast, case = centre.cast, centre.arrive()
    take_custody(case.pk, "key", actor=cast.actor("guard"), holder=desk("值班室"))
    Role.objects.filter(key="guard").update(desk="值班室")
    add_weekly_shift(
        site_id=cast.yl.pk, role_key="guard", user_id=cast.user("cashier").pk, weekday=1, starts=time(8),
        ends=time(17), since=clock.now().date(), actor=cast.system,
    )  # fmt: skip
    to = colleague(cast.user("technician"))
    with pytest.raises(BusinessError, match="存放在值班室，由当班的冯玉交接"):
        hand_over(case.pk, "key", actor=cast.actor("guard"), to=to, signed_by="赵强")
    hand_over(case.pk, "key", actor=cast.actor("cashier"), to=to, signed_by="赵强")
    assert Custody.unscoped.get(case=case, thing="key").holder_name == "赵强"
