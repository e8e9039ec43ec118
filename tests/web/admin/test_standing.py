"""负责人与替补: heads, superiors, ranks, stand-ins, groups and roles by duty, from the administration."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bihuan.org.models import Department, Position, Role, Site, StandIn, Superior, UserGroup
from tests.web.visits import Centre, centre

__all__ = ["centre"]
pytestmark = pytest.mark.django_db


def test_everything_is_set_in_its_part_of_the_page(centre: Centre) -> None:
    cast = centre.cast
    ids = {who: cast.user(who).pk for who in ("site_manager", "technician", "workshop_manager", "guard")}
    workshop = Department.objects.create(site=cast.yl, name="维修车间")
    post = Position.objects.get(site=cast.yl, name="维修技师")
    own = centre.client("admin")
    deeds: list[tuple[str, str, dict[str, Any]]] = [
        ("heads", "site", {"person": ids["site_manager"]}),
        ("heads", "department", {"department": workshop.pk, "person": ids["workshop_manager"]}),
        ("superiors", "superior", {"of": ids["technician"], "person": ids["workshop_manager"]}),
        ("posts", "post", {"position": post.pk, "rank": "3", "stand_in": [ids["guard"], ""]}),
        ("groups", "new-group", {"key": "reviewers", "name": "评审小组"}),
    ]
    for part, deed, sent in deeds:
        answer = own.post(f"/admin/standing/{deed}", sent)
        assert answer.headers["Location"] == f"/admin/standing?part={part}", deed
    group = UserGroup.objects.get()
    own.post("/admin/standing/group", {"group": group.pk, "member": [ids["guard"], ids["technician"]]})
    assert Site.objects.get(pk=cast.yl.pk).head_id == ids["site_manager"]
    assert Department.objects.get(pk=workshop.pk).head_id == ids["workshop_manager"]
    assert Superior.objects.get().superior_id == ids["workshop_manager"]
    post.refresh_from_db()
    assert (post.rank, StandIn.objects.get().user_id, group.members.count()) == (3, ids["guard"], 2)
    said = {"heads": "何平", "superiors": "孙立", "posts": "陈安 · 职级 3", "groups": "2 人"}
    for part, words in said.items():
        assert words in own.get(f"/admin/standing?part={part}").content.decode(), part


def test_more_people_groups_and_posts_cost_no_more_queries(centre: Centre) -> None:
    def count() -> int:
        browser = centre.client("admin")
        with CaptureQueriesContext(connection) as caught:
            assert browser.get("/admin/standing?part=groups").status_code == 200
        return len(caught)

    first = count()
    for number in range(4):
        group = UserGroup.objects.create(key=f"g{number}", name=f"第 {number} 组")
        group.members.set([centre.cast.user("guard"), centre.cast.user("cashier")])
    assert count() == first <= 20


def test_a_refusal_says_why_and_changes_nothing(centre: Centre) -> None:
    own, who = centre.client("admin"), centre.cast.user("technician").pk
    answer = own.post("/admin/standing/superior", {"of": who, "person": who})
    assert answer.status_code == 422 and "不能互为上级" in answer.content.decode()
    assert own.post("/admin/standing/new-group", {"key": "不行", "name": "x"}).status_code == 422
    assert not Superior.objects.exists() and not UserGroup.objects.exists()


def test_only_who_manages_people_and_only_the_group_sets_how_a_role_works(centre: Centre) -> None:
    assert centre.client("site_manager").get("/admin/standing").status_code == 403
    sent = {"role": "guard", "by_duty": "1", "desk": "值班室"}
    assert centre.client("admin").post("/admin/standing/role", sent).status_code == 403
    centre.client("group_admin").post("/admin/standing/role", sent)
    assert Role.objects.get(key="guard").on_duty
