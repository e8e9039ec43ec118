"""The duty screens in a browser: nothing for axe to find, nothing wider than the screen."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

import bihuan
from bihuan.kernel import clock
from bihuan.operations.duty.unattended import look_after_unattended
from bihuan.org.duty.delegation import delegate_work
from bihuan.org.duty.leave import Span, request_leave
from bihuan.org.models import PositionHolder, Role
from tests.web.duty.test_duty import plan
from tests.web.visits import Centre

STATIC = Path(bihuan.__file__).parent / "web/static/bihuan"
PICTURES = os.environ.get("BIHUAN_PICTURES")
"""A folder for pictures of these pages, for looking at them."""
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not (STATIC / "app.js").exists(), reason="assets are not built"),
]


def busy(centre: Centre) -> int:
    """A week with shifts, leave asked for and approved, a delegation, and a car nobody can greet."""
    PositionHolder.objects.update(since=clock.now() - timedelta(days=90))
    # The server's own thread shows the real day.
    clock.move(datetime.now(UTC))
    today = clock.now().astimezone(ZoneInfo("Asia/Shanghai")).date()
    Role.objects.filter(key="technician").update(on_duty=True)
    for who, days in (("technician", (0, 1, 2, 3, 4)), ("second_technician", (1, 3, 5))):
        for day in days:
            plan(centre, who, weekday=day)
    centre.greet(centre.arrive())
    for who in ("advisor", "second_technician"):
        request_leave(Span(today, today), actor=centre.cast.system, user_id=centre.cast.user(who).pk)
    for who in ("cashier", "technician"):
        request_leave(Span(today, today + timedelta(days=2)), actor=centre.cast.actor(who), reason="家里有事")
    delegate_work(
        to_user_id=centre.cast.user("site_manager").pk, starts_at=clock.now(), actor=centre.cast.actor("guard"),
        ends_at=clock.now() + timedelta(days=3), role_key="guard", reason="培训",
    )  # fmt: skip
    look_after_unattended()
    return int(centre.cast.user("advisor").pk)


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (1440, "dark")])
def test_duty_pages_are_accessible_and_fit(
    centre: Centre, page: Page, live_server: LiveServer, width: int, scheme: str
) -> None:
    leaver = busy(centre)
    visits = {
        "site_manager": (
            "/duty", "/duty/roster?role=technician", "/duty/decisions", "/duty/unattended",
            f"/duty/people/{leaver}/handover",
        ),
        "admin": (f"/admin/people/{leaver}/handover", f"/admin/people/{leaver}", "/admin/standing"),
        "technician": ("/duty", "/duty/roster?role=technician"),
    }  # fmt: skip
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    for who, addresses in visits.items():
        session = centre.client(who).cookies["sessionid"].value
        page.context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        for number, address in enumerate(addresses):
            page.goto(live_server.url + address)
            if PICTURES:
                page.screenshot(path=f"{PICTURES}/{who}-{number}-{width}-{scheme}.png", full_page=True)
            found = Axe().run(page)
            assert found.violations_count == 0, f"{address} at {width}: {found.generate_report()}"
            assert page.evaluate("document.documentElement.scrollWidth") <= width, address
