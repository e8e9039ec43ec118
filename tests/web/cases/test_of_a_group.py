"""A person of a group: its lists show the rows of the sites below, where they may see them."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from openpyxl import load_workbook

from bihuan.operations.cases import receive_vehicle
from bihuan.operations.pages.case_list import CaseQuery, case_list
from bihuan.operations.pages.workbench import workbench
from bihuan.org.access import system_actor
from bihuan.org.models import Position, Site
from bihuan.processes import queries
from bihuan.processes.models import WorkItem
from bihuan.processes.queries import inbox
from bihuan.records.models import Case
from tests.web.visits import Centre

pytestmark = pytest.mark.django_db
LIST_QUERIES, HOME_QUERIES = 15, 24


@pytest.fixture
def both(centre: Centre) -> tuple[Case, Case]:
    """A car at each of the group's two centres."""
    return centre.arrive(), receive_vehicle("示B20002", actor=system_actor(centre.cast.jw.pk), bay="一号位")


def numbers(centre: Centre, who: str, at: Site | None = None, **query: Any) -> list[str]:
    found = case_list(CaseQuery.of(query), actor=centre.cast.actor(who, at))
    return [row.case.number for row in found.rows]


def test_the_list_of_a_group_shows_the_cases_of_the_sites_below_it(
    centre: Centre, both: tuple[Case, Case], django_assert_max_num_queries: Any
) -> None:
    here, there = both
    assert set(numbers(centre, "group_manager")) == {here.number, there.number}
    assert numbers(centre, "group_manager", centre.cast.jw) == [there.number], "at one of them its own"
    assert numbers(centre, "group_manager", site=str(there.site_id)) == [there.number]
    assert numbers(centre, "advisor") == [here.number] and not numbers(centre, "advisor", site=str(there.site_id))
    browser = centre.client("group_manager")
    with django_assert_max_num_queries(LIST_QUERIES):
        page = browser.get("/cases").content.decode()
    assert "江湾汽车服务中心</div>" in page and "云岭汽车服务中心</div>" in page
    assert "江湾汽车服务中心" not in centre.client("advisor").get("/cases").content.decode()
    clocks = browser.get("/clocks", {"state": "today"}).content.decode()
    assert here.number in clocks and there.number in clocks and "本单位及下属门店" in clocks
    book = load_workbook(BytesIO(browser.get("/cases/export.xlsx").content))
    assert {row[-1].value for row in list(book.worksheets[0].rows)[1:]} >= {"云岭汽车服务中心", "江湾汽车服务中心"}


def test_a_post_that_does_not_reach_down_shows_its_own_site_only(centre: Centre, both: tuple[Case, Case]) -> None:
    Position.objects.filter(site=centre.cast.group).update(reach=Position.Reach.SITE)
    assert numbers(centre, "group_manager") == []
    assert workbench(actor=centre.cast.actor("group_manager")).in_house == 0


def test_the_work_of_the_sites_below_is_on_the_workbench_and_done_from_there(
    centre: Centre, both: tuple[Case, Case], django_assert_max_num_queries: Any
) -> None:
    WorkItem.unscoped.filter(node_id="greet").update(role="site_manager")
    browser = centre.client("group_manager")
    with django_assert_max_num_queries(HOME_QUERIES):
        page = browser.get("/").content.decode()
    assert "示A·70001" in page and "示B·20002" in page and "江湾汽车服务中心</span>" in page
    assert workbench(actor=centre.cast.actor("group_manager")).in_house == 2
    item = WorkItem.unscoped.get(node_id="greet", site=centre.cast.jw)
    assert f'data-site="{item.site_id}"' in browser.get(f"/tasks/{item.pk}").content.decode()
    found = browser.get("/lookup/person", {"q": "hl", "site": item.site_id}).json()["results"]
    assert [one["label"] for one in found] == ["韩磊"], "whoever works where the work is"
    assert centre.client("advisor").get("/lookup/person", {"q": "hl", "site": item.site_id}).status_code == 403


def test_of_very_many_sites_the_inbox_is_the_same_in_few_branches(
    centre: Centre, both: tuple[Case, Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    WorkItem.unscoped.filter(node_id="greet").update(role="site_manager")
    actor = centre.cast.actor("group_manager")
    one_by_one = inbox(actor)
    monkeypatch.setattr(queries, "MOST_BRANCHES", 0)
    assert len(one_by_one) == 2 and inbox(actor) == one_by_one


def test_whoever_sees_cases_only_finds_the_cases_they_may_see(centre: Centre, both: tuple[Case, Case]) -> None:
    here, there = both
    Case.unscoped.filter(pk=here.pk).update(customer=centre.customer, vehicle=centre.vehicle)
    browser = centre.client("technician")
    assert 'id="search"' in browser.get("/cases").content.decode()
    for typed in ("示A70001", "70001", "周晓棠", here.number):
        page = browser.get("/search", {"q": typed}).content.decode()
        assert f'href="/cases/{here.pk}"' in page and "139****7001" not in page, "customers are not theirs to see"
    for typed in ("示B20002", there.number):
        assert f"/cases/{there.pk}" not in browser.get("/search", {"q": typed}).content.decode()
