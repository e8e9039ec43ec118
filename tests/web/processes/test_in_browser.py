"""Instances and incidents at the width of a phone and of a desk, for eyes and for screen readers."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

import bihuan
from bihuan.kernel import clock
from bihuan.operations.surroundings import surroundings
from bihuan.operations.timing.due_work import run_due_work
from bihuan.processes import engine_store as store
from bihuan.records.models import Case
from tests.processes.models import END, START, bpmn, daily, service, task
from tests.web.visits import Centre

STATIC = Path(bihuan.__file__).parent / "web/static/bihuan"
PICTURES = os.environ.get("BIHUAN_TEST_PICTURES")
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not (STATIC / "app.js").exists(), reason="assets are not built"),
]


def test_instances_and_incidents_fit_and_are_accessible(centre: Centre, page: Page, live_server: LiveServer) -> None:
    case = centre.arrive()
    centre.greet(case)
    polish = bpmn("polish", START, service("wax", "wax_by_robot"), task("look", role="advisor"), END,
                  flows="start>wax wax>look look>end")  # fmt: skip
    store.publish(polish, "polish", name="漆面打蜡")
    for number in (1, 2):
        stuck = store.start_instance(
            "polish", site_id=centre.cast.yl.pk, actor=centre.cast.actor("advisor"), title=f"示A·7000{number} 打蜡",
            variables={"layers": 2, "gloss": "高", "agreed": True}, around=surroundings(),
        )  # fmt: skip
    visit = centre.item(case, "reception").instance_id
    store.publish(daily(), "daily", name="营业前巡查")
    for hours in (1, 72):
        store.deliver_message(
            "车辆到店", case.number, actor=centre.cast.actor("guard"), site_id=centre.cast.yl.pk,
            keep_for=timedelta(hours=hours),
        )  # fmt: skip
    clock.move(clock.now() + timedelta(days=1))
    run_due_work()
    routine = Case.unscoped.get(kind="routine").pk
    session = centre.client("admin").cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    for name, path in (
        ("instances", "/processes/instances?process=service_visit"),
        ("instance", f"/processes/instances/{stuck.instance_id}"),
        ("visit", f"/processes/instances/{visit}"),
        ("incidents", "/processes/incidents"),
        ("processes", "/processes"),
        ("publish", "/processes/daily/publish"),
        ("messages", "/processes/messages"),
        ("daily", "/processes/daily"),
        ("routine", f"/cases/{routine}"),
    ):
        page.goto(live_server.url + path)
        for width in (360, 1440):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
            if PICTURES:
                page.wait_for_timeout(400)
                page.screenshot(path=f"{PICTURES}/{name}-{width}.png", full_page=True)
        found = Axe().run(page).response["violations"]
        assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == [], path
