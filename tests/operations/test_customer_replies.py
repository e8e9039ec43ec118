"""SMS gateways tell whether a message arrived and what the customer answered; who may not, is not heard."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from bihuan.audit.models import Entry
from bihuan.kernel import clock
from bihuan.notify.models import Channel, Message, Notice
from bihuan.notify.sealing import sealed
from bihuan.operations.customer_replies import is_opt_out
from bihuan.records.consents import consents_of
from bihuan.records.models import Case, CustomerNotice
from tests.notify.receivers import HttpReceiver
from tests.operations.test_customer_notices import agree, gateway, ready, told, work
from tests.web.visits import Centre

__all__ = ["gateway"]
KEY = "not-a-real-key-0123"
SETTINGS = {
    "fields": "mobile = {phone}\ntext = {text}\nref = {id}",
    "receipt": "sid",
    "reports": "list = events\nid = ref\nstatus = state\nreached = DELIVRD, 0\nwaiting = ACCEPTD\nreason = why",
    "replies": "phone = from\ntext = words",
    "answer": '{"code": 0}',
}


@pytest.fixture
def channel(centre: Centre, gateway: HttpReceiver) -> Channel:
    gateway.will_answer({"code": 0, "sid": "gw-1"})
    return Channel.objects.create(
        site=centre.cast.yl, kind="sms", name="短信", settings={"url": gateway.url, **SETTINGS},
        secrets={"callback_key": sealed(KEY, "callback_key")},
    )  # fmt: skip


@pytest.fixture
def case(centre: Centre, channel: Channel) -> Case:
    """A car is ready, and its customer has been written to at the number given for the visit."""
    agree(centre, "sms")
    return ready(centre)


def tell(channel: Channel, content: Any, key: str = KEY, **how: Any) -> Any:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    headers = {"Authorization": f"Bearer {key}", **how.pop("headers", {})}
    client = Client(enforce_csrf_checks=True)
    kind = how.pop("content_type", "application/json")
    return client.post(f"/hooks/channels/{channel.pk}", body, content_type=kind, headers=headers)


def report(state: str, reference: str = "gw-1", **more: str) -> dict[str, Any]:
    return {"events": [{"ref": reference, "state": state, **more}]}


def tab(centre: Centre, case: Case) -> str:
    return str(centre.client("advisor").get(f"/cases/{case.pk}?tab=notices").content.decode())


def test_what_the_telephone_did_not_get_becomes_a_call_and_a_late_arrival_spares_it(
    centre: Centre, channel: Channel, case: Case
) -> None:
    assert "已交出，等送达回报" in tab(centre, case)
    assert tell(channel, report("ACCEPTD")).content == b'{"code": 0}'
    for _ in range(2):
        assert tell(channel, report("EXPIRED", why="关机")).status_code == 200
        work()
    assert told(case) == "请电话告知" and "对方没有收到：关机" in tab(centre, case)
    assert Notice.objects.filter(title__startswith="请电话告知客户").count() == 1
    assert tell(channel, report("DELIVRD", Message.objects.get().uid)).status_code == 200
    assert tell(channel, report("EXPIRED")).status_code == 200
    work()
    assert told(case) == "已送达" and "等送达回报" not in tab(centre, case)
    assert Notice.objects.get(title__startswith="请电话告知客户").read_at is not None


def test_a_report_about_nothing_we_know_is_to_be_told_again_and_the_rest_of_it_is_kept(
    channel: Channel, case: Case
) -> None:
    both = {"events": [*report("0")["events"], *report("0", "gw-2")["events"]]}
    assert tell(channel, both).status_code == 404
    assert Message.objects.get().reported_at is not None


def test_answering_td_ends_it_without_another_message(
    centre: Centre, channel: Channel, case: Case, gateway: HttpReceiver
) -> None:
    form = urlencode({"from": "+8613900007009", "words": " td。"}).encode()
    for _ in range(2):
        assert tell(channel, form, content_type="application/x-www-form-urlencoded").status_code == 200
    said = consents_of(centre.customer.pk)["sms"]
    assert not said.is_given and said.by is None
    _, entry = Entry.objects.filter(action="customer.consent").order_by("pk")
    assert (entry.data["after"], entry.data["how"]) == ({"sms": False}, "短信回复“td。”")
    assert entry.chain == f"customer:{centre.customer.pk}"
    assert "客户自己回复" in centre.client("advisor").get(f"/customers/{centre.customer.pk}").content.decode()
    Case.unscoped.filter(pk=case.pk).update(status="closed", closed_at=clock.now())
    again = ready(centre)
    to_customer = [one for one in gateway.requests if one.json["mobile"] == "13900007009"]
    assert told(again) == "请电话告知" and len(to_customer) == 1


def test_another_answer_reaches_the_advisor_once(centre: Centre, channel: Channel, case: Case) -> None:
    for _ in range(2):
        assert tell(channel, {"from": "13900007009", "words": "六点来取\n<b>可以吗</b>"}).status_code == 200
    bell = Notice.objects.get(title="客户回复了短信")
    assert bell.user == centre.cast.user("advisor") and "六点来取" in bell.body
    assert "<b>可以吗" not in centre.client("advisor").get("/notices").content.decode()
    assert consents_of(centre.customer.pk)["sms"].is_given
    tell(channel, {"from": "13900009999", "words": "你是谁"})
    assert Notice.objects.filter(title="客户回复了短信").count() == 1


@pytest.mark.parametrize("text", ["T", "td", "ＴＤ", "退订", " 退订！", "请退订", "我要退订短信", "TD退订", "【退订】"])
def test_said_so_it_is_no_more(text: str) -> None:
    assert is_opt_out(text)


@pytest.mark.parametrize("text", ["", "THANKS", "不退订", "退订怎么办", "Tomorrow", "T台", "收到"])
def test_said_so_it_is_an_answer(text: str) -> None:
    assert not is_opt_out(text)


def test_a_signature_is_asked_for_where_the_gateway_signs(channel: Channel, case: Case) -> None:
    Channel.objects.filter(pk=channel.pk).update(settings={**channel.settings, "callback_signature": "X-Sign"})
    body = json.dumps(report("0")).encode()
    assert tell(channel, body).status_code == 401
    assert tell(channel, body, headers={"X-Sign": "0" * 64}).status_code == 401
    signed = hmac.new(KEY.encode(), body, hashlib.sha256).hexdigest()
    assert tell(channel, body + b" ", headers={"X-Sign": signed}).status_code == 401
    assert tell(channel, body, headers={"X-Sign": signed}).status_code == 200


@pytest.mark.parametrize(
    ("content", "key", "status"),
    [
        (report("EXPIRED"), "wrong", 401),
        (report("EXPIRED"), "", 401),
        (report("EXPIRED"), "错", 401),
        (b"not json", KEY, 422),
        (b"\xff\xfe", KEY, 422),
        (b"[" * 60_000, KEY, 422),
        (b"1" * 5_000, KEY, 422),
        (b" " * 70_000, KEY, 422),
        ({"events": [{}] * 201}, KEY, 422),
        ([1, None, "x", [[]]], KEY, 200),
        ({"events": {"ref": {"a": 1}, "state": ["0"]}}, KEY, 200),
        ({"from": {"x": 1}, "words": "TD"}, KEY, 200),
        ({"from": "' OR 1=1 --", "words": "TD"}, KEY, 200),
        ({"from": "13900007009\0", "words": "\0"}, KEY, 200),
        (report("EXPIRED", "'; DROP TABLE x; --"), KEY, 404),
        (report("EXPIRED", "\ud800"), KEY, 200),
        ({"from": "13900009999", "words": "\ud800\ufdd0"}, KEY, 200),
        (report("EXPIRED", ""), KEY, 200),
    ],
)
def test_what_cannot_be_changes_nothing(channel: Channel, case: Case, content: Any, key: str, status: int) -> None:
    assert tell(channel, content, key).status_code == status
    message = Message.objects.get()
    assert (message.status, message.reported_at) == ("delivered", None)
    assert consents_of(CustomerNotice.unscoped.get().customer_id)["sms"].is_given


def test_only_a_channel_that_is_told_something_listens(centre: Centre, channel: Channel) -> None:
    others = [
        Channel.objects.create(site=centre.cast.yl, kind="webhook", name="系统", settings={}, secrets=channel.secrets),
        Channel.objects.create(site=centre.cast.yl, kind="sms", name="没有密钥", settings=channel.settings),
        Channel.objects.create(
            site=centre.cast.yl, kind="sms", name="停用", settings=channel.settings, secrets=channel.secrets,
            is_active=False,
        ),
    ]  # fmt: skip
    for other in others:
        assert [tell(other, {}, key).status_code for key in (KEY, "")] == [401, 401]
    assert Client().get(f"/hooks/channels/{channel.pk}").status_code == 405
