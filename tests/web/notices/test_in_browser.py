"""The bell in a browser: it changes by itself, says what is urgent, and every page of notices is accessible."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from bihuan.notify.kinds import NoticeKind
from bihuan.notify.notices import About, notify_people
from tests.cast import Cast
from tests.web.test_islands import serious

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def opened(cast: Cast, page: Page, live_server: LiveServer) -> Callable[[str, str], Page]:
    """Signs somebody in by one click and opens a page."""

    def go(who: str, path: str) -> Page:
        user = cast.user(who)
        user.is_demo = True
        user.save(update_fields=["is_demo"])
        page.goto(f"{live_server.url}/sign-in?next={path}")
        page.get_by_role("button", name=re.compile(user.name)).click()
        page.wait_for_url(f"{live_server.url}{path}")
        return page

    return go


def test_the_bell_changes_by_itself_and_says_what_is_urgent(cast: Cast, opened: Callable[[str, str], Page]) -> None:
    page = opened("advisor", "/notices")
    about = About(NoticeKind.BREACH, urgent=True)
    notify_people([cast.user("advisor").pk], "等候车辆超过一台", "示A70001", "/notices", about)
    page.evaluate("htmx.trigger('#bell', 'look')")
    expect(page.get_by_role("link", name="1 条未读通知")).to_be_visible()
    expect(page).to_have_title(re.compile(r"^\(1\) 通知"))
    toast = page.locator(".toast-urgent")
    expect(toast).to_have_text("等候车辆超过一台")
    assert serious(page) == []
    toast.click()
    page.wait_for_url("**/notices?unread=1")
    # By keyboard: to the first notice, and into it.
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="通知", exact=True)).to_be_visible()
    expect(page).to_have_title(re.compile(r"^通知"))


@pytest.mark.parametrize("path", ["/notices/settings", "/admin/channels", "/admin/channels/new/dingtalk"])
@pytest.mark.parametrize("width", [360, 1440])
def test_the_pages_fit_and_are_accessible(opened: Callable[[str, str], Page], path: str, width: int) -> None:
    page = opened("admin", path)
    page.set_viewport_size({"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert serious(page) == []
