from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpRequest
from django.test import RequestFactory

from bihuan.kernel.errors import NotAllowed
from bihuan.org.access import load_actor, request_actor, system_actor
from bihuan.org.actions import ACTIONS
from bihuan.org.models import Position
from bihuan.org.people import hire_person
from bihuan.org.positions import assign_position, create_position, end_position
from bihuan.org.roles import people_with_role
from bihuan.org.sites import change_site, create_site
from tests.cast import GRANTS, NAMES, Cast


def request_of(cast: Cast, who: str, **session: Any) -> HttpRequest:
    request = RequestFactory().get("/")
    request.user = cast.user(who)
    request.session = session  # type: ignore[assignment]
    return request


@pytest.mark.parametrize("role", GRANTS)
def test_each_role_may_do_exactly_what_it_is_granted_at_its_own_site_only(cast: Cast, role: str) -> None:
    actor = cast.actor(role)
    allowed = {action for action in ACTIONS if actor.can(action, cast.yl.pk)}
    assert allowed == set(GRANTS[role])
    assert not any(actor.can(action, site.pk) for action in ACTIONS for site in (cast.jw, cast.group))
    assert not any(actor.can(action, 999999) for action in ACTIONS)


def test_a_refusal_names_the_action_and_who_can(cast: Cast) -> None:
    with pytest.raises(NotAllowed, match=r"收款.*收银员"):
        cast.actor("technician").require("payment.take", cast.yl.pk)


def test_an_action_nobody_was_granted_sends_to_the_administrator(cast: Cast) -> None:
    with pytest.raises(NotAllowed, match="系统管理员"):
        cast.actor("technician").require("nobody.has.this", cast.yl.pk)


def test_group_people_reach_the_sites_below_by_the_policy_of_their_post(cast: Cast) -> None:
    manager = cast.actor("group_manager")
    assert manager.site_id == cast.group.pk
    assert manager.site_ids == {cast.group.pk, cast.yl.pk, cast.jw.pk}
    assert manager.can("payment.refund", cast.jw.pk)


def test_group_people_without_that_policy_stay_at_the_group(cast: Cast) -> None:
    post = create_position(site_id=cast.group.pk, name="集团内勤", roles=["advisor"], actor=cast.system)
    user = hire_person(site_id=cast.group.pk, username="qinyu", name="秦宇", position_ids=(post.pk,), actor=cast.system)
    assert load_actor(user).site_ids == {cast.group.pk}


def test_a_site_whose_id_begins_alike_is_not_below(cast: Cast) -> None:
    region = create_site(code="QY", name="区域", parent_id=cast.group.pk, actor=cast.system)
    post = create_position(
        site_id=region.pk, name="区域经理", roles=["site_manager"], reach=Position.Reach.SUBTREE, actor=cast.system
    )
    user = hire_person(site_id=region.pk, username="tangyi", name="唐益", position_ids=(post.pk,), actor=cast.system)
    for number in range(12):
        create_site(code=f"N{number}", name="邻店", parent_id=cast.group.pk, actor=cast.system)
    own = create_site(code="OWN", name="下属店", parent_id=region.pk, actor=cast.system)
    assert load_actor(user).site_ids == {region.pk, own.pk}


def test_several_posts_add_up_and_the_first_one_decides_where_work_begins(cast: Cast) -> None:
    user = cast.user("advisor")
    post = create_position(site_id=cast.jw.pk, name="支援收银", roles=["cashier"], actor=cast.system)
    assign_position(user.pk, position_id=post.pk, actor=cast.system)
    actor = load_actor(user)
    assert actor.site_id == cast.yl.pk
    assert (actor.roles, actor.at(cast.jw.pk).roles) == ({"advisor"}, {"cashier"})
    assert actor.sites_allowing("payment.take") == {cast.jw.pk}
    assert not actor.can("payment.take")


def test_working_at_a_site_without_a_post_is_refused(cast: Cast) -> None:
    with pytest.raises(NotAllowed):
        cast.actor("advisor", cast.jw)


def test_rights_end_with_the_post(cast: Cast) -> None:
    post = Position.objects.get(site=cast.yl, name="收银员")
    end_position(cast.user("cashier").pk, position_id=post.pk, actor=cast.actor("admin"))
    actor = cast.actor("cashier")
    assert not actor.can("payment.take", cast.yl.pk)
    assert actor.site_ids == frozenset()


def test_somebody_who_left_is_nobody(cast: Cast) -> None:
    with pytest.raises(NotAllowed):
        cast.actor("left")


def test_somebody_without_a_post_may_do_nothing(cast: Cast) -> None:
    actor = cast.actor("without_position")
    assert actor.site_id is None
    assert not any(actor.can(action) for action in ACTIONS)


def test_a_closed_site_is_out_of_reach_for_the_group_too(cast: Cast) -> None:
    closing = create_site(code="GB", name="关闭店", parent_id=cast.group.pk, actor=cast.system)
    change_site(closing.pk, is_active=False, actor=cast.system)
    assert closing.pk not in cast.actor("group_manager").site_ids


def test_the_system_may_do_everything_and_is_nobody(cast: Cast) -> None:
    system = system_actor(cast.yl.pk)
    assert system.user_id is None
    assert all(system.can(action, cast.jw.pk) for action in ACTIONS)


@pytest.mark.parametrize("who", ["advisor", "group_manager"])
def test_an_actor_is_loaded_in_two_queries(cast: Cast, who: str, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(2):
        load_actor(cast.user(who))


def test_a_request_loads_its_actor_once(cast: Cast, django_assert_num_queries: Any) -> None:
    request = request_of(cast, "group_manager")
    request_actor(request)
    with django_assert_num_queries(0):
        assert request_actor(request, site_id=cast.jw.pk).site_id == cast.jw.pk
        assert request_actor(request).site_id == cast.jw.pk


def test_the_site_chosen_in_the_session_is_where_the_request_works(cast: Cast) -> None:
    assert request_actor(request_of(cast, "group_manager", site_id=cast.jw.pk)).site_id == cast.jw.pk


def test_a_chosen_site_that_was_lost_falls_back_to_the_first_post(cast: Cast) -> None:
    assert request_actor(request_of(cast, "advisor", site_id=cast.jw.pk)).site_id == cast.yl.pk


@pytest.mark.parametrize("role", GRANTS)
def test_people_with_a_role_are_those_of_the_site_and_those_who_reach_it(cast: Cast, role: str) -> None:
    here = {cast.user(who).pk for who, (_, _, code, roles) in NAMES.items() if role in roles and code in {"YL", "YLG"}}
    assert set(people_with_role(role, cast.yl.pk).values_list("pk", flat=True)) == here


def test_people_with_a_role_leave_out_who_left_or_lost_the_post(cast: Cast) -> None:
    post = Position.objects.get(site=cast.yl, name="维修技师")
    end_position(cast.user("technician").pk, position_id=post.pk, actor=cast.system)
    assert [user.name for user in people_with_role("technician", cast.yl.pk)] == ["钱进"]


def test_people_with_a_role_come_in_one_query_each_once(cast: Cast, django_assert_num_queries: Any) -> None:
    post = create_position(site_id=cast.yl.pk, name="技师组长", roles=["technician"], actor=cast.system)
    assign_position(cast.user("technician").pk, position_id=post.pk, actor=cast.system)
    with django_assert_num_queries(1):
        assert len(people_with_role("technician", cast.yl.pk)) == 2
