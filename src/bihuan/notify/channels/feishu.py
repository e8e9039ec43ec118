"""飞书群机器人: a rich-text post to a group, signed with the robot's secret.

Format: open.feishu.cn, “自定义机器人使用指南”. The signature is HMAC-SHA256 of nothing with "timestamp\\nsecret" as the
key, base64, in the body beside the timestamp in seconds. A post is made of parts, so nothing typed can become markup.
Custom robots cannot mention by telephone; names stand in the text. At most 20 KB; 100 messages a minute and 5 a second,
then code 11232.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

from bihuan.kernel import clock
from bihuan.notify.channels.posting import BUSY_REST_SECONDS, check_address, post_json
from bihuan.notify.channels.robots import short_number
from bihuan.notify.channels.transport import ChannelKind, Outgoing, Setting, TransportError, Values
from bihuan.notify.kinds import Medium
from bihuan.notify.texts import one_line, plain

TOO_OFTEN = 11232


def send(message: Outgoing, values: Values) -> str:
    """Post to the group; what Feishu refuses is permanent, except that it was too often."""
    post = {"msg_type": "post", "content": {"post": {"zh_cn": _post(message)}}}
    answer = post_json(values["url"], {**signature(values.get("secret", "")), **post}).json()
    code = answer.get("code", answer.get("StatusCode"))
    if code == TOO_OFTEN:
        raise TransportError("飞书：发送过于频繁", rest_seconds=BUSY_REST_SECONDS)
    if code != 0:
        raise TransportError(f"飞书拒收（{code}）：{str(answer.get('msg', ''))[:120]}", permanent=True)
    return "ok"


def signature(secret: str) -> dict[str, str]:
    """`timestamp` and `sign` for the body; nothing when the robot has no secret."""
    if not secret:
        return {}
    timestamp = str(int(clock.now().timestamp()))
    digest = hmac.new(f"{timestamp}\n{secret}".encode(), b"", hashlib.sha256).digest()
    return {"timestamp": timestamp, "sign": base64.b64encode(digest).decode()}


def _post(message: Outgoing) -> dict[str, Any]:
    title = one_line(message.title)
    names = "、".join(person.name for person in message.told)
    rows = [[_words(line)] for line in plain(message.body).split("\n") if line.strip()]
    if names:
        rows.append([_words(f"通知：{names}")])
    if message.link:
        rows.append([{"tag": "a", "text": "打开查看", "href": message.link}])
    rows.append([_words(f"编号 {short_number(message)}")])
    return {"title": f"【紧急】{title}" if message.urgent else title, "content": rows}


def _words(text: str) -> dict[str, str]:
    return {"tag": "text", "text": text}


def check(values: Values) -> None:
    """The address of the robot, and its secret when it signs."""
    check_address(values["url"])


FEISHU = ChannelKind(
    key="feishu",
    label="飞书群机器人",
    medium=Medium.GROUP,
    about="在飞书群“群机器人”里添加“自定义机器人”，打开“签名校验”，把 Webhook 地址和密钥贴到这里。",
    settings=(
        Setting("url", "Webhook 地址", secret=True, hint="https://open.feishu.cn/open-apis/bot/v2/hook/…"),
        Setting("secret", "签名密钥", secret=True, required=False),
    ),
    send=send,
    check=check,
)
