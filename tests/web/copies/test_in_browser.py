"""抄送 in a browser: choosing several people, reading, confirming, on the drawing; nothing for axe to find."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

import bihuan
from bihuan.records.models import CarbonCopy
from tests.web.copies.test_copies import told
from tests.web.visits import Centre

STATIC = Path(bihuan.__file__).parent / "web/static/bihuan"
PICTURES = os.environ.get("BIHUAN_PICTURES")
"""A folder for pictures of these pages, for looking at them."""
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not (STATIC / "app.js").exists(), reason="assets are not built"),
]


def as_person(centre: Centre, page: Page, server: LiveServer, who: str) -> None:
    cookie = centre.client(who).cookies["sessionid"]
    page.context.add_cookies([{"name": "sessionid", "value": cookie.value, "url": server.url}])


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (1440, "dark")])
def test_a_step_is_copied_to_several_and_read_by_one(
    centre: Centre, page: Page, live_server: LiveServer, width: int, scheme: str
) -> None:
    def looks_well(name: str) -> None:
        found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
        serious = [one["id"] for one in found if one["impact"] in ("serious", "critical")]
        assert serious == [], f"{name}: {serious}"
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        if PICTURES:
            page.screenshot(path=f"{PICTURES}/{name}-{width}.png", full_page=True)

    case = told(centre)
    item = centre.item(case, "归档")
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    as_person(centre, page, live_server, "advisor")
    page.goto(f"{live_server.url}/tasks/{item.pk}/act/cc")
    box = page.get_by_role("combobox", name="抄送给")
    for typed, name in (("fy", "冯玉"), ("hl", "韩磊 江湾汽车服务中心")):
        box.fill(typed)
        page.get_by_role("option", name=name).click()
    page.get_by_label("请对方确认已阅").check()
    page.get_by_label("说明（可不填）").fill("请一起看看这台车的报价")
    looks_well("cc")
    page.get_by_role("button", name="抄送", exact=True).click()
    expect(page.get_by_text("已抄送给")).to_be_visible()
    assert CarbonCopy.unscoped.filter(case=case, on="hand", wants_confirmation=True).count() == 2
    page.goto(f"{live_server.url}/cases/{case.pk}?tab=copies")
    looks_well("case")
    as_person(centre, page, live_server, "other_technician")
    page.goto(f"{live_server.url}/")
    looks_well("home")
    page.goto(f"{live_server.url}/copies")
    looks_well("mine")
    page.get_by_role("link", name="李晓抄送“归档”").click()
    looks_well("reading")
    page.get_by_role("button", name="已阅").click()
    expect(page.get_by_text("确认已阅").first).to_be_visible()
    looks_well("read")
    if width > 1000:
        as_person(centre, page, live_server, "site_manager")
        page.goto(f"{live_server.url}/processes/complaint")
        expect(page.get_by_role("img", name="抄送：投诉受理，办完时：车间主管")).to_be_visible()
        looks_well("drawn")
