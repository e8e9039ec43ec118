"""The list of whom to call on our own account, and beginning to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bihuan.kernel import clock
from bihuan.limits.models import Clock
from bihuan.operations.desk.outreach import outreach
from bihuan.records.models import Case, Vehicle
from tests.web.visits import Centre

QUERIES = 25
PROVISIONAL = '<span class="provisional"'


@pytest.fixture
def due(centre: Centre) -> Centre:
    """The car's maintenance was due three days ago."""
    Vehicle.objects.filter(pk=centre.vehicle.pk).update(service_due_on=clock.now().date() - timedelta(days=3))
    return centre


@pytest.mark.covers("AUTO-01")
def test_who_is_due_is_called_with_one_click(due: Centre) -> None:
    browser = due.client("customer_care")
    page = browser.get("/outreach").content.decode()
    assert "周女士" in page and "保养到期" in page and "过期 3 天" in page
    answered = browser.post("/outreach/start", {"vehicle": due.vehicle.pk, "reason": "maintenance"})
    case = Case.unscoped.get(kind="outreach")
    assert answered.headers["Location"] == f"/tasks/{due.item(case, 'call').pk}"
    assert "保养到期" in case.title
    after = browser.get("/outreach").content.decode()
    assert "邀约通话" in after and "去办" in after and PROVISIONAL not in after
    Clock.unscoped.update(unconfirmed_year=2027)
    assert PROVISIONAL in browser.get("/outreach").content.decode()
    shown = outreach(actor=due.cast.actor("customer_care"))
    assert not shown.due.rows and len(shown.under_way) == 1 and shown.under_way[0].mine


def test_an_advisor_hands_the_call_to_customer_care(due: Centre) -> None:
    browser = due.client("advisor")
    assert browser.post("/outreach/start", {"vehicle": due.vehicle.pk}).headers["Location"] == "/outreach"
    assert "看单据" in browser.get("/outreach").content.decode()


def test_two_with_the_same_list_begin_one_call(due: Centre) -> None:
    for who in ("customer_care", "advisor"):
        due.client(who).post("/outreach/start", {"vehicle": due.vehicle.pk, "reason": "maintenance"})
    browser = due.client("customer_care")
    browser.post("/outreach/start", {"vehicle": due.vehicle.pk})
    assert "已经在邀约中" in browser.get("/outreach").content.decode()
    assert Case.unscoped.filter(kind="outreach").count() == 1


def test_reason_and_reach_narrow_the_list(due: Centre) -> None:
    actor = due.cast.actor("customer_care")
    assert not outreach(actor=actor, reason="voucher").due.rows
    assert outreach(actor=actor, reason="maintenance").due.rows
    Vehicle.objects.filter(pk=due.vehicle.pk).update(service_due_on=clock.now().date() + timedelta(days=20))
    assert not outreach(actor=actor).due.rows
    assert outreach(actor=actor, ahead_days=30).due.rows


@pytest.mark.parametrize("query", ["reason=x", "ahead=7", "page=x", "page=99999999999"])
def test_a_clumsy_address_shows_the_list(due: Centre, query: str) -> None:
    assert due.client("customer_care").get(f"/outreach?{query}").status_code == 200


def test_an_unknown_car_is_not_called(centre: Centre) -> None:
    browser = centre.client("customer_care")
    for vehicle in ("", "x", "999999"):
        assert browser.post("/outreach/start", {"vehicle": vehicle}).status_code == 404


def test_the_page_costs_the_same_for_many(due: Centre, django_assert_max_num_queries: Any) -> None:
    browser = due.client("customer_care")
    browser.post("/outreach/start", {"vehicle": due.vehicle.pk})
    with django_assert_max_num_queries(QUERIES):
        browser.get("/outreach")
