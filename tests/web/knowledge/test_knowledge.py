"""The diagnosis principles: read by everybody at the car, kept by those who know (AUTO-21)."""

from __future__ import annotations

import pytest

from bihuan.records.models import KnowledgeNote
from tests.web.visits import Centre

ADDRESS = "/knowledge/diagnosis_principles"


@pytest.mark.covers("AUTO-21")
def test_the_technical_director_changes_the_principles_and_the_technician_reads_them(centre: Centre) -> None:
    note = KnowledgeNote.objects.get(key="diagnosis_principles")
    typed = {"title": note.title, "body": "先问清现象，再动手。", "version": str(note.version)}
    assert centre.client("technical_director").post(ADDRESS, typed).status_code == 302
    shown = centre.client("technician").get(ADDRESS).content.decode()
    assert "先问清现象，再动手。" in shown
    assert f"第 {note.version + 1} 版" in shown


def test_who_does_not_keep_the_knowledge_cannot_change_it(centre: Centre) -> None:
    before = KnowledgeNote.objects.get(key="diagnosis_principles")
    answer = centre.client("technician").post(ADDRESS, {"title": "x", "body": "y", "version": str(before.version)})
    assert answer.status_code == 403
    assert KnowledgeNote.objects.get(pk=before.pk).body == before.body


def test_two_who_edit_at_once_do_not_overwrite_each_other(centre: Centre) -> None:
    director = centre.client("technical_director")
    version = KnowledgeNote.objects.get(key="diagnosis_principles").version
    director.post(ADDRESS, {"title": "诊断原则", "body": "第一位改的", "version": str(version)})
    answer = director.post(ADDRESS, {"title": "诊断原则", "body": "第二位改的", "version": str(version)})
    assert answer.status_code == 409
    assert "刚刚被同事修改过" in answer.content.decode() and "第二位改的" in answer.content.decode()
    assert KnowledgeNote.objects.get(key="diagnosis_principles").body == "第一位改的"


def test_the_list_names_every_note(centre: Centre) -> None:
    assert "diagnosis_principles" in centre.client("advisor").get("/knowledge").content.decode()
