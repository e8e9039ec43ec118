"""Reports: what was kept, by whom it may be read, and how much work the page is for the database."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bihuan.operations.pages.reports import reports_page, share, target_in_words
from tests.web.visits import Centre

QUERIES = 14


def test_a_greeting_in_time_counts_as_kept(centre: Centre) -> None:
    centre.greet(centre.arrive())
    shown = reports_page(None, None, actor=centre.cast.actor("site_manager"))
    greeting = next(row for row in shown.limits if row.key == "greet")
    assert (greeting.share.met, greeting.share.missed, greeting.share.percent) == (1, 0, Decimal("100.0"))
    assert shown.visits == 1


def test_the_page_names_each_limit_with_its_target_and_its_definition(centre: Centre) -> None:
    centre.greet(centre.arrive())
    text = centre.client("site_manager").get("/reports").content.decode()
    assert "停车后迎接" in text and "1 分" in text and "及时率 = 按时 ÷（按时 + 超时）" in text


def test_an_empty_period_says_so(centre: Centre) -> None:
    text = (
        centre.client("site_manager").get("/reports", {"since": "2020-01-01", "until": "2020-01-31"}).content.decode()
    )
    assert "这段时间没有计时" in text


def test_a_period_that_ends_before_it_begins_is_refused_kindly(centre: Centre) -> None:
    answer = centre.client("site_manager").get("/reports", {"since": "2026-02-01", "until": "2026-01-01"})
    assert answer.status_code == 422
    assert "开始日期不能晚于结束日期" in answer.content.decode()


def test_reports_are_for_those_who_may_read_them(centre: Centre) -> None:
    assert centre.client("technician").get("/reports").status_code == 403


def test_the_page_asks_the_database_the_same_whatever_there_is(centre: Centre) -> None:
    browser = centre.client("site_manager")
    centre.greet(centre.arrive())
    with CaptureQueriesContext(connection) as few:
        browser.get("/reports")
    assert len(few) <= QUERIES


@pytest.mark.parametrize(
    ("target", "words"), [("10s", "10 秒"), ("1m", "1 分"), ("3d", "3 天"), ("=agreed_hours", "按约定")]
)
def test_targets_are_told_in_words(target: str, words: str) -> None:
    assert target_in_words(target) == words


def test_a_share_of_nothing_is_nothing() -> None:
    assert share(0, 0) is None
    assert share(1, 3) == Decimal("33.3")
