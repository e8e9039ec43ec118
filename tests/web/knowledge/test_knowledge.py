"""Notes are read by everybody and kept by those who know."""

from __future__ import annotations

from bihuan.records.knowledge import read_note
from tests.web.visits import Centre


def test_a_note_is_read_by_all_and_edited_by_those_who_may(centre: Centre) -> None:
    here = "/knowledge/diagnosis_principles"
    for who in ("technician", "guard"):
        assert centre.client(who).get("/knowledge").status_code == 200
        assert centre.client(who).get(here).status_code == 200
    form = {"title": "诊断原则", "body": "先问诊，后动手。", "version": read_note("diagnosis_principles").version}
    assert centre.client("guard").post(here, form).status_code == 403
    browser = centre.client("technical_director")
    assert browser.post(here, form).status_code == 302
    assert read_note("diagnosis_principles").body == "先问诊，后动手。"
    assert browser.post(here, {**form, "body": "旧的"}).status_code == 422
    assert centre.client("guard").get("/knowledge/nothing").status_code == 404
