"""The start page: open work by urgency, claiming, arrivals, the quiet refresh."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from bihuan.kernel import clock
from bihuan.notify.notices import notify_people
from bihuan.operations.pages.workbench import workbench
from bihuan.org.models import Site
from bihuan.processes.models import WorkItem
from bihuan.records.models import Case
from tests.web.visits import PLATE, Centre

QUERIES = 20


def test_a_stranger_is_sent_to_sign_in(client: Client, db: None) -> None:
    assert client.get("/").headers["Location"].startswith("/sign-in")


@pytest.mark.covers("AUTO-06")
def test_an_arrival_shows_up_as_urgent_work_of_every_advisor(centre: Centre) -> None:
    front = centre.client("front_desk")
    answer = front.post("/arrivals", {"plate": PLATE, "bay": "预检一号位"})
    assert answer.status_code == 302
    page = centre.client("advisor").get("/").content.decode()
    assert "迎接问候" in page and "周女士" in page and "示A·70001" in page and "预检一号位" in page
    assert "领取" in page and "data-due=" in page
    assert page.index("今天") > 0


def test_work_is_grouped_by_urgency_as_time_goes_by(centre: Centre, frozen_clock: Any) -> None:
    centre.arrive()
    actor = centre.cast.actor("advisor")
    assert [group.key for group in workbench(actor=actor).groups] in (["today"], ["soon"])
    clock.move(frozen_clock + timedelta(seconds=50))
    assert [group.key for group in workbench(actor=actor).groups] == ["soon"]
    clock.move(frozen_clock + timedelta(minutes=2))
    assert [group.key for group in workbench(actor=actor).groups] == ["late"]
    assert "超时 1 分" in centre.client("advisor").get("/").content.decode()


def test_what_is_refused_at_the_gate_keeps_what_was_typed(centre: Centre) -> None:
    centre.arrive()
    answer = centre.client("front_desk").post("/arrivals", {"plate": "示A70001", "bay": "二号位"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "已经在店" in page and 'value="示A70001"' in page and 'value="二号位"' in page


@pytest.mark.parametrize(
    ("who", "at", "shown"),
    [
        ("guard", "YL", True),
        ("front_desk", "YL", True),
        ("customer_care", "YL", False),  # may open cases, but works on no visit
        ("group_manager", "YL", True),
        ("group_manager", "YLG", False),  # nobody there greets whoever drives in
    ],
)
def test_a_car_is_reported_where_and_by_whom_it_is_worked_on(centre: Centre, who: str, at: str, shown: bool) -> None:
    browser = centre.client(who)
    browser.post("/site", {"site": Site.objects.get(code=at).pk})
    assert ('action="/arrivals"' in browser.get("/").content.decode()) is shown


def test_who_may_not_open_cases_gets_no_arrival_form_and_is_refused(centre: Centre) -> None:
    browser = centre.client("technician")
    assert 'action="/arrivals"' not in browser.get("/").content.decode()
    assert browser.post("/arrivals", {"plate": PLATE}).status_code == 403
    assert not Case.unscoped.exists()


def test_claimed_work_leaves_the_benches_of_the_others(centre: Centre) -> None:
    case = centre.arrive()
    item = centre.item(case, "greet")
    assert centre.client("advisor").post(f"/tasks/{item.pk}/claim").headers["Location"] == f"/tasks/{item.pk}"
    assert WorkItem.unscoped.get(pk=item.pk).assignee == centre.cast.user("advisor")
    assert workbench(actor=centre.cast.actor("advisor")).counts["mine"] == 1
    assert workbench(actor=centre.cast.actor("other_advisor")).groups == []


def test_the_refresh_answers_nothing_while_nothing_changed(centre: Centre) -> None:
    case = centre.arrive()
    browser = centre.client("advisor")
    seen = workbench(actor=centre.cast.actor("advisor")).version
    assert browser.get(f"/?seen={seen}", headers={"HX-Request": "true"}).status_code == 204
    centre.greet(case)
    changed = browser.get(f"/?seen={seen}", headers={"HX-Request": "true"})
    assert changed.status_code == 200
    assert "<html" not in changed.content.decode() and "记录客户需求" in changed.content.decode()


def test_the_side_column_tells_what_just_happened(centre: Centre) -> None:
    case = centre.arrive()
    centre.greet(case)
    notify_people([centre.cast.user("advisor").pk], "客户到前台了", "示A70001", url="/notices")
    page = centre.client("advisor").get("/").content.decode()
    assert "客户到前台了" in page
    assert "刚刚发生" in page and "李晓" in page


def test_an_empty_bench_says_what_will_be_here(centre: Centre) -> None:
    assert "手上没有待办" in centre.client("cashier").get("/").content.decode()


def test_somebody_without_a_post_is_told_so(centre: Centre) -> None:
    assert centre.client("without_position").get("/").status_code in (200, 403)


def test_the_page_costs_the_same_with_one_item_and_with_many(
    centre: Centre, django_assert_max_num_queries: Any
) -> None:
    for number in range(6):
        centre.arrive(f"示A8000{number}")
    browser = centre.client("advisor")
    browser.get("/")
    with django_assert_max_num_queries(QUERIES):
        browser.get("/")
