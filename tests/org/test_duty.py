"""Roster, leave and delegation: who is there, who is away, who acts for whom."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bihuan.audit.models import Entry
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, Conflict, NotAllowed, NotFound
from bihuan.org.access import load_actor
from bihuan.org.duty.chart import load_chart
from bihuan.org.duty.delegation import delegate_work, delegations_of, end_delegation
from bihuan.org.duty.leave import Span, cancel_leave, decide_leave, request_leave
from bihuan.org.duty.presence import away_at, keepers_of_desk, on_duty_at, present_with_role
from bihuan.org.duty.shifts import (
    add_day_shift,
    add_weekly_shift,
    copy_last_week,
    drop_shift,
    end_weekly_shift,
    week_of,
)
from bihuan.org.duty.standing import set_department_head, set_site_head, set_superior
from bihuan.org.models import Delegation, Department, Leave, Position, Role
from tests.cast import Cast
from tests.conftest import MORNING

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_clock")]

SHANGHAI = ZoneInfo("Asia/Shanghai")
TODAY = date(2026, 11, 24)  # a Tuesday
EVENING = datetime(2026, 11, 24, 18, 0, tzinfo=SHANGHAI)


def lend(cast: Cast, who: str, to: str, *, hours: float = 8, **more: Any) -> Delegation:
    start = more.pop("starts_at", clock.now())
    return delegate_work(
        to_user_id=cast.user(to).pk,
        starts_at=start,
        ends_at=start + timedelta(hours=hours),
        actor=cast.actor(who),
        **more,
    )


def weekly(cast: Cast, who: str, role: str, weekday: int, starts: time, ends: time, **more: Any) -> Any:
    more.setdefault("since", TODAY - timedelta(days=30))
    return add_weekly_shift(
        site_id=cast.yl.pk, role_key=role, user_id=cast.user(who).pk, weekday=weekday, starts=starts, ends=ends,
        actor=cast.actor("site_manager"), **more,
    )  # fmt: skip


def guards_now(cast: Cast, at: datetime) -> frozenset[int] | None:
    return on_duty_at([cast.yl.pk], at).get((cast.yl.pk, "guard"))


# Roster


def test_a_night_shift_runs_into_the_next_morning_and_ends_there(cast: Cast) -> None:
    weekly(cast, "guard", "guard", 0, time(20), time(8))
    guard = {cast.user("guard").pk}
    assert guards_now(cast, datetime(2026, 11, 24, 7, 59, tzinfo=SHANGHAI)) == guard
    assert guards_now(cast, datetime(2026, 11, 24, 8, 0, tzinfo=SHANGHAI)) == frozenset()


def test_a_day_can_differ_from_the_week(cast: Cast) -> None:
    shift = weekly(cast, "guard", "guard", 1, time(8), time(20))
    manager = cast.actor("site_manager")
    drop_shift(row_id=shift.pk, day=TODAY, weekly=True, actor=manager)
    add_day_shift(
        site_id=cast.yl.pk, role_key="guard", user_id=cast.user("cashier").pk, day=TODAY, starts=time(8), ends=time(12),
        actor=manager,
    )  # fmt: skip
    assert guards_now(cast, MORNING) == {cast.user("cashier").pk}
    assert guards_now(cast, MORNING + timedelta(days=7)) == {cast.user("guard").pk}


def test_a_shift_called_off_by_mistake_takes_place_again(cast: Cast) -> None:
    shift = weekly(cast, "guard", "guard", 1, time(8), time(20))
    manager = cast.actor("site_manager")
    drop_shift(row_id=shift.pk, day=TODAY, weekly=True, actor=manager)
    assert guards_now(cast, MORNING) == frozenset()
    add_day_shift(
        site_id=cast.yl.pk, role_key="guard", user_id=cast.user("guard").pk, day=TODAY, starts=time(8), ends=time(20),
        actor=manager,
    )  # fmt: skip
    assert guards_now(cast, MORNING) == {cast.user("guard").pk}


def test_nobody_is_on_duty_twice_at_a_time_in_one_role(cast: Cast) -> None:
    weekly(cast, "guard", "guard", 0, time(20), time(8))
    with pytest.raises(Conflict, match="已有班次"):
        weekly(cast, "guard", "guard", 1, time(7), time(12))
    weekly(cast, "guard", "guard", 1, time(8), time(12))


def test_a_week_shows_its_shifts_who_is_away_and_the_days_nobody_covers(cast: Cast) -> None:
    for day in range(5):
        weekly(cast, "guard", "guard", day, time(8), time(20))
    request_leave(Span(TODAY, TODAY), actor=cast.actor("site_manager"), user_id=cast.user("guard").pk)
    week = week_of(cast.yl.pk, "guard", TODAY, actor=cast.actor("advisor"))
    assert week.away == {TODAY: ("陈安",)}
    assert week.uncovered == (TODAY, date(2026, 11, 28), date(2026, 11, 29))


def test_an_ended_shift_stays_where_it_took_place(cast: Cast) -> None:
    shift = weekly(cast, "guard", "guard", 1, time(8), time(20))
    end_weekly_shift(shift.pk, last_day=TODAY, actor=cast.actor("site_manager"))
    assert guards_now(cast, MORNING) == {cast.user("guard").pk}
    assert guards_now(cast, MORNING + timedelta(days=7)) is None


def test_copying_a_week_leaves_out_who_is_on_leave(cast: Cast) -> None:
    manager = cast.actor("site_manager")
    for who in ("technician", "second_technician"):
        add_day_shift(
            site_id=cast.yl.pk, role_key="technician", user_id=cast.user(who).pk, day=TODAY, starts=time(8),
            ends=time(12), actor=manager,
        )  # fmt: skip
    later = TODAY + timedelta(days=7)
    request_leave(Span(later, later), actor=manager, user_id=cast.user("technician").pk)
    assert copy_last_week(site_id=cast.yl.pk, role_key="technician", day=later, actor=manager) == (1, 1)


def test_planning_duty_needs_the_right_at_the_site(cast: Cast) -> None:
    for who in ("guard", "other_admin"):
        with pytest.raises(NotAllowed):
            add_day_shift(
                site_id=cast.yl.pk, role_key="guard", user_id=cast.user("guard").pk, day=TODAY, starts=time(8),
                ends=time(12), actor=cast.actor(who),
            )  # fmt: skip
    with pytest.raises(BusinessError, match="本门店"):
        weekly(cast, "other_advisor", "advisor", 1, time(8), time(12))
    with pytest.raises(NotFound):
        week_of(cast.yl.pk, "guard", TODAY, actor=cast.actor("other_admin"))


def test_who_is_on_duty_costs_three_queries_for_any_number_of_sites(cast: Cast, django_assert_num_queries: Any) -> None:
    weekly(cast, "guard", "guard", 1, time(8), time(20))
    weekly(cast, "technician", "technician", 1, time(8), time(20))
    add_day_shift(
        site_id=cast.jw.pk, role_key="technician", user_id=cast.user("other_technician").pk, day=TODAY, starts=time(8),
        ends=time(12), actor=cast.system,
    )  # fmt: skip
    with django_assert_num_queries(3):
        found = on_duty_at([cast.yl.pk, cast.jw.pk], MORNING)
    assert found[cast.jw.pk, "technician"] == {cast.user("other_technician").pk}


def test_a_role_that_works_by_duty_is_offered_to_those_on_duty_only(cast: Cast) -> None:
    Role.objects.filter(key="technician").update(on_duty=True)
    assert "technician" in cast.actor("second_technician").offered_roles_at(cast.yl.pk), "no roster, no difference"
    weekly(cast, "technician", "technician", 1, time(8), time(17))
    assert "technician" in cast.actor("technician").offered_roles_at(cast.yl.pk)
    assert cast.actor("second_technician").offered_roles_at(cast.yl.pk) == frozenset()
    assert "technician" in cast.actor("second_technician").roles_at(cast.yl.pk)


def test_the_keepers_of_a_desk_are_those_on_duty_and_all_of_its_role_when_nobody_is(cast: Cast) -> None:
    assert keepers_of_desk(cast.yl.pk, "值班室", MORNING) is None
    Role.objects.filter(key="guard").update(desk="值班室")
    weekly(cast, "cashier", "guard", 1, time(8), time(17))
    assert keepers_of_desk(cast.yl.pk, "值班室", MORNING) == {cast.user("cashier").pk}
    assert keepers_of_desk(cast.yl.pk, "值班室", EVENING) == {cast.user("guard").pk}


# Leave


def test_leave_counts_once_somebody_else_has_approved_it(cast: Cast) -> None:
    asked = request_leave(Span(TODAY, TODAY, to_noon=True), actor=cast.actor("site_manager"), kind=Leave.Kind.SICK)
    assert away_at(MORNING) == frozenset()
    with pytest.raises(BusinessError, match="由别人批准"):
        decide_leave(asked.pk, approve=True, actor=cast.actor("site_manager"))
    with pytest.raises(NotAllowed):
        decide_leave(asked.pk, approve=True, actor=cast.actor("advisor"))
    decide_leave(asked.pk, approve=True, actor=cast.actor("workshop_manager"))
    assert away_at(MORNING) == {cast.user("site_manager").pk}
    assert away_at(datetime(2026, 11, 24, 12, 0, tzinfo=SHANGHAI)) == frozenset()
    with pytest.raises(Conflict, match="已批准"):
        decide_leave(asked.pk, approve=False, actor=cast.actor("workshop_manager"))


def test_refused_leave_never_counts_and_may_be_asked_for_again(cast: Cast) -> None:
    asked = request_leave(Span(TODAY, TODAY), actor=cast.actor("technician"))
    decide_leave(asked.pk, approve=False, actor=cast.actor("site_manager"))
    assert away_at(MORNING) == frozenset()
    assert request_leave(Span(TODAY, TODAY), actor=cast.actor("technician")).pk


def test_coming_back_early_ends_leave_now(cast: Cast) -> None:
    held = request_leave(Span(TODAY, date(2026, 11, 30)), actor=cast.system, user_id=cast.user("technician").pk)
    assert away_at(MORNING) == {cast.user("technician").pk}
    cancel_leave(held.pk, actor=cast.actor("technician"))
    assert away_at(MORNING) == frozenset()
    with pytest.raises(Conflict):
        cancel_leave(held.pk, actor=cast.actor("technician"))


@pytest.mark.parametrize(
    ("span", "field"),
    [
        (Span(TODAY, TODAY - timedelta(days=1)), "ends"),
        (Span(TODAY, TODAY, from_noon=True, to_noon=True), "ends"),
        (Span(TODAY, TODAY + timedelta(days=400)), "ends"),
    ],
)
def test_leave_that_makes_no_sense_is_refused_at_its_field(cast: Cast, span: Span, field: str) -> None:
    with pytest.raises(BusinessError) as refusal:
        request_leave(span, actor=cast.actor("technician"))
    assert refusal.value.field == field
    assert not Leave.objects.exists()


def test_nobody_is_away_twice_at_a_time(cast: Cast) -> None:
    request_leave(Span(TODAY, TODAY, to_noon=True), actor=cast.actor("technician"))
    request_leave(Span(TODAY, TODAY, from_noon=True), actor=cast.actor("technician"))
    with pytest.raises(Conflict, match=r"11月24日上午.*已有请假"):
        request_leave(Span(TODAY, TODAY), actor=cast.actor("technician"))


def test_half_days_survive_the_way_to_moments_and_back() -> None:
    for span in (Span(TODAY, TODAY), Span(TODAY, date(2026, 12, 1), from_noon=True), Span(TODAY, TODAY, to_noon=True)):
        assert Span.of(*span.moments(SHANGHAI), SHANGHAI) == span


# Delegation


def test_a_delegate_gets_the_roles_and_rights_for_the_time_only(cast: Cast) -> None:
    lend(cast, "cashier", "advisor", starts_at=MORNING + timedelta(hours=1))
    assert not cast.actor("advisor").can("payment.take")
    clock.move(MORNING + timedelta(hours=2))
    actor = cast.actor("advisor")
    assert actor.can("payment.take")
    assert (actor.roles, actor.own_roles_at(cast.yl.pk)) == ({"advisor", "cashier"}, {"advisor"})
    clock.move(MORNING + timedelta(hours=9))
    assert not cast.actor("advisor").can("payment.take")


def test_the_power_over_people_and_processes_is_not_lent(cast: Cast) -> None:
    lend(cast, "admin", "advisor")
    actor = cast.actor("advisor")
    assert actor.can("import.run")
    assert not any(actor.can(one) for one in ("admin.people", "admin.permissions", "process.manage", "audit.view"))


def test_a_delegation_of_one_process_lends_rights_for_its_work_only(cast: Cast) -> None:
    lend(cast, "cashier", "advisor", process_key="service_visit")
    actor = cast.actor("advisor")
    assert not actor.can("payment.take")
    held = actor.acts_for(cast.user("cashier").pk, cast.yl.pk, "cashier", "service_visit")
    assert held is not None and actor.lent(held).can("payment.take")
    assert actor.acts_for(cast.user("cashier").pk, cast.yl.pk, "cashier", "complaint") is None
    assert actor.acts_for(None, cast.yl.pk, "cashier", "service_visit") == held, "work nobody has taken yet"
    assert actor.acts_for(None, cast.yl.pk, "guard", "service_visit") is None


def test_a_delegation_of_one_role_lends_that_role(cast: Cast) -> None:
    post = Position.objects.get(site=cast.yl, name="收银员")
    post.roles.add(Role.objects.get(key="parts_clerk"))
    lend(cast, "cashier", "advisor", role_key="parts_clerk")
    assert cast.actor("advisor").roles == {"advisor", "parts_clerk"}


def test_what_cannot_be_delegated_is_refused(cast: Cast) -> None:
    with pytest.raises(BusinessError, match="不能委托给自己"):
        lend(cast, "cashier", "cashier")
    with pytest.raises(BusinessError, match="本门店"):
        lend(cast, "cashier", "other_advisor")
    with pytest.raises(BusinessError, match="不担任"):
        lend(cast, "cashier", "advisor", role_key="guard")
    with pytest.raises(BusinessError, match="已经过去"):
        lend(cast, "cashier", "advisor", starts_at=MORNING - timedelta(days=2))
    with pytest.raises(NotAllowed):
        lend(cast, "cashier", "advisor", principal_id=cast.user("guard").pk)
    assert not Delegation.objects.exists()


def test_work_never_comes_back_in_a_circle(cast: Cast) -> None:
    lend(cast, "cashier", "advisor")
    lend(cast, "advisor", "front_desk")
    with pytest.raises(BusinessError, match="王芳 → 冯玉 → 李晓 → 王芳"):
        lend(cast, "front_desk", "cashier")
    lend(cast, "front_desk", "cashier", starts_at=MORNING + timedelta(days=3))


def test_taking_work_back_ends_the_delegation_at_once_and_is_logged(cast: Cast) -> None:
    held = lend(cast, "cashier", "advisor")
    end_delegation(held.pk, actor=cast.actor("cashier"))
    assert not cast.actor("advisor").can("payment.take")
    assert delegations_of(cast.user("cashier").pk, actor=cast.actor("cashier")) == []
    actions = Entry.objects.filter(chain=f"user:{cast.user('cashier').pk}").values_list("action", flat=True)
    assert [one for one in actions if one.startswith("delegation.")] == ["delegation.start", "delegation.end"]


def test_acting_for_many_people_costs_no_more_queries(cast: Cast, django_assert_num_queries: Any) -> None:
    for who in ("cashier", "guard", "parts_clerk", "workshop_manager"):
        lend(cast, who, "advisor")
    with django_assert_num_queries(2):
        actor = load_actor(cast.user("advisor"))
    assert {one.name for one in actor.acting_for} == {"冯玉", "陈安", "吴静", "孙立"}


# Lines of command


def test_a_superior_is_said_outright_else_the_head_of_department_else_of_the_site(cast: Cast) -> None:
    who = {name: cast.user(name).pk for name in ("technician", "workshop_manager", "site_manager", "group_manager")}
    workshop = Department.objects.create(site=cast.yl, name="维修部")
    Position.objects.filter(site=cast.yl, name__in=["维修技师", "车间主管"]).update(department=workshop)
    set_site_head(cast.yl.pk, head_id=who["site_manager"], actor=cast.system)
    assert load_chart(cast.yl.pk).superior_of(who["technician"]) == who["site_manager"]
    set_department_head(workshop.pk, head_id=who["workshop_manager"], actor=cast.actor("admin"))
    set_site_head(cast.group.pk, head_id=who["group_manager"], actor=cast.system)
    chart = load_chart(cast.yl.pk)
    above = list(chart.superiors_of(who["technician"]))
    assert above == [who["workshop_manager"], who["site_manager"], who["group_manager"]]
    assert chart.superior_of(who["group_manager"]) is None
    set_superior(who["technician"], superior_id=who["site_manager"], actor=cast.actor("admin"))
    assert load_chart(cast.yl.pk).superior_of(who["technician"]) == who["site_manager"]


def test_superiors_never_form_a_circle(cast: Cast) -> None:
    admin = cast.actor("admin")
    set_superior(cast.user("technician").pk, superior_id=cast.user("workshop_manager").pk, actor=admin)
    with pytest.raises(BusinessError, match="不能互为上级"):
        set_superior(cast.user("workshop_manager").pk, superior_id=cast.user("technician").pk, actor=admin)


def test_the_lines_of_command_cost_five_queries(cast: Cast, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(5):
        load_chart(cast.yl.pk)


def test_moments_are_stored_in_utc(cast: Cast) -> None:
    held = request_leave(Span(TODAY, TODAY), actor=cast.actor("technician"))
    assert held.starts_at == datetime(2026, 11, 23, 16, 0, tzinfo=UTC)


def test_who_is_told_of_a_role_is_who_is_there_and_everybody_when_nobody_is(cast: Cast) -> None:
    both = {cast.user("technician").pk, cast.user("second_technician").pk}
    assert present_with_role("technician", cast.yl.pk) == both
    Role.objects.filter(key="technician").update(on_duty=True)
    weekly(cast, "technician", "technician", 1, time(8), time(17))
    assert present_with_role("technician", cast.yl.pk) == {cast.user("technician").pk}
    request_leave(Span(TODAY, TODAY), actor=cast.system, user_id=cast.user("technician").pk)
    assert present_with_role("technician", cast.yl.pk) == both
