"""Several people chosen in a form (`people`): who may be, in which order they sign, and at the screen."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

import bihuan
from bihuan.operations.people.asking import add_assignees
from bihuan.org.access import system_actor
from bihuan.packs.checking import check_pack
from bihuan.packs.install import install_pack
from bihuan.processes.models import WorkItem
from tests.web.visits import Centre

STATIC = Path(bihuan.__file__).parent / "web/static/bihuan"
PICTURES = os.environ.get("BIHUAN_PICTURES")
"""A folder for pictures of these pages, for looking at them."""
HEAD = 'key = "office"\nname = "办公"\nversion = "1"\n[[process]]\nkey = "contract"\nname = "合同会签"\n'
ROLES = '[front_desk]\nname = "前台值班员"\n[technician]\nname = "维修技师"\n'
MODEL = """<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:bihuan="urn:bihuan:bpmn:1" id="d">
  <process id="contract" name="合同会签" isExecutable="true">
    <laneSet id="lanes">
      <lane id="own" name="前台值班员" bihuan:role="front_desk">
        <flowNodeRef>s</flowNodeRef><flowNodeRef>fill</flowNodeRef></lane>
      <lane id="theirs" name="维修技师" bihuan:role="technician">
        <flowNodeRef>sign</flowNodeRef><flowNodeRef>e</flowNodeRef></lane>
    </laneSet>
    <startEvent id="s"/><userTask id="fill" name="起草" bihuan:form="contract"/>
    <userTask id="sign" name="会签" bihuan:signoff="all">
      <multiInstanceLoopCharacteristics isSequential="true" bihuan:collection="=signers"/></userTask><endEvent id="e"/>
    <sequenceFlow id="f1" sourceRef="s" targetRef="fill"/><sequenceFlow id="f2" sourceRef="fill" targetRef="sign"/>
    <sequenceFlow id="f3" sourceRef="sign" targetRef="e"/>
  </process>
</definitions>
"""
FORM = {
    "type": "default", "id": "contract", "title": "合同", "components": [
        {"type": "people", "key": "signers", "label": "会签人", "description": "按先后依次签",
         "properties": {"role": "technician", "var": "signers"}, "validate": {"required": True, "maxItems": 3}},
        {"type": "people", "key": "readers", "label": "知会人"},
    ],
}  # fmt: skip


@pytest.fixture
def office(centre: Centre, tmp_path: Path) -> Centre:
    """The centre with a contract that technicians sign one after the other."""
    install_pack(written(tmp_path, ROLES), actor=system_actor())
    return centre


def written(folder: Path, roles: str) -> Path:
    """The pack in that folder, with this `roles.toml`."""
    for name, text in (
        ("pack.toml", HEAD), ("roles.toml", roles), ("processes/contract.bpmn", MODEL),
        ("forms/contract.json", json.dumps(FORM)),
    ):  # fmt: skip
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def begun(office: Centre) -> str:
    asked = {"kind": "contract", "title": "年度保养", "once_key": "k" * 22}
    return str(office.client("front_desk").post("/beginnings", asked).headers["Location"])


def signs_now() -> str:
    item = WorkItem.unscoped.get(node_id="sign", status="open", asked_as="")
    return item.assignee.name if item.assignee else ""


def chips(page: str) -> list[str]:
    return re.findall(r'name="\w+-name" value="([^"]+)"', page)


@pytest.mark.django_db
def test_people_sign_in_the_order_in_which_they_were_chosen(office: Centre) -> None:
    desk, task, cast = office.client("front_desk"), begun(office), office.cast
    first, second, elsewhere = (cast.user(who) for who in ("second_technician", "technician", "other_technician"))
    sent = {"signers": [second.pk, elsewhere.pk], "readers": [elsewhere.pk], "signers-text": "钱进"}
    refused = desk.post(task, sent)
    page = refused.content.decode()
    assert refused.status_code == 422 and "会签人：韩磊现在不担任这个岗位，请重新选择" in page
    assert "知会人：这位同事现在不在这家门店，请重新选择" in page
    assert chips(page) == ["赵强", "韩磊", "韩磊"] and 'value="钱进"' in page, "what was chosen stays"
    assert "没有找到人员“赵”" in desk.post(task, {"signers-text": "赵"}).content.decode()
    kept = desk.post(task, {"signers": [first.pk, first.pk], "signers-text": "赵强", "readers-text": "赵强，冯玉"})
    assert kept.status_code == 302 and signs_now() == "钱进"
    item = WorkItem.unscoped.get(node_id="sign", status="open")
    shown = office.client("second_technician").get(f"/tasks/{item.pk}").content.decode()
    assert "钱进、赵强" in shown and "赵强、冯玉" in shown, "whoever signs reads who was chosen"
    others = [cast.user(who).pk for who in ("parts_clerk", "cashier")]
    add_assignees(item.pk, others, "with", actor=cast.actor("second_technician"), reason="一起看")
    order = []
    for who in ("second_technician", "parts_clerk", "cashier", "technician"):
        order.append(signs_now())
        row = WorkItem.unscoped.get(node_id="sign", status="open")
        office.client(who).post(f"/tasks/{row.pk}", {"answer": "agree"})
    assert order == ["钱进", cast.user("parts_clerk").name, cast.user("cashier").name, "赵强"]


def test_a_role_nobody_has_is_named_before_anybody_relies_on_it(tmp_path: Path) -> None:
    problems = check_pack(written(tmp_path, ROLES.replace("[technician]", "[mechanic]")))
    assert ("signers", "没有角色“technician”") in [(problem.place, problem.reason) for problem in problems]


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(not (STATIC / "app.js").exists(), reason="assets are not built")
def test_chosen_by_keyboard_taken_out_again_and_kept_as_a_draft(
    office: Centre, page: Page, live_server: LiveServer
) -> None:
    session = office.client("front_desk").cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    page.goto(live_server.url + begun(office))
    box, chosen = page.get_by_role("combobox", name="会签人"), page.get_by_role("list", name="已选的会签人")
    for typed in ("zq", "qj", "zq"):
        box.fill(typed)
        page.get_by_role("listbox", name="会签人").get_by_role("option").wait_for()
        box.press("Enter")
    expect(chosen.get_by_role("listitem")).to_have_text(["赵强", "钱进"])
    page.get_by_role("button", name="去掉赵强").press("Enter")
    expect(box).to_be_focused()
    box.fill("zq")
    page.get_by_role("listbox", name="会签人").get_by_role("option").wait_for()
    box.press("Enter")
    kept = "Object.values(localStorage).join()"
    page.wait_for_function(f"() => {kept}.includes('钱进') && {kept}.indexOf('钱进') < {kept}.lastIndexOf('赵强')")
    page.reload()
    expect(chosen.get_by_role("listitem")).to_have_text(["钱进", "赵强"])
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
    for width in (1440, 360):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if PICTURES:
            page.screenshot(path=f"{PICTURES}/people-{width}.png", full_page=True)
    page.keyboard.press("Control+Enter")
    page.wait_for_url(re.compile(r"/$|/cases/"))
    assert signs_now() == "钱进"
