"""Reports and lists of limits in a browser: nothing for axe to find, they fit, and time goes on without a request."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

import bihuan
from bihuan.limits.models import Clock
from bihuan.org.displays import open_display
from tests.web.visits import Centre

STATIC = Path(bihuan.__file__).parent / "web/static/bihuan"
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not (STATIC / "app.js").exists(), reason="assets are not built"),
]
PAGES = ("/clocks", "/clocks?state=today", "/clocks?state=met", "/reports/limits", "/reports/limits?by=role",
         "/reports/calls", "/admin/displays")  # fmt: skip


def sign_in(centre: Centre, page: Page, server: LiveServer) -> None:
    session = centre.client("site_manager").cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": session, "url": server.url}])


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (768, "dark"), (1440, "light")])
def test_the_time_screens_are_accessible_and_fit(
    centre: Centre, page: Page, live_server: LiveServer, width: int, scheme: str
) -> None:
    centre.greet(centre.arrive("示A70002"))
    centre.arrive("示A70003")
    open_display(site_id=centre.cast.yl.pk, board="hotline", name="热线室", actor=centre.cast.actor("site_manager"))
    sign_in(centre, page, live_server)
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    for address in PAGES:
        page.goto(live_server.url + address)
        found = Axe().run(page)
        assert found.violations_count == 0, f"{address} at {width}: {found.generate_report()}"
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address


def test_a_countdown_ticks_by_the_servers_clock_without_a_request_whatever_the_devices_clock_says(
    centre: Centre, page: Page, live_server: LiveServer
) -> None:
    centre.arrive("示A70003")
    sign_in(centre, page, live_server)
    requests: list[str] = []
    # The device believes it is a year earlier.
    page.clock.install(time=datetime.now(UTC) - timedelta(days=365))
    # The served page knows the real moment: let the limit run out 90 seconds from then.
    Clock.unscoped.filter(key="greet").update(due_at=datetime.now(UTC) + timedelta(seconds=90), warn_at=None)
    page.goto(f"{live_server.url}/clocks?state=running")
    page.on("request", lambda request: requests.append(request.url))
    # What the shell asks by itself is kept from it: its answers would tell that no time has really passed.
    page.route("**/notices/**", lambda route: route.abort())
    shown = page.locator(".countdown").first
    expect(shown).to_have_class("countdown countdown-soon")
    expect(shown).to_contain_text("仅剩 1 分")
    page.clock.run_for(40_000)
    expect(shown).to_contain_text("仅剩")
    expect(shown).to_contain_text("秒")
    page.clock.run_for(60_000)
    expect(shown).to_have_class("countdown countdown-late")
    expect(shown).to_contain_text("超时")
    assert [address for address in requests if "/static/" not in address and "/notices/" not in address] == []
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/tasks/*")
