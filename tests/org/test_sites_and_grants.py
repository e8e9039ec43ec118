from __future__ import annotations

import pytest

from bihuan.audit.models import Entry
from bihuan.kernel.errors import BusinessError, Conflict, NotAllowed, NotFound
from bihuan.org.actions import ACTIONS
from bihuan.org.grants import define_role, grant_action, permission_table, revoke_action
from bihuan.org.models import Grant, Role, Site
from bihuan.org.sites import change_site, create_department, create_site, subtree_ids
from tests.cast import GRANTS, Cast


def test_sites_make_a_tree(cast: Cast) -> None:
    below = create_site(code="YL2", name="云岭二店", parent_id=cast.yl.pk, actor=cast.actor("admin"))
    assert below.path == f"/{cast.group.pk}/{cast.yl.pk}/{below.pk}/"
    assert set(subtree_ids(cast.yl)) == {cast.yl.pk, below.pk}


def test_opening_a_site_is_logged_in_its_own_chain(cast: Cast) -> None:
    admin = cast.actor("admin")
    below = create_site(code="YL2", name="云岭二店", parent_id=cast.yl.pk, actor=admin)
    entry = Entry.objects.get(chain=f"site:{below.pk}")
    assert (entry.action, entry.actor_id, entry.data["after"]["code"]) == ("site.create", admin.user_id, "YL2")


@pytest.mark.parametrize("who", ["advisor", "site_manager", "other_admin"])
def test_others_neither_open_nor_change_a_site(cast: Cast, who: str) -> None:
    actor = cast.actor(who)
    with pytest.raises(NotAllowed):
        create_site(code="YL2", name="x", parent_id=cast.yl.pk, actor=actor)
    with pytest.raises(NotAllowed):
        change_site(cast.yl.pk, name="x", actor=actor)
    with pytest.raises(NotAllowed):
        create_department(site_id=cast.yl.pk, name="x", actor=actor)


def test_the_top_of_the_tree_is_made_at_set_up_only(cast: Cast) -> None:
    with pytest.raises(NotAllowed):
        create_site(code="TOP", name="x", actor=cast.actor("group_admin"))


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"code": "yl2"}, "code"),
        ({"code": "JW"}, "code"),
        ({"code": "Y-L"}, "code"),
        ({"name": " "}, "name"),
        ({"timezone": "Asia/Atlantis"}, "timezone"),
        ({"timezone": "../etc/passwd"}, "timezone"),
        ({"hours": {"mon": [["9", "5"]]}}, "hours"),
        ({"hours": {"mon": "全天"}}, "hours"),
        ({"hours": ["mon"]}, "hours"),
    ],
)
def test_a_bad_site_is_refused_at_its_field(cast: Cast, values: dict[str, object], field: str) -> None:
    count = Site.objects.count(), Entry.objects.count()
    form = {"code": "YL2", "name": "云岭二店", **values}
    with pytest.raises(BusinessError) as refusal:
        create_site(parent_id=cast.yl.pk, actor=cast.actor("admin"), **form)  # type: ignore[arg-type]
    assert refusal.value.field == field
    assert (Site.objects.count(), Entry.objects.count()) == count


def test_changing_a_site_logs_the_changed_fields_only(cast: Cast) -> None:
    change_site(cast.yl.pk, phone="13900009999", name=cast.yl.name, actor=cast.actor("admin"))
    entry = Entry.objects.filter(chain=f"site:{cast.yl.pk}").latest("seq")
    assert entry.data == {"before": {"phone": "13900000001"}, "after": {"phone": "13900009999"}}


def test_a_site_with_people_or_sites_below_is_not_closed(cast: Cast) -> None:
    for site in (cast.yl, cast.group):
        with pytest.raises(Conflict):
            change_site(site.pk, is_active=False, actor=cast.actor("group_admin"))


def test_departments_are_named_once_a_site_and_stay_within_it(cast: Cast) -> None:
    admin = cast.actor("admin")
    workshop = create_department(site_id=cast.yl.pk, name="车间", actor=admin)
    create_department(site_id=cast.yl.pk, name="快修组", parent_id=workshop.pk, actor=admin)
    with pytest.raises(BusinessError, match="已存在"):
        create_department(site_id=cast.yl.pk, name=" 车间 ", actor=admin)
    with pytest.raises(NotFound):
        create_department(site_id=cast.jw.pk, name="快修组", parent_id=workshop.pk, actor=cast.actor("other_admin"))


def test_the_permission_table_is_what_was_granted(cast: Cast) -> None:
    assert permission_table() == {role: frozenset(actions) for role, actions in GRANTS.items()}


def test_granting_and_revoking_take_effect_at_once_and_are_logged(cast: Cast) -> None:
    admin = cast.actor("group_admin")
    grant_action("technician", action="stock.issue", actor=admin)
    grant_action("technician", action="stock.issue", actor=admin)
    assert cast.actor("technician").can("stock.issue", cast.yl.pk)
    revoke_action("technician", action="stock.issue", actor=admin)
    assert not cast.actor("technician").can("stock.issue", cast.yl.pk)
    chain = f"role:{Role.objects.get(key='technician').pk}"
    assert [entry.action for entry in Entry.objects.filter(chain=chain).order_by("seq")] == [
        "role.define",
        "role.grant",
        "role.revoke",
    ]


@pytest.mark.parametrize("who", ["admin", "site_manager", "other_admin", "advisor"])
def test_grants_hold_everywhere_so_a_single_sites_administrator_cannot_change_them(cast: Cast, who: str) -> None:
    actor = cast.actor(who)
    for attempt in (
        lambda: grant_action("technician", action="payment.take", actor=actor),
        lambda: revoke_action("cashier", action="payment.take", actor=actor),
        lambda: define_role("boss", name="老板", actor=actor),
    ):
        with pytest.raises(NotAllowed):
            attempt()


def test_the_last_way_to_manage_permissions_cannot_be_thrown_away(cast: Cast) -> None:
    for action in ("admin.permissions", "admin.people"):
        with pytest.raises(BusinessError, match="没有人"):
            revoke_action("admin", action=action, actor=cast.actor("group_admin"))
        assert Grant.objects.filter(role__key="admin", action=action).exists()


def test_an_action_outside_the_catalogue_cannot_be_granted(cast: Cast) -> None:
    assert "case.delete_all" not in ACTIONS
    with pytest.raises(BusinessError, match="没有操作"):
        grant_action("advisor", action="case.delete_all", actor=cast.system)
    with pytest.raises(BusinessError, match="没有操作"):
        define_role("boss", name="老板", actions=["everything"], actor=cast.system)
    assert not Role.objects.filter(key="boss").exists()


def test_installing_a_role_again_keeps_what_the_site_changed(cast: Cast) -> None:
    revoke_action("advisor", action="phone.reveal", actor=cast.actor("group_admin"))
    define_role("advisor", name="服务顾问", actions=GRANTS["advisor"], actor=cast.system)
    assert not Grant.objects.filter(role__key="advisor", action="phone.reveal").exists()


def test_what_is_not_there_cannot_be_revoked(cast: Cast) -> None:
    with pytest.raises(NotFound):
        revoke_action("guard", action="payment.take", actor=cast.system)
    with pytest.raises(NotFound):
        grant_action("nobody", action="payment.take", actor=cast.system)
