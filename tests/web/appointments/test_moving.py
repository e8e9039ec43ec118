"""A card is moved on the board by hand and by keyboard; the whole screen fits and is accessible."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

import bihuan
from bihuan.org.access import system_actor
from bihuan.records.appointments import book_appointment
from bihuan.records.catalogue import save_job, set_capacity
from bihuan.records.customers import create_customer
from bihuan.records.models import Appointment
from bihuan.records.vehicles import create_vehicle
from tests.cast import Cast

STATIC = Path(bihuan.__file__).parent / "web/static/bihuan"
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not (STATIC / "board.js").exists(), reason="assets are not built"),
]
Open = Callable[..., Page]
# The browser's clock is the real one: the board is tried on a day to come.
DAY = datetime.now(UTC).date() + timedelta(days=2)


def slot(hour: int) -> datetime:
    return datetime.combine(DAY, time(hour), tzinfo=UTC) - timedelta(hours=8)


@pytest.fixture
def booking(cast: Cast) -> Appointment:
    """One car at 09:00; 10:00 is full, 14:00 is free."""
    system = system_actor(cast.yl.pk)
    for hour, capacity in ((9, 2), (10, 0), (14, 1)):
        set_capacity(actor=system, weekday=DAY.weekday(), starts=time(hour), capacity=capacity)
    job: Any = save_job(actor=system, code="J-1", name="更换机油", hours="0.5", rate_yuan_per_hour="120")
    owner = create_customer(actor=system, name="周晓棠", phone="13900007001", salutation="女士")
    car = create_vehicle(actor=system, customer_id=owner.pk, plate="示A70001")
    return book_appointment(
        actor=system, customer_id=owner.pk, vehicle_id=car.pk, starts_at=slot(9), job_ids=[job.pk], phone=owner.phone
    )


@pytest.fixture
def opened(cast: Cast, page: Page, live_server: LiveServer) -> Open:
    """Signs in as the site manager by one click and opens the board of the day."""
    user = cast.user("site_manager")
    user.is_demo = True
    user.save(update_fields=["is_demo"])

    def go(width: int = 1440) -> Page:
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(f"{live_server.url}/sign-in?next=/appointments")
        page.get_by_role("button", name=re.compile("何平")).click()
        page.wait_for_url(f"{live_server.url}/appointments")
        page.goto(f"{live_server.url}/appointments?day={DAY.isoformat()}")
        return page

    return go


@pytest.mark.parametrize("width", [360, 1440])
def test_the_board_and_its_dialog_fit_and_are_accessible(opened: Open, booking: Appointment, width: int) -> None:
    page = opened(width)
    page.get_by_role("link", name="周女士").click()
    page.get_by_role("link", name="改期").click()
    expect(page.get_by_text("原来约在")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    found = Axe().run(page).response["violations"]
    assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []


@pytest.mark.covers("AUTO-05")
def test_a_card_is_moved_by_keyboard_alone(opened: Open, booking: Appointment) -> None:
    page = opened()
    page.get_by_role("link", name="周女士").focus()
    page.keyboard.press("Enter")
    change = page.get_by_role("link", name="改期")
    change.focus()
    page.keyboard.press("Enter")
    free = page.get_by_role("radio", name=re.compile("14:00"))
    expect(page.get_by_role("radio", name=re.compile("10:00"))).to_be_disabled()
    free.focus()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    expect(page.locator("article", has_text="周女士")).to_contain_text("已改期")
    booking.refresh_from_db()
    assert booking.starts_at == slot(14)


@pytest.mark.covers("AUTO-05")
def test_a_dragged_card_asks_before_it_moves_and_a_full_slot_says_so(opened: Open, booking: Appointment) -> None:
    page = opened()
    card, full, free = (
        page.locator("article", has_text="周女士"),
        page.locator("[data-slot]", has_text="10:00"),
        page.locator("[data-slot]", has_text="14:00"),
    )
    card.hover()
    page.mouse.down()
    full.hover()
    full.hover()
    expect(full).to_have_class(re.compile("lane-refused"))
    free.hover()
    free.hover()
    expect(free).to_have_class(re.compile("lane-target"))
    page.mouse.up()
    expect(page.get_by_role("radio", name=re.compile("14:00"))).to_be_checked()
    page.get_by_role("button", name="改到这个时间").click()
    expect(page.locator("article", has_text="周女士")).to_contain_text("已改期")
    booking.refresh_from_db()
    assert booking.starts_at == slot(14)
