"""Messages from outside, and what becomes of those that nobody takes."""

from __future__ import annotations

import argparse
import json
import re
from datetime import timedelta
from typing import Any

import pytest

from bihuan.audit.models import Entry
from bihuan.cli import message as message_commands
from bihuan.kernel import clock
from bihuan.kernel.errors import NotAllowed, NotFound
from bihuan.operations.messages import send_again, send_message
from bihuan.processes import engine_store as store
from bihuan.processes.models import Instance, Message
from tests.cast import Cast
from tests.processes.models import ARRIVAL, BEGUN, END, bpmn
from tests.web.visits import Centre

pytestmark = pytest.mark.django_db


def test_what_nobody_took_is_seen_sent_again_or_deleted(centre: Centre) -> None:
    admin, site_id = centre.cast.actor("admin"), centre.cast.yl.pk
    for key in ("7", "8"):
        send_message("arrived", key, site_id=site_id, actor=admin, keep_for=timedelta(hours=1))
    clock.move(clock.now() + timedelta(hours=2))
    store.publish(ARRIVAL, "arrival")
    waiting = store.start_instance("arrival", site_id=site_id, actor=admin, variables={"case_id": 7})
    browser, here = centre.client("admin"), "/processes/messages"
    assert "2 条消息没有人取，已过保留时间" in browser.get("/processes").content.decode()
    page = browser.get(here).content.decode()
    assert page.count("没有人取，已过时间") == 2 and "对应键 7" in page
    late, useless = Message.unscoped.order_by("pk").values_list("pk", flat=True)
    told = browser.post(here, {"message": late, "how": "again"}, follow=True).content.decode()
    assert "已送到" in told and Instance.unscoped.get(pk=waiting.instance_id).items.filter(node_id="greet").exists()
    assert "请填写原因" in browser.post(here, {"message": useless, "how": "drop"}, follow=True).content.decode()
    gone = browser.post(here, {"message": useless, "how": "drop", "reason": "重复"}, follow=True).content.decode()
    assert "消息已删除" in gone and "没有等人取的消息" in gone
    assert Entry.objects.filter(action="message.drop").get().data == {"key": "8", "reason": "重复"}


def test_a_process_published_later_begins_when_the_message_is_sent_again(centre: Centre) -> None:
    admin, site_id = centre.cast.actor("admin"), centre.cast.yl.pk
    send_message("rang", "", site_id=site_id, actor=admin, keep_for=timedelta(days=1))
    browser, here, told = centre.client("admin"), "/processes/messages", "已有流程由这条消息开始"
    assert told not in browser.get(here).content.decode()
    start = '<startEvent id="called"><messageEventDefinition messageRef="m"/></startEvent>'
    xml = bpmn("begun", start, END, flows="called>end", extra='<message id="m" name="rang"/>')
    store.publish(xml, "begun")
    assert told in browser.get(here).content.decode() and not Instance.unscoped.exists()
    browser.post(here, {"message": Message.unscoped.get().pk, "how": "again"})
    assert Instance.unscoped.get().process_id == "begun" and not Message.unscoped.exists()


def test_only_who_puts_processes_right_at_the_site_touches_messages(cast: Cast) -> None:
    admin, manager = cast.actor("admin"), cast.actor("advisor")
    send_message("arrived", "7", site_id=cast.yl.pk, actor=admin, keep_for=timedelta(days=1))
    [number] = Message.unscoped.values_list("pk", flat=True)
    with pytest.raises((NotAllowed, NotFound)):
        send_again(number, actor=manager)
    with pytest.raises(NotAllowed):
        send_message("arrived", "7", site_id=cast.yl.pk, actor=manager)


def test_how_full_it_is_stands_on_the_screen(centre: Centre, settings: Any) -> None:
    settings.BIHUAN_KEPT_MESSAGES_PER_KEY, settings.BIHUAN_KEPT_MESSAGES = 3, 5
    admin, browser, here = centre.cast.actor("admin"), centre.client("admin"), "/processes/messages"
    assert "最多 5 条，满了不再收" in browser.get(here).content.decode()
    for key in ("7", "7", "8", "9"):
        send_message("arrived", key, site_id=centre.cast.yl.pk, actor=admin, keep_for=timedelta(days=1))
    page = browser.get(here).content.decode()
    assert "快满了，最多 5 条" in page
    assert re.findall(r"对应键 (\d)</span></div><span class=\"nowrap\">(\d) 条", page) == [("7", "2")]


def test_a_message_is_sent_at_the_command_line(cast: Cast, settings: Any, capsys: pytest.CaptureFixture[str]) -> None:
    settings.BIHUAN_KEPT_MESSAGES_PER_KEY = 1

    def send(*words: str) -> tuple[int, str]:
        parser = argparse.ArgumentParser()
        message_commands.register(parser.add_subparsers(required=True))
        arguments = parser.parse_args(["message", "send", *words])
        return arguments.run(arguments), "".join(capsys.readouterr())

    assert send("rang", "--site", "YL") == (1, "没有人在等\n")
    keep = ("rang", "--site", "YL", "--keep", "P1D", "--key", "1")
    assert send(*keep) == (0, "没有人在等，已保留\n")
    code, told = send(*keep)
    assert code == 3 and "“rang”（对应键 1）已有 1 条没有人取" in told
    store.publish(BEGUN, "begun")
    code, told = send("rang", "--site", "YL", "--variables", '{"phone": "100"}', "--json")
    assert (code, json.loads(told)) == (0, {"reached": 1, "kept": False})
    assert Instance.unscoped.get().subject_kind == "case", "people work on it: a case is opened for it"
    assert send("rang", "--site", "ZZ")[0] == send("rang", "--site", "YL", "--keep", "bald")[0] == 2
