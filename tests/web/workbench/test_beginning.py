"""A rule book of one's own, as data: its kind of case is begun by hand by whose it is, and ends by itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from bihuan.operations.pages.case_list import CaseQuery, case_list
from bihuan.org.access import system_actor
from bihuan.packs.checking import check_pack
from bihuan.packs.install import install_pack
from bihuan.processes.models import WorkItem
from bihuan.records.models import Attachment, Case
from tests.records.test_files_and_sheets import picture
from tests.web.visits import Centre

HEAD = """key = "office"
name = "办公"
version = "1"
[[process]]
key = "expense"
name = "费用报销"
"""
ROLES = """[front_desk]
name = "前台值班员"
[site_manager]
name = "服务经理"
"""
MODEL = """<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:bihuan="urn:bihuan:bpmn:1" id="d">
  <process id="expense" name="费用报销" isExecutable="true">
    <laneSet id="lanes">
      <lane id="own" name="前台值班员" bihuan:role="front_desk">
        <flowNodeRef>s</flowNodeRef><flowNodeRef>fill</flowNodeRef></lane>
      <lane id="head" name="服务经理" bihuan:role="site_manager">
        <flowNodeRef>approve</flowNodeRef><flowNodeRef>e</flowNodeRef></lane>
    </laneSet>
    <startEvent id="s"/><userTask id="fill" name="填报销单" bihuan:form="expense"/>
    <userTask id="approve" name="审批"/><endEvent id="e"/>
    <sequenceFlow id="f1" sourceRef="s" targetRef="fill"/><sequenceFlow id="f2" sourceRef="fill" targetRef="approve"/>
    <sequenceFlow id="f3" sourceRef="approve" targetRef="e"/>
  </process>
</definitions>
"""
FORM = {
    "type": "default", "id": "expense", "title": "报销单", "components": [
        {"type": "number", "key": "amount", "label": "金额", "properties": {"unit": "元"}},
        {"type": "checklist", "key": "papers", "label": "票据",
         "values": [{"value": "a", "label": "发票"}, {"value": "b", "label": "行程单"}]},
        {"type": "person", "key": "with", "label": "同行", "properties": {"role": "site_manager"}},
        {"type": "datetime", "key": "back", "label": "返回"},
        {"type": "textarea", "key": "note", "label": "说明"},
        {"type": "textfield", "key": "call", "label": "电话", "validate": {"validationType": "phone"}},
        {"type": "photos", "key": "bill", "label": "发票照片"},
    ],
}  # fmt: skip
ASKED = {"kind": "expense", "title": "十月差旅", "once_key": "k" * 22}


@pytest.fixture
def office(centre: Centre, tmp_path: Path) -> Centre:
    """The centre with a second rule book: expenses, begun at the front desk."""
    install_pack(written(tmp_path, HEAD), actor=system_actor())
    return centre


def written(folder: Path, head: str) -> Path:
    """The pack in that folder, with this `pack.toml`."""
    (folder / "processes").mkdir(exist_ok=True)
    (folder / "pack.toml").write_text(head, encoding="utf-8")
    (folder / "roles.toml").write_text(ROLES, encoding="utf-8")
    (folder / "forms").mkdir(exist_ok=True)
    (folder / "forms" / "expense.json").write_text(json.dumps(FORM), encoding="utf-8")
    (folder / "processes" / "expense.bpmn").write_text(MODEL, encoding="utf-8")
    return folder


def test_a_rule_books_own_case_is_begun_by_hand_and_ends_with_its_process(office: Centre) -> None:
    desk = office.client("front_desk")
    assert "费用报销" in desk.get("/").content.decode()
    first = desk.post("/beginnings", ASKED)
    case, item = Case.unscoped.get(), WorkItem.unscoped.get()
    assert (case.number.split("-")[1], case.kind_label, case.title) == ("FYBX", "费用报销", "十月差旅")
    assert first.headers["Location"] == f"/tasks/{item.pk}"
    assert desk.post("/beginnings", ASKED).headers["Location"] == f"/tasks/{item.pk}", "a second press begins nothing"
    office.complete(case, "fill", "front_desk", {})
    office.complete(case, "approve", "site_manager", {})
    case.refresh_from_db()
    assert (Case.unscoped.count(), case.status) == (1, "closed")
    found = case_list(CaseQuery.of({"kind": "expense", "status": ""}), actor=office.cast.actor("site_manager"))
    assert [row.case for row in found.rows] == [case]
    assert ("expense", "费用报销") in found.kinds
    manager = office.client("site_manager")
    for typed in (case.number, case.number[:12].lower(), "十月"):
        assert f'href="/cases/{case.pk}"' in manager.get("/search", {"q": typed}).content.decode(), typed
        assert f'href="/cases/{case.pk}"' in manager.get("/cases", {"q": typed, "status": ""}).content.decode(), typed


def test_whoever_approves_reads_what_was_filled_in(office: Centre) -> None:
    desk, manager = office.client("front_desk"), office.client("site_manager")
    task = desk.post("/beginnings", ASKED).headers["Location"]
    person, stranger = office.cast.user("site_manager"), office.cast.user("technician")
    filled = {"amount": "61000", "papers": ["a", "b"], "with": str(person.pk), "back": "2026-11-25T18:30",
              "note": "机票\n<b>住宿</b>", "call": "13900007001"}  # fmt: skip
    refused = desk.post(task, {**filled, "with": str(stranger.pk)})
    assert refused.status_code == 422 and "同行：这位同事现在不担任这个岗位" in refused.content.decode()
    filled["bill"] = SimpleUploadedFile("a.jpg", picture())
    assert desk.post(task, filled).status_code == 302
    item, case = WorkItem.unscoped.get(node_id="approve"), Case.unscoped.get()
    for page in (f"/tasks/{item.pk}", f"/cases/{case.pk}?tab=forms"):
        shown = manager.get(page).content.decode()
        assert all(word in shown for word in ("报销单", "61000 元", "发票、行程单", person.name, "2026-11-25 18:30"))
        assert "机票\n&lt;b&gt;住宿&lt;/b&gt;" in shown
        assert "139****7001" in shown and "13900007001" not in shown
    tabs = manager.get(f"/cases/{case.pk}").content.decode()
    assert "填写内容" in tabs and "作业与费用" not in tabs and "服务顾问" not in tabs
    assert Attachment.unscoped.get().kind == "bill"


@pytest.mark.parametrize(
    ("who", "change", "status", "reason"),
    [
        ("advisor", {}, 403, "不能发起这种单据"),
        ("technician", {}, 403, "没有“"),
        ("front_desk", {"title": "  "}, 422, "请填写事由"),
        ("front_desk", {"kind": "service_visit"}, 403, "不能发起这种单据"),
        ("front_desk", {"kind": "nothing"}, 403, "不能发起这种单据"),
    ],
)
def test_what_may_not_be_begun_leaves_nothing(
    office: Centre, who: str, change: dict[str, str], status: int, reason: str
) -> None:
    answer = office.client(who).post("/beginnings", {**ASKED, **change})
    assert answer.status_code == status and reason in answer.content.decode()
    assert not Case.unscoped.exists()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('number = "报销"', "应为 2 至 4 个大写字母"),
        ('number = "JS"', "已经用于“结算单”"),
        ('beside = "loan"', "没有“loan”这种业务单"),
    ],
)
def test_letters_and_kinds_are_checked_before_anything_is_installed(tmp_path: Path, line: str, reason: str) -> None:
    problems = [str(problem) for problem in check_pack(written(tmp_path, HEAD + line + "\n"))]
    assert len(problems) == 1 and reason in problems[0]
