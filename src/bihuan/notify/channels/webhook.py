"""Webhook: a signed JSON to another system of the company.

Signed as the Standard Webhooks specification says (standardwebhooks.com), so receivers can use its libraries: headers
`webhook-id`, `webhook-timestamp` (seconds) and `webhook-signature` = "v1," + base64 of HMAC-SHA256 over
"id.timestamp.body". A secret that begins with `whsec_` is base64, any other is taken as it stands. The id is the
message's number: a receiver that has seen it answers 2xx and does nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json

from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError
from bihuan.notify.channels.posting import check_address, post
from bihuan.notify.channels.transport import ChannelKind, Outgoing, Setting, Values
from bihuan.notify.kinds import Medium

PREFIX = "whsec_"


def send(message: Outgoing, values: Values) -> str:
    """Post the notice; any 2xx is taken for received."""
    body = json.dumps(content(message), ensure_ascii=False, separators=(",", ":")).encode()
    timestamp = str(int(clock.now().timestamp()))
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "bihuan-webhook/1",
        "webhook-id": message.uid,
        "webhook-timestamp": timestamp,
        "webhook-signature": signature(values["secret"], message.uid, timestamp, body),
    }
    return str(post(values["url"], body, headers).status)


def content(message: Outgoing) -> dict[str, object]:
    """The body, documented in docs/notices.md; fields are added, never renamed."""
    return {
        "type": "notice",
        "id": message.uid,
        "at": message.at.isoformat(),
        "kind": message.kind,
        "urgent": message.urgent,
        "site": message.site_code,
        "title": message.title,
        "body": message.body,
        "link": message.link,
        "about": {"kind": message.about_kind, "id": message.about_id} if message.about_kind else None,
        "told": [{"username": person.username, "name": person.name} for person in message.told],
    }


def signature(secret: str, uid: str, timestamp: str, body: bytes) -> str:
    """The value of `webhook-signature`."""
    digest = hmac.new(_key(secret), b".".join((uid.encode(), timestamp.encode(), body)), hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def _key(secret: str) -> bytes:
    if not secret.startswith(PREFIX):
        return secret.encode()
    return base64.b64decode(secret.removeprefix(PREFIX), validate=True)


def check(values: Values) -> None:
    """A plain address, and a secret long enough to sign with."""
    check_address(values["url"])
    try:
        if len(_key(values["secret"])) < 16:
            raise BusinessError("签名密钥至少 16 个字符", "secret")
    except binascii.Error:
        raise BusinessError("以 whsec_ 开头的密钥须为 base64", "secret") from None


WEBHOOK = ChannelKind(
    key="webhook",
    label="Webhook",
    medium=Medium.GROUP,
    about="把通知以签名的 JSON 发给公司的其他系统，例如值班平台、数据大屏。",
    settings=(
        Setting("url", "接收地址", hint="https://…"),
        Setting("secret", "签名密钥", secret=True, hint="至少 16 个字符，两边填同一个"),
    ),
    send=send,
    check=check,
)
