"""What each channel really sends, seen by a receiver on this machine."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from bihuan.kernel.errors import BusinessError, NotFound
from bihuan.notify.channels import dingtalk, feishu, mail, posting, sms, webhook, wecom
from bihuan.notify.channels.registry import KINDS, channel_kind
from bihuan.notify.channels.transport import Addressee, Outgoing, TransportError
from tests.conftest import MORNING
from tests.notify.receivers import HttpReceiver, MailReceiver, dripping_receiver

LI = Addressee("lixiao", "李晓", "13900000102")
UID = "0f" * 16
LINK = "https://service.example.com/cases/1"
pytestmark = pytest.mark.usefixtures("frozen_clock")


def outgoing(**changes: object) -> Outgoing:
    values: dict[str, object] = {
        "uid": UID, "title": "超时：迎接客户", "body": "示A12345 已等 3 分钟", "kind": "breach", "at": MORNING,
        "urgent": True, "link": LINK, "told": (LI,), "mentions": (LI,), "about_kind": "case", "about_id": 1,
        "site_code": "YL",
    }  # fmt: skip
    return Outgoing(**{**values, **changes})


def test_wecom_gets_a_text_that_mentions_by_telephone(receiver: HttpReceiver) -> None:
    receiver.will_answer({"errcode": 0, "errmsg": "ok"})
    wecom.send(outgoing(body="报 <@all> 一声"), {"url": f"{receiver.url}/cgi-bin/webhook/send?key=K"})
    request = receiver.requests[0]
    assert request.path == "/cgi-bin/webhook/send?key=K"
    assert request.json == {
        "msgtype": "text",
        "text": {
            "content": f"【紧急】超时：迎接客户\n报 ＜@all> 一声\n通知：李晓\n{LINK}\n编号 0F0F0F0F",
            "mentioned_mobile_list": ["13900000102"],
        },
    }


def test_wecom_never_gets_more_than_it_takes(receiver: HttpReceiver) -> None:
    receiver.will_answer({"errcode": 0})
    wecom.send(outgoing(body="长" * 2000), {"url": receiver.url})
    assert len(receiver.requests[0].json["text"]["content"].encode()) <= 2048


def test_dingtalk_is_signed_with_the_secret_over_timestamp_and_secret(
    receiver: HttpReceiver, frozen_clock: datetime
) -> None:
    receiver.will_answer({"errcode": 0, "errmsg": "ok"})
    dingtalk.send(outgoing(), {"url": f"{receiver.url}/robot/send?access_token=T", "secret": "SECabc"})
    request = receiver.requests[0]
    query = parse_qs(urlsplit(request.path).query)
    assert query["access_token"] == ["T"]
    assert query["timestamp"] == [str(int(frozen_clock.timestamp() * 1000))]
    signed = f"{query['timestamp'][0]}\nSECabc".encode()
    assert query["sign"] == [base64.b64encode(hmac.digest(b"SECabc", signed, hashlib.sha256)).decode()]
    assert request.json["msgtype"] == "markdown"
    assert request.json["at"] == {"atMobiles": ["13900000102"], "isAtAll": False}
    assert "@13900000102" in request.json["markdown"]["text"]
    assert request.json["markdown"]["title"] == "超时：迎接客户"


def test_what_somebody_typed_is_no_markdown(receiver: HttpReceiver) -> None:
    receiver.will_answer({"errcode": 0})
    dingtalk.send(
        outgoing(title="# 大\n# 字", body="[点我](https://evil.example) ![x](y) @所有人"), {"url": receiver.url}
    )
    text = receiver.requests[0].json["markdown"]["text"]
    assert r"\[点我\]\(https://evil\.example\) \!\[x\]\(y\) \@所有人" in text
    assert r"\# 大 \# 字" in text


def test_feishu_is_signed_in_the_body_and_made_of_parts(receiver: HttpReceiver, frozen_clock: datetime) -> None:
    receiver.will_answer({"code": 0, "msg": "success"})
    feishu.send(
        outgoing(body='<at user_id="all">所有人</at>'),
        {"url": f"{receiver.url}/open-apis/bot/v2/hook/H", "secret": "S"},
    )
    content = receiver.requests[0].json
    stamp = str(int(frozen_clock.timestamp()))
    assert content["timestamp"] == stamp
    assert content["sign"] == base64.b64encode(hmac.digest(f"{stamp}\nS".encode(), b"", hashlib.sha256)).decode()
    assert content["msg_type"] == "post"
    assert content["content"]["post"]["zh_cn"] == {
        "title": "【紧急】超时：迎接客户",
        "content": [
            [{"tag": "text", "text": '<at user_id="all">所有人</at>'}],
            [{"tag": "text", "text": "通知：李晓"}],
            [{"tag": "a", "text": "打开查看", "href": "https://service.example.com/cases/1"}],
            [{"tag": "text", "text": "编号 0F0F0F0F"}],
        ],
    }


def test_a_webhook_is_signed_as_standard_webhooks_says(receiver: HttpReceiver, frozen_clock: datetime) -> None:
    secret = base64.b64encode(b"k" * 24).decode()
    webhook.send(outgoing(), {"url": f"{receiver.url}/hook", "secret": f"whsec_{secret}"})
    request = receiver.requests[0]
    signed = b".".join([UID.encode(), str(int(frozen_clock.timestamp())).encode(), request.body])
    assert request.headers["webhook-id"] == UID
    assert request.headers["webhook-timestamp"] == str(int(frozen_clock.timestamp()))
    expected = base64.b64encode(hmac.digest(b"k" * 24, signed, hashlib.sha256)).decode()
    assert request.headers["webhook-signature"] == f"v1,{expected}"
    assert request.json == {
        "type": "notice", "id": UID, "at": "2026-11-24T01:00:00+00:00", "kind": "breach", "urgent": True, "site": "YL",
        "title": "超时：迎接客户", "body": "示A12345 已等 3 分钟", "link": LINK,
        "about": {"kind": "case", "id": 1}, "told": [{"username": "lixiao", "name": "李晓"}],
    }  # fmt: skip


def test_a_gateway_of_short_messages_is_described_by_data(receiver: HttpReceiver) -> None:
    receiver.will_answer({"code": "0", "data": {"id": "M-7"}})
    values = {
        "url": f"{receiver.url}/send", "format": "json", "secret": "K", "sign": "云岭",
        "fields": "mobile = {phone}\ndata.content = {text}\ndata.ref = {id}", "success": "code = 0",
        "receipt": "data.id", "headers": "Authorization = Bearer {secret}",
    }  # fmt: skip
    sms.check(values)
    receipt = sms.send(outgoing(address="13900000102", body='两行\n"引号", {secret}'), values)
    request = receiver.requests[0]
    assert receipt == "M-7"
    assert request.headers["authorization"] == "Bearer K"
    assert request.json == {
        "mobile": "13900000102",
        "data": {"content": '【云岭】超时：迎接客户：两行 "引号", {secret}', "ref": UID},
    }


def test_a_gateway_may_want_a_form_and_may_refuse(receiver: HttpReceiver) -> None:
    receiver.will_answer({"code": "4", "msg": "余额不足"})
    values = {"url": receiver.url, "format": "form", "fields": "m = {phone}\nt = {text}", "success": "code = 0"}
    with pytest.raises(TransportError, match="code = 4") as refused:
        sms.send(outgoing(address="139", body="a&b=c"), values)
    assert refused.value.permanent
    assert parse_qs(receiver.requests[0].body.decode())["t"] == ["超时：迎接客户：a&b=c"]


def test_mail_arrives_with_its_number_and_without_markup_of_others(mailbox: MailReceiver) -> None:
    values = {"host": mailbox.host, "port": str(mailbox.port), "security": "none", "sender": "闭环 <notice@yl.example>"}
    mail.check(values)
    mail.send(
        outgoing(
            address="lixiao@yl.example", recipient="李晓", title="甲\r\nBcc: evil@example.com", body="<b>粗</b>\n二"
        ),
        values,
    )
    ((recipient, received),) = mailbox.mails
    assert recipient == "lixiao@yl.example"
    assert received["Message-ID"] == f"<{UID}@yl.example>"
    assert received["Subject"] == "【紧急】甲 Bcc: evil@example.com"
    assert received["Bcc"] is None
    assert received["From"] == "闭环 <notice@yl.example>"
    plain, html = received.get_body(("plain",)), received.get_body(("html",))
    assert plain is not None and "<b>粗</b>\r\n二" in plain.get_content()
    assert html is not None and "&lt;b&gt;粗&lt;/b&gt;<br>二" in html.get_content()


@pytest.mark.parametrize(("answer", "permanent"), [("550 no such user", True), ("451 later", False)])
def test_a_mail_server_may_refuse_for_good_or_for_now(mailbox: MailReceiver, answer: str, permanent: bool) -> None:
    mailbox.refusal = answer
    values = {"host": mailbox.host, "port": str(mailbox.port), "security": "none", "sender": "notice@yl.example"}
    with pytest.raises(TransportError, match="收件人被拒") as refused:
        mail.send(outgoing(address="lixiao@yl.example"), values)
    assert refused.value.permanent is permanent


@pytest.mark.parametrize(
    ("kind", "answer", "permanent", "rests"),
    [
        ("wecom", {"errcode": 45009}, False, True),
        ("wecom", {"errcode": 93000, "errmsg": "invalid webhook url"}, True, False),
        ("dingtalk", {"errcode": 310000, "errmsg": "sign not match"}, True, False),
        ("dingtalk", {"errcode": 130101}, False, True),
        ("feishu", {"code": 19021, "msg": "sign match fail"}, True, False),
        ("feishu", {"code": 11232}, False, True),
        ("feishu", ["no object"], True, False),
    ],
)
def test_a_robot_says_whether_to_try_again(
    receiver: HttpReceiver, kind: str, answer: object, permanent: bool, rests: bool
) -> None:
    receiver.will_answer(answer)
    with pytest.raises(TransportError) as refused:
        channel_kind(kind).send(outgoing(), {"url": receiver.url, "secret": "s" * 16})
    assert (refused.value.permanent, refused.value.rest_seconds > 0) == (permanent, rests)


@pytest.mark.parametrize(("status", "permanent"), [(500, False), (429, False), (404, True), (302, True)])
def test_a_webhook_follows_no_redirect_and_knows_what_is_final(
    receiver: HttpReceiver, status: int, permanent: bool
) -> None:
    receiver.will_answer({}, status=status, headers={"Location": f"{receiver.url}/elsewhere"})
    with pytest.raises(TransportError) as refused:
        webhook.send(outgoing(), {"url": receiver.url, "secret": "s" * 16})
    assert refused.value.permanent is permanent
    assert len(receiver.requests) == 1


def test_a_huge_answer_is_not_read_to_its_end(receiver: HttpReceiver) -> None:
    receiver.answers = [(200, b"x" * 1_000_000, {})]
    assert len(posting.post(receiver.url, b"", {}).body) == posting.MAX_ANSWER_BYTES


def test_a_receiver_that_never_answers_is_hung_up_on(receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "WHOLE_SECONDS", 0.2)
    with dripping_receiver() as address, pytest.raises(TransportError) as refused:
        posting.post(address, b"", {})
    assert not refused.value.permanent


@pytest.mark.parametrize("host", ["169.254.169.254", "fe80::1%eth0", "::ffff:169.254.169.254", "224.0.0.1", "0.0.0.0"])
def test_nothing_is_sent_where_no_receiver_lives(host: str) -> None:
    with pytest.raises(TransportError, match="不允许"):
        posting.refuse_peer(host)


@pytest.mark.parametrize(
    "address",
    ["ftp://x.example", "//x.example", "https://user:pass@x.example", "https://x.example/a b", "javascript:1", "http://:80",
     "http://x.example:99999", "https://例子.example"],
)  # fmt: skip
def test_odd_addresses_are_refused_where_they_are_typed(address: str) -> None:
    with pytest.raises(BusinessError) as refused:
        posting.check_address(address)
    assert refused.value.field == "url"


def test_an_unknown_channel_is_refused_by_name() -> None:
    with pytest.raises(NotFound, match="pigeon"):
        channel_kind("pigeon")


def test_every_channel_refuses_empty_settings_at_a_field() -> None:
    for kind in KINDS.values():
        values = {setting.name: "" for setting in kind.settings}
        with pytest.raises(BusinessError) as refused:
            kind.check(values)
        assert refused.value.field in values, kind.key


def test_texts_are_json_whatever_is_in_them(receiver: HttpReceiver) -> None:
    webhook.send(outgoing(body='"}],\u2028\x00'), {"url": receiver.url, "secret": "s" * 16})
    assert json.loads(receiver.requests[0].body)["body"] == '"}],\u2028\x00'
