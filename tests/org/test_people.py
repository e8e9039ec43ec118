from __future__ import annotations

import pytest
from django.test import override_settings

from bihuan.accounts.models import User
from bihuan.audit.models import Entry
from bihuan.audit.verification import verify
from bihuan.kernel.errors import BusinessError, Conflict, NotAllowed, NotFound
from bihuan.org.grants import define_role
from bihuan.org.models import Position, PositionHolder
from bihuan.org.people import (
    change_own_password,
    change_person,
    deactivate_person,
    hire_person,
    reactivate_person,
    reset_password,
)
from bihuan.org.positions import assign_position, create_position, end_position, map_role
from tests.cast import PASSWORD, Cast


def post(cast: Cast, name: str) -> Position:
    return Position.objects.get(site=cast.yl, name=name)


def test_hiring_makes_an_account_with_its_posts_and_logs_who_did_it(cast: Cast) -> None:
    admin = cast.actor("admin")
    user = hire_person(
        site_id=cast.yl.pk,
        username="maling",
        name=" 马玲 ",
        phone="13900000999",
        password=PASSWORD,
        position_ids=(post(cast, "收银员").pk,),
        actor=admin,
    )
    assert (user.name, user.pinyin) == ("马玲", "maling ml")
    assert user.check_password(PASSWORD)
    assert PositionHolder.objects.filter(user=user, until=None).count() == 1
    entries = Entry.objects.filter(chain=f"user:{user.pk}").order_by("seq")
    assert [(entry.action, entry.actor_id) for entry in entries] == [
        ("person.hire", admin.user_id),
        ("person.assign_position", admin.user_id),
    ]
    assert PASSWORD not in str([entry.data for entry in entries])


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"username": "马玲"}, "username"),
        ({"username": "a"}, "username"),
        ({"username": "LIXIAO"}, "username"),
        ({"name": "  "}, "name"),
        ({"password": "1234"}, "password"),
        ({"is_demo": True}, "is_demo"),
    ],
)
@override_settings(
    AUTH_PASSWORD_VALIDATORS=[{"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"}]
)
def test_a_bad_application_is_refused_at_its_field_and_nothing_is_stored(
    cast: Cast, values: dict[str, object], field: str
) -> None:
    before = User.objects.count(), Entry.objects.count()
    form = {"username": "maling", "name": "马玲", **values}
    with pytest.raises(BusinessError) as refusal:
        hire_person(site_id=cast.yl.pk, actor=cast.actor("admin"), **form)  # type: ignore[arg-type]
    assert refusal.value.field == field
    assert (User.objects.count(), Entry.objects.count()) == before


def test_hiring_into_a_post_of_another_site_stores_nothing(cast: Cast) -> None:
    theirs = Position.objects.get(site=cast.jw, name="服务顾问")
    with pytest.raises(NotAllowed):
        hire_person(
            site_id=cast.yl.pk, username="maling", name="马玲", position_ids=(theirs.pk,), actor=cast.actor("admin")
        )
    assert not User.objects.filter(username="maling").exists()


@pytest.mark.parametrize("who", ["advisor", "site_manager", "other_admin"])
def test_only_the_administrators_of_the_site_manage_its_people(cast: Cast, who: str) -> None:
    actor, target = cast.actor(who), cast.user("technician").pk
    attempts = (
        lambda: hire_person(site_id=cast.yl.pk, username="maling", name="马玲", actor=actor),
        lambda: change_person(target, name="别名", actor=actor),
        lambda: deactivate_person(target, reason="x", actor=actor),
        lambda: reset_password(target, password=PASSWORD, actor=actor),
        lambda: assign_position(target, position_id=post(cast, "收银员").pk, actor=actor),
        lambda: end_position(target, position_id=post(cast, "维修技师").pk, actor=actor),
        lambda: create_position(site_id=cast.yl.pk, name="新岗位", actor=actor),
        lambda: map_role(post(cast, "收银员").pk, roles=["cashier", "guard"], actor=actor),
    )
    count = Entry.objects.count()
    for attempt in attempts:
        with pytest.raises(NotAllowed):
            attempt()
    assert Entry.objects.count() == count


def test_a_site_administrator_cannot_touch_the_people_of_the_group(cast: Cast) -> None:
    for who in ("group_manager", "group_admin"):
        with pytest.raises(NotAllowed):
            reset_password(cast.user(who).pk, password=PASSWORD, actor=cast.actor("admin"))
    assert reset_password(cast.user("advisor").pk, password=PASSWORD, actor=cast.actor("group_admin"))


def test_nobody_gives_away_rights_over_the_sites_below_without_having_them(cast: Cast) -> None:
    region = post(cast, "系统管理员").site
    admin = cast.actor("admin")
    assert create_position(
        site_id=region.pk, name="店长助理", roles=["advisor"], reach=Position.Reach.SUBTREE, actor=admin
    )
    with pytest.raises(NotAllowed):
        create_position(
            site_id=cast.group.pk, name="总管", roles=["advisor"], reach=Position.Reach.SUBTREE, actor=admin
        )


def test_who_manages_people_only_cannot_make_an_administrator(cast: Cast) -> None:
    from_personnel = create_position(site_id=cast.yl.pk, name="人事", roles=["advisor"], actor=cast.system)
    assign_position(cast.user("cashier").pk, position_id=from_personnel.pk, actor=cast.system)
    define_role("personnel", name="人事专员", actions=["admin.people"], actor=cast.system)
    map_role(from_personnel.pk, roles=["personnel"], actor=cast.system)
    clerk = cast.actor("cashier")
    assert hire_person(site_id=cast.yl.pk, username="maling", name="马玲", actor=clerk)
    with pytest.raises(NotAllowed):
        assign_position(cast.user("advisor").pk, position_id=post(cast, "系统管理员").pk, actor=clerk)
    with pytest.raises(NotAllowed):
        map_role(from_personnel.pk, roles=["personnel", "admin"], actor=clerk)
    with pytest.raises(NotAllowed):
        reset_password(cast.user("admin").pk, password=PASSWORD, actor=clerk)


def test_letting_somebody_go_ends_posts_and_sign_in_but_keeps_history(cast: Cast) -> None:
    user = deactivate_person(cast.user("cashier").pk, reason="离职", actor=cast.actor("admin"))
    user.refresh_from_db()
    assert not user.is_active
    held = PositionHolder.objects.get(user=user)
    assert held.until is not None
    last = Entry.objects.filter(chain=f"user:{user.pk}").latest("seq")
    assert (last.action, last.data["reason"]) == ("person.deactivate", "离职")
    with pytest.raises(Conflict):
        deactivate_person(user.pk, reason="离职", actor=cast.actor("admin"))


def test_somebody_who_comes_back_gets_posts_anew(cast: Cast) -> None:
    admin, user_id = cast.actor("admin"), cast.user("cashier").pk
    deactivate_person(user_id, reason="离职", actor=admin)
    with pytest.raises(BusinessError):
        assign_position(user_id, position_id=post(cast, "收银员").pk, actor=admin)
    reactivate_person(user_id, actor=admin)
    assign_position(user_id, position_id=post(cast, "收银员").pk, actor=admin)
    assert cast.user("cashier").positions_held.count() == 2


def test_nobody_lets_themselves_go_or_takes_their_own_administration(cast: Cast) -> None:
    admin = cast.actor("admin")
    assert admin.user_id is not None
    with pytest.raises(BusinessError, match="自己"):
        deactivate_person(admin.user_id, reason="x", actor=admin)
    with pytest.raises(BusinessError, match="自己"):
        end_position(admin.user_id, position_id=post(cast, "系统管理员").pk, actor=admin)


def test_holding_the_same_post_twice_is_a_conflict(cast: Cast) -> None:
    with pytest.raises(Conflict, match="已担任"):
        assign_position(cast.user("cashier").pk, position_id=post(cast, "收银员").pk, actor=cast.actor("admin"))


def test_correcting_a_name_renews_its_pinyin_and_logs_only_what_changed(cast: Cast) -> None:
    user = change_person(cast.user("advisor").pk, name="李笑", actor=cast.actor("admin"))
    assert user.pinyin == "lixiao lx"
    last = Entry.objects.filter(chain=f"user:{user.pk}").latest("seq")
    assert last.data == {"before": {"name": "李晓"}, "after": {"name": "李笑"}}
    change_person(user.pk, name="李笑", actor=cast.actor("admin"))
    assert Entry.objects.filter(chain=f"user:{user.pk}").latest("seq") == last


def test_changing_ones_own_password_needs_the_present_one(cast: Cast) -> None:
    reset_password(cast.user("advisor").pk, password=PASSWORD, actor=cast.actor("admin"))
    with pytest.raises(BusinessError, match="原密码"):
        change_own_password(old="wrong", new="another-good-pass-77", actor=cast.actor("advisor"))
    assert change_own_password(old=PASSWORD, new="another-good-pass-77", actor=cast.actor("advisor")).check_password(
        "another-good-pass-77"
    )


def test_what_does_not_exist_is_not_found(cast: Cast) -> None:
    admin = cast.actor("admin")
    for attempt in (
        lambda: change_person(999999, actor=admin),
        lambda: assign_position(999999, position_id=post(cast, "收银员").pk, actor=admin),
        lambda: map_role(999999, roles=[], actor=admin),
    ):
        with pytest.raises(NotFound):
            attempt()


def test_everything_done_to_people_leaves_a_whole_log(cast: Cast) -> None:
    assert Entry.objects.exists()
    assert verify() == []
