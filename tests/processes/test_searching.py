"""Finding instances by anything, page by page, at one's site."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bihuan.kernel import clock
from bihuan.processes import engine_store as store
from bihuan.processes import searching
from bihuan.processes.searching import InstanceSearch, search_instances
from tests.processes.conftest import Desk
from tests.processes.models import APPROVAL, ARRIVAL, BOOKING, PARALLEL, REMINDER


@pytest.fixture
def many(desk: Desk, frozen_clock: Any) -> dict[str, int]:
    """Instances of different kinds, an hour apart, the last begun first in every list."""
    made: dict[str, int] = {}

    def start(name: str, xml: str, key: str, variables: dict[str, Any] | None = None, **more: Any) -> None:
        clock.move(clock.now() + timedelta(hours=1))
        made[name] = desk.start(xml, key, variables, **more).instance_id

    start(
        "small", APPROVAL, "approval", {"number": "A1", "owner": None, "amount": 5}, subject_kind="case", subject_id=1
    )
    start("large", APPROVAL, "approval", {"number": "A2", "owner": None}, subject_kind="case", subject_id=2)
    desk.complete(made["large"], "fill", {"amount": 500}, by="advisor")
    start("ended", APPROVAL, "approval", {"number": "A3", "owner": None})
    desk.complete(made["ended"], "fill", {"amount": 7, "urgent": True}, by="advisor")
    desk.complete(made["ended"], "close", by="advisor")
    start("reminder", REMINDER, "reminder", title="云A·12345 保养", actor=desk.cast.actor("site_manager"))
    start("waiting", ARRIVAL, "arrival", {"case_id": 7})
    start("stuck", BOOKING, "booking")
    start("elsewhere", PARALLEL, "parallel", site_id=desk.cast.jw.pk, actor=desk.cast.actor("other_advisor"))
    return made


def names(many: dict[str, int], desk: Desk, **asked: Any) -> list[str]:
    of = {number: name for name, number in many.items()}
    return [of[row.pk] for row in search_instances(InstanceSearch(**asked), site_id=desk.site_id).rows]


def test_everything_at_the_site_is_found_newest_first(many: dict[str, int], desk: Desk) -> None:
    assert names(many, desk) == ["stuck", "waiting", "reminder", "ended", "large", "small"]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"process": "approval"}, ["ended", "large", "small"]),
        ({"process": "approval", "version": 2}, []),
        ({"process": "nothing"}, []),
        ({"status": "completed"}, ["ended"]),
        ({"status": "running", "process": "approval"}, ["large", "small"]),
        ({"status": "stuck"}, ["stuck"]),
        ({"incident": "没有名为"}, ["stuck"]),
        ({"incident": "100%"}, []),
        ({"node_id": "fill"}, ["small"]),
        ({"node_id": "approve"}, ["large"]),
        ({"node_id": "late"}, ["reminder"]),
        ({"node_id": "wait"}, ["waiting", "reminder"]),
        ({"node_id": "wait", "process": "reminder"}, ["reminder"]),
        ({"node_id": "book"}, ["stuck"]),
        ({"subject_kind": "case", "subjects": [2, 9]}, ["large"]),
        ({"subject_kind": "case", "subjects": []}, []),
        ({"title": "12345"}, ["reminder"]),
        ({"variable": "amount"}, ["ended", "large", "small"]),
        ({"variable": "amount", "value": "500.0"}, ["large"]),
        ({"variable": "amount", "value": "many"}, []),
        ({"variable": "urgent", "value": "是"}, ["ended"]),
        ({"variable": "number", "value": "a"}, ["ended", "large", "small"]),
        ({"variable": "number", "value": "A2", "node_id": "fill"}, []),
    ],
)
def test_it_is_found_by(many: dict[str, int], desk: Desk, asked: dict[str, Any], found: list[str]) -> None:
    assert names(many, desk, **asked) == found


def test_a_person_finds_what_they_began_did_or_hold(many: dict[str, int], desk: Desk) -> None:
    advisor, manager = desk.cast.user("advisor").pk, desk.cast.user("site_manager").pk
    assert names(many, desk, person_id=manager) == ["reminder"]
    assert names(many, desk, person_id=advisor) == ["stuck", "waiting", "ended", "large", "small"]
    store.claim_item(desk.item(many["large"], "approve").pk, actor=desk.cast.actor("site_manager"))
    assert names(many, desk, person_id=manager) == ["reminder", "large"]


def test_it_is_found_by_number_and_by_the_day_it_began(many: dict[str, int], desk: Desk, frozen_clock: Any) -> None:
    assert names(many, desk, number=many["ended"]) == ["ended"]
    assert names(many, desk, number=many["elsewhere"]) == []
    assert names(many, desk, since=frozen_clock + timedelta(hours=3), until=frozen_clock + timedelta(hours=5)) == [
        "reminder", "ended",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "asked", [{}, {"process": "approval"}, {"node_id": "wait"}, {"variable": "amount"}, {"status": "running"}]
)
def test_pages_follow_each_other_without_a_gap(many: dict[str, int], desk: Desk, asked: dict[str, Any]) -> None:
    whole = [row.pk for row in search_instances(InstanceSearch(**asked), site_id=desk.site_id).rows]
    paged, after = list[int](), None
    while True:
        page = search_instances(InstanceSearch(**asked), site_id=desk.site_id, after=after, limit=2)
        paged += [row.pk for row in page.rows]
        if page.next is None:
            break
        assert len(page.rows) == 2
        after = page.next
    assert paged == whole


def test_a_search_that_reads_rows_stops_in_time_and_goes_on_from_there(
    many: dict[str, int], desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "SCANNED", 2)
    query = InstanceSearch(variable="amount", value="500")
    first = search_instances(query, site_id=desk.site_id)
    assert first.rows == [] and first.next is not None and first.scanned_to == first.next[0]
    second = search_instances(query, site_id=desk.site_id, after=first.next)
    third = search_instances(query, site_id=desk.site_id, after=second.next)
    assert [row.pk for row in second.rows + third.rows] == [many["large"]] and third.next is None


def test_it_is_said_when_more_fit_than_were_looked_at(
    many: dict[str, int], desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = InstanceSearch(node_id="wait")
    assert not search_instances(query, site_id=desk.site_id).cut
    monkeypatch.setattr(searching, "CANDIDATES", 2)
    assert search_instances(query, site_id=desk.site_id).cut


def test_words_of_what_is_wrong_are_looked_for_among_the_newest(
    many: dict[str, int], desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = InstanceSearch(incident="no such words")
    assert not search_instances(query, site_id=desk.site_id).cut
    monkeypatch.setattr(searching, "SCANNED", 1)
    assert search_instances(query, site_id=desk.site_id).cut


@pytest.mark.parametrize(
    "asked", [{}, {"process": "approval"}, {"node_id": "fill", "status": "running"}, {"title": "x"}, {"variable": "x"}]
)
def test_a_page_needs_few_queries(many: dict[str, int], desk: Desk, asked: dict[str, Any]) -> None:
    with CaptureQueriesContext(connection) as told:
        search_instances(InstanceSearch(**asked), site_id=desk.site_id)
    assert len(told) <= 4
