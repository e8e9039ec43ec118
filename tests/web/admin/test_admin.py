"""Administration: people, posts, rights, sites and the audit log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

import bihuan
from bihuan.accounts.models import User
from bihuan.audit.models import Entry
from bihuan.kernel import clock
from bihuan.operations.pages import administration
from bihuan.operations.pages.audit_words import DEEDS
from bihuan.org.models import Department, Grant, Position, PositionHolder, Site
from bihuan.records.cases import open_case
from tests.cast import PASSWORD, Cast

PAGES = ("people", "people/new", "positions", "roles", "roles/advisor", "sites", "audit")


def browser(cast: Cast, who: str) -> Client:
    client = Client()
    client.force_login(cast.user(who))
    return client


@pytest.mark.parametrize("area", PAGES)
def test_the_administrator_opens_every_page_in_few_queries_and_a_technician_none(cast: Cast, area: str) -> None:
    admin = browser(cast, "admin")
    admin.get("/admin/people")
    with CaptureQueriesContext(
        connection,
    ) as seen:
        answer = admin.get(f"/admin/{area}")
    assert answer.status_code == 200
    assert len(seen) <= 16, [query["sql"][:90] for query in seen]
    assert browser(cast, "technician").get(f"/admin/{area}").status_code == 403


def test_the_entry_leads_to_the_first_area_one_may_open(cast: Cast) -> None:
    assert browser(cast, "admin").get("/admin").headers["Location"] == "/admin/people"
    assert browser(cast, "technician").get("/admin").status_code == 403


def test_somebody_is_hired_changed_locked_out_of_the_house_and_taken_back(cast: Cast) -> None:
    admin = browser(cast, "admin")
    post = Position.objects.get(site=cast.yl, name="服务顾问")
    form = {"name": "吕航", "username": "lvhang", "phone": "13900000777", "password": PASSWORD, "position": post.pk}
    assert admin.post("/admin/people/new", form).status_code == 302
    person = User.objects.get(username="lvhang")
    here = f"/admin/people/{person.pk}"
    assert "服务顾问" in admin.get(here).content.decode()
    assert admin.post(f"{here}/change", {"name": "吕行", "phone": "13900000778"}).status_code == 302
    assert admin.post(f"{here}/unlock").status_code == 302
    assert admin.post(f"{here}/password", {"password": PASSWORD + "-2"}).status_code == 302
    assert admin.post(f"{here}/end", {"position": post.pk}).status_code == 302
    assert admin.post(f"{here}/assign", {"position": post.pk}).status_code == 302
    assert admin.post(f"{here}/deactivate", {"reason": "离职"}).status_code == 302
    person.refresh_from_db()
    assert person.name == "吕行" and not person.is_active and person.check_password(PASSWORD + "-2")
    assert admin.post(f"{here}/reactivate").status_code == 302
    assert PositionHolder.objects.filter(user=person, until__isnull=True).count() == 0
    assert "吕行" in admin.get("/admin/people", {"all": "1"}).content.decode()


def test_a_refused_hire_keeps_what_was_typed(cast: Cast) -> None:
    answer = browser(cast, "admin").post("/admin/people/new", {"name": "吕航", "username": "lixiao"})
    page = answer.content.decode()
    assert answer.status_code == 422 and "已被使用" in page and 'value="吕航"' in page


def test_a_deed_without_its_reason_is_refused_on_the_spot(cast: Cast) -> None:
    here = f"/admin/people/{cast.user('guard').pk}"
    admin = browser(cast, "admin")
    for deed, said in (("deactivate", "请填写停用原因"), ("assign", "请选择岗位"), ("password", "密码")):
        answer = admin.post(f"{here}/{deed}", {"password": "1"})
        assert answer.status_code == 422 and said in answer.content.decode(), deed


def test_people_of_another_centre_are_not_there(cast: Cast) -> None:
    admin, other = browser(cast, "admin"), cast.user("other_advisor")
    assert admin.get(f"/admin/people/{other.pk}").status_code == 404
    assert admin.post(f"/admin/people/{other.pk}/password", {"password": PASSWORD}).status_code == 403


def test_a_post_is_made_and_carries_other_roles(cast: Cast) -> None:
    admin = browser(cast, "admin")
    assert (
        admin.post("/admin/positions", {"name": "机动岗", "role": ["advisor", "guard"], "reach": "site"}).status_code
        == 302
    )
    post = Position.objects.get(name="机动岗")
    assert admin.post(f"/admin/positions/{post.pk}", {"role": ["guard"]}).status_code == 302
    assert [role.key for role in post.roles.all()] == ["guard"]
    assert admin.post("/admin/positions", {"name": "机动岗"}).status_code == 422


def test_only_the_top_of_the_organisation_changes_rights(cast: Cast) -> None:
    held = list(Grant.objects.filter(role__key="guard").values_list("action", flat=True))
    wanted = {"action": [*held, "report.view"]}
    assert browser(cast, "admin").post("/admin/roles/guard", wanted).status_code == 403
    assert "只能查看" in browser(cast, "admin").get("/admin/roles").content.decode()
    group = browser(cast, "group_admin")
    assert group.post("/admin/roles/guard", wanted).status_code == 302
    assert Grant.objects.filter(role__key="guard", action="report.view").exists()
    assert group.post("/admin/roles/guard", {"action": held}).status_code == 302
    assert not Grant.objects.filter(role__key="guard", action="report.view").exists()


def test_sites_and_departments_are_kept(cast: Cast) -> None:
    admin = browser(cast, "admin")
    form = {
        "name": "云岭汽车服务中心",
        "phone": "13900000009",
        "is_active": "1",
        "hours_mon": "08:00-12:00，13:00-18:00",
    }
    assert admin.post(f"/admin/sites/{cast.yl.pk}", form).status_code == 302
    cast.yl.refresh_from_db()
    assert cast.yl.hours == {"mon": [["08:00", "12:00"], ["13:00", "18:00"]]}
    assert admin.post(f"/admin/sites/{cast.yl.pk}", {**form, "hours_mon": "早上"}).status_code == 422
    assert admin.post(f"/admin/sites/{cast.yl.pk}/departments", {"name": "客服部"}).status_code == 302
    assert Department.objects.filter(site=cast.yl, name="客服部").exists()
    assert admin.get(f"/admin/sites/{cast.jw.pk}").status_code == 403
    made = browser(cast, "group_admin").post("/admin/sites", {"code": "XJ", "name": "新店", "parent": cast.group.pk})
    assert made.status_code == 302 and Site.objects.filter(code="XJ").exists()


def two_deeds(cast: Cast) -> None:
    """One person of each centre gets a new name by the administrator there."""
    for admin, who, name in (("admin", "guard", "陈本店"), ("other_admin", "other_advisor", "蒋外店")):
        user = cast.user(who)
        answer = browser(cast, admin).post(f"/admin/people/{user.pk}/change", {"name": name, "phone": user.phone})
        assert answer.status_code == 302


def test_the_log_shows_only_ones_own_site_however_it_is_asked(cast: Cast) -> None:
    two_deeds(cast)
    foreign = cast.user("other_advisor").pk
    for params in ({}, {"action": "person.change"}, {"chain": "user"}, {"chain": f"user:{foreign}"}, {"who": "杨华"}):
        page = browser(cast, "admin").get("/admin/audit", params).content.decode()
        assert "蒋外店" not in page, params
        assert "杨华</td>" not in page, params
    mine = browser(cast, "admin").get("/admin/audit", {"action": "person.change"}).content.decode()
    theirs = browser(cast, "other_admin").get("/admin/audit", {"action": "person.change"}).content.decode()
    assert "陈本店" in mine and "蒋外店" in theirs and "陈本店" not in theirs
    everything = browser(cast, "group_admin").get("/admin/audit", {"action": "person.change"}).content.decode()
    assert "陈本店" in everything and "蒋外店" in everything


def test_what_belongs_to_no_site_is_read_at_the_top_only(cast: Cast) -> None:
    assert "没有符合条件" in browser(cast, "admin").get("/admin/audit", {"chain": "role"}).content.decode()
    assert "新建角色" in browser(cast, "group_admin").get("/admin/audit", {"chain": "role"}).content.decode()


def test_a_person_who_works_at_two_sites_shows_each_its_own_history(cast: Cast) -> None:
    shared = cast.user("other_advisor")
    here = Position.objects.get(site=cast.yl, name="保安/值班员")
    there = Position.objects.get(site=cast.jw, name="系统管理员")
    PositionHolder.objects.create(user=shared, position=here, since=clock.now())
    assert (
        browser(cast, "other_admin").post(f"/admin/people/{shared.pk}/assign", {"position": there.pk}).status_code
        == 302
    )
    assert "指定岗位" in browser(cast, "other_admin").get(f"/admin/people/{shared.pk}").content.decode()
    seen = administration.person_page(shared.pk, actor=cast.actor("admin")).history
    assert all(entry.site_id == cast.yl.pk for entry in seen)


@pytest.mark.parametrize("params", [{"page": "x", "since": "x"}, {"chain": "site", "who": "卫明", "page": "99999"}])
def test_filters_that_make_no_sense_do_not_break_the_log(cast: Cast, params: dict[str, Any]) -> None:
    assert browser(cast, "admin").get("/admin/audit", params).status_code == 200


def test_the_log_names_and_offers_only_deeds_the_product_writes() -> None:
    source = Path(bihuan.__file__).parent
    rest = "\n".join(file.read_text("utf-8") for file in source.rglob("*.py") if file.name != "audit_words.py")
    assert [deed for deed in DEEDS if f'"{deed}"' not in rest and deed.split(".")[0] + ".{" not in rest] == []


def test_the_log_is_filtered_by_person_action_and_object(cast: Cast) -> None:
    admin = browser(cast, "admin")
    admin.post(f"/admin/people/{cast.user('guard').pk}/change", {"name": "陈安安", "phone": "13900000010"})
    entry = Entry.objects.filter(action="person.change").get()
    page = admin.get("/admin/audit", {"chain": entry.chain, "who": "卫明", "action": "person.change"}).content.decode()
    assert "修改人员资料" in page and "陈安 → 陈安安" in page and "<dt>姓名或名称</dt>" in page
    assert "没有符合条件" in admin.get("/admin/audit", {"who": "李晓", "action": "person.change"}).content.decode()


def test_the_log_of_a_case_is_found_by_its_number(cast: Cast) -> None:
    case = open_case("service_visit", actor=cast.actor("advisor"))
    page = browser(cast, "admin").get("/admin/audit", {"chain": case.number}).content.decode()
    assert f"单据 {case.number}</a>" in page
    other = browser(cast, "admin").get("/admin/audit", {"chain": f"{case.number}9"}).content.decode()
    assert "没有符合条件" in other
