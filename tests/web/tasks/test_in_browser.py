"""A walk-in nobody knows, from the gate to the recorded request, with the keyboard; every screen at three widths."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

import bihuan
from bihuan.records.models import Case, WorkLine
from tests.web.visits import Centre

STATIC = Path(bihuan.__file__).parent / "web/static/bihuan"
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not (STATIC / "app.js").exists(), reason="assets are not built"),
]
Open = Callable[[str, str], Page]


@pytest.fixture
def opened(centre: Centre, page: Page, live_server: LiveServer) -> Open:
    """Signs somebody in and opens a page."""

    def go(who: str, path: str) -> Page:
        session = centre.client(who).cookies["sessionid"].value
        page.context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        page.goto(live_server.url + path)
        return page

    return go


@pytest.mark.covers("AUTO-06", "AUTO-07")
def test_a_walk_in_is_received_and_recorded_by_keyboard(centre: Centre, opened: Open) -> None:
    page = opened("advisor", "/")
    page.fill("#arrival-plate", "示A99999")
    page.press("#arrival-plate", "Enter")
    expect(page.locator(".toast")).to_contain_text("已到店")
    page.locator("h1").click()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("迎接问候")
    page.locator("[name=greeting]").first.wait_for(state="attached")
    for box in page.locator(".choice").all():
        box.click()
    page.keyboard.press("Control+Enter")
    expect(page.locator("h1")).to_have_text("记录客户需求")
    page.fill("textarea[name=note]", "客户赶时间")
    page.wait_for_function("() => Object.values(localStorage).some(kept => kept.includes('客户赶时间'))")
    page.locator("summary", has_text="当场建档").click()
    page.fill("#new-name", "邹云")
    page.fill("#new-phone", "13900004321")
    page.press("#new-phone", "Enter")
    expect(page.locator("[name=customer-text]")).to_have_value("邹云")
    expect(page.locator("textarea[name=note]")).to_have_value("客户赶时间")
    page.locator("label.choice", has_text="没有预约").click()
    page.locator("[data-lines] [name$=-description]").first.fill("更换机油")
    page.keyboard.press("Control+Enter")
    expect(page.locator("h1")).to_have_text("熄火提醒与防污四件套")
    case = Case.unscoped.get()
    assert case.customer is not None and case.customer.name == "邹云" and case.phone == "13900004321"
    assert [line.description for line in WorkLine.unscoped.all()] == ["更换机油"]


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_every_screen_fits_and_is_accessible(centre: Centre, opened: Open, width: int) -> None:
    case = centre.arrive()
    centre.greet(case)
    paths = [
        "/",
        f"/tasks/{centre.item(case, 'reception').pk}",
        "/cases",
        f"/cases/{case.pk}",
        f"/cases/{case.pk}?tab=lines",
    ]
    for path in paths:
        page = opened("advisor", path)
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        found = Axe().run(page).response["violations"]
        assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == [], path


def test_the_diagram_opens_on_the_present_step(centre: Centre, opened: Open) -> None:
    case = centre.arrive()
    centre.greet(case)
    page = opened("advisor", f"/cases/{case.pk}?tab=diagram")
    expect(page.locator("[data-element-id=reception].is-current")).to_have_count(1)
    expect(page.locator("[data-element-id=greet].is-done")).to_have_count(1)


def test_the_telephone_number_appears_in_its_place(centre: Centre, opened: Open) -> None:
    page = opened("advisor", f"/tasks/{centre.item(centre.arrive(), 'greet').pk}")
    page.get_by_role("button", name=re.compile("显示号码")).click()
    expect(page.locator("#phone")).to_contain_text("139 0000 7001")
