"""Counters, registers and papers in a browser: nothing for axe to find, nothing wider than the screen."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

import bihuan
from bihuan.records.models import Document, Settlement
from tests.web.story import drive
from tests.web.visits import Centre

STATIC = Path(bihuan.__file__).parent / "web/static/bihuan"
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not (STATIC / "app.js").exists(), reason="assets are not built"),
]


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (1440, "light"), (1440, "dark")])
def test_counters_registers_and_papers_are_accessible_and_fit(
    centre: Centre, page: Page, live_server: LiveServer, width: int, scheme: str
) -> None:
    case = drive(centre, "放行核对")
    papers = (
        f"pass={Document.unscoped.get(case=case, kind='gate_pass').number}"
        f"&settlement={Settlement.unscoped.get(case=case).number}"
    )
    visits = {
        "guard": ("/guard", f"/guard?{papers}", "/guard?pass=nothing"),
        "cashier": ("/cashier", f"/print/case/{case.pk}/settlement", f"/print/case/{case.pk}/gate_pass"),
        "parts_clerk": ("/parts", "/parts?q=P-1001&part=1", f"/print/case/{case.pk}/pick_slip"),
        "site_manager": (
            "/customers", f"/customers/{centre.customer.pk}", "/customers/new", "/vehicles",
            f"/vehicles/{centre.vehicle.pk}", f"/vehicles/{centre.vehicle.pk}/edit", "/import",
            f"/cashier/refund/{case.pk}", f"/print/case/{case.pk}/precheck", f"/print/case/{case.pk}/estimate",
        ),
    }  # fmt: skip
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    for who, addresses in visits.items():
        session = centre.client(who).cookies["sessionid"].value
        page.context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        for address in addresses:
            page.goto(live_server.url + address)
            found = Axe().run(page)
            assert found.violations_count == 0, f"{address} at {width}: {found.generate_report()}"
            assert page.evaluate("document.documentElement.scrollWidth") <= width, address


def test_the_key_goes_out_by_scanner_and_keyboard(centre: Centre, page: Page, live_server: LiveServer) -> None:
    case = drive(centre, "放行核对")
    session = centre.client("guard").cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    page.goto(f"{live_server.url}/guard")
    page.keyboard.type(f"{live_server.url}/guard/paper/{Document.unscoped.get(case=case, kind='gate_pass').token}\n")
    page.locator(".verdict-bad").wait_for()
    page.keyboard.type(f"{live_server.url}/guard/paper/{Document.unscoped.get(case=case, kind='settlement').token}\n")
    page.locator(".verdict-ok").wait_for()
    page.get_by_role("button", name="人车相符，交出钥匙").click()
    page.locator(".toast", has_text="已放行，钥匙已交给客户").wait_for()
