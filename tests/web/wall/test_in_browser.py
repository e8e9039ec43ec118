"""The wall in a browser: turns its pages, needs no reload, tells when the server is away, nothing for axe to find."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

import bihuan
from bihuan.org.displays import open_display
from tests.web.visits import Centre

STATIC = Path(bihuan.__file__).parent / "web/static/bihuan"
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not (STATIC / "wall.js").exists(), reason="assets are not built"),
]


def test_a_wall_turns_its_pages_and_lives_without_a_person(centre: Centre, page: Page, live_server: LiveServer) -> None:
    for number in range(12):
        centre.arrive(f"示A71{number:03d}", bay=f"{number + 1} 号位")
    _, token = open_display(
        site_id=centre.cast.yl.pk, board="workshop", name="东墙", actor=centre.cast.actor("site_manager")
    )
    page.clock.install()
    for width, height in ((1920, 1080), (1440, 900), (360, 740)):
        page.set_viewport_size({"width": width, "height": height})
        page.goto(f"{live_server.url}/wall/{token}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert Axe().run(page).violations_count == 0
    page.set_viewport_size({"width": 1920, "height": 1080})
    page.goto(f"{live_server.url}/wall/{token}")
    rows = page.locator(".wall-row:visible")
    first = rows.first.inner_text()
    assert 4 <= rows.count() < 12
    size = "cell => parseFloat(getComputedStyle(cell).fontSize)"
    assert rows.first.locator("td").first.evaluate(size) >= 40, "40 of 1080 lines are 25 mm on a 55 inch screen"
    page.clock.run_for(12_500)
    expect(page.locator(".wall-pages")).to_contain_text("第 2 /")
    assert rows.first.inner_text() != first

    page.route("**/wall/**", lambda route: route.abort())
    page.clock.run_for(6_000)
    expect(page.locator("#wall-lost")).to_be_visible()
    page.unroute("**/wall/**")
    page.clock.run_for(6_000)
    expect(page.locator("#wall-lost")).to_be_hidden()
