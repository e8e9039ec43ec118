"""The report of a period."""

from __future__ import annotations

from typing import Any

from tests.web.visits import Centre


def test_the_report_opens_in_few_queries_and_not_to_everybody(
    centre: Centre, django_assert_max_num_queries: Any
) -> None:
    centre.greet(centre.arrive())
    browser = centre.client("site_manager")
    browser.get("/reports")
    with django_assert_max_num_queries(45):
        page = browser.get("/reports").content.decode()
    assert "停车后迎接" in page and "100.0" in page and "非常满意" in page and "蓝章" in page
    assert browser.get("/reports", {"since": "x", "until": "2020-01-31"}).status_code == 200
    assert browser.get("/reports", {"since": "2020-01-01"}).status_code == 422
    assert centre.client("guard").get("/reports").status_code == 403
