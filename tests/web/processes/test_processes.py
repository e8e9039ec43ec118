"""The rule book on screen."""

from __future__ import annotations

from typing import Any

import pytest

from bihuan.audit.models import Entry
from bihuan.forms.texts import script_body
from bihuan.kernel.errors import NotFound
from bihuan.operations.pages.process_pages import resolve_incident
from tests.web.visits import Centre


def test_the_rule_book_opens_in_few_queries_and_not_to_everybody(
    centre: Centre, django_assert_max_num_queries: Any
) -> None:
    browser = centre.client("admin")
    browser.get("/processes")
    with django_assert_max_num_queries(14):
        assert "维修" in browser.get("/processes").content.decode()
    with django_assert_max_num_queries(14):
        page = browser.get("/processes/service_visit").content.decode()
    assert "服务顾问" in page and "diagram.bpmn" in page
    assert b"definitions" in browser.get("/processes/service_visit/diagram.bpmn").content
    assert browser.get("/processes/nothing").status_code == 404


def test_a_script_is_published_anew_by_those_who_may(centre: Centre) -> None:
    browser, here = centre.client("admin"), "/processes/scripts/greet"
    assert browser.get(here).status_code == 200
    refused = browser.post(here, {"body": "您好{不存在}", "expected": "1"})
    assert refused.status_code == 422 and "没有这些占位词" in refused.content.decode()
    assert browser.post(here, {"body": "您好，{称呼}！", "expected": "1"}).status_code == 302
    assert script_body("greet") == "您好，{称呼}！"
    assert Entry.objects.filter(chain="text:script/greet", action="text.publish").count() == 1
    assert browser.post(here, {"body": "别的", "expected": "1"}).status_code == 422
    assert centre.client("guard").post(here, {"body": "别的", "expected": "2"}).status_code == 403


def test_an_incident_that_is_not_there_is_not_resolved(centre: Centre) -> None:
    with pytest.raises(NotFound):
        resolve_incident(999, how="retry", actor=centre.cast.actor("admin"))
