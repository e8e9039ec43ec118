"""钉钉群机器人: markdown to a group, signed with the robot's secret.

Format: open.dingtalk.com, “自定义机器人接入”. The signature is HMAC-SHA256 over "timestamp\\nsecret" with the secret as
key, base64, in the address with the timestamp in milliseconds (at most an hour off). People are mentioned by telephone;
the number must also stand in the text as @number, where DingTalk shows the name. 20 messages a minute, then the robot
is silent for ten minutes (errcode 130101, or 410100 in older answers).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from urllib.parse import quote_plus

from bihuan.kernel import clock
from bihuan.notify.channels.posting import check_address, post_json
from bihuan.notify.channels.robots import short_number
from bihuan.notify.channels.transport import ChannelKind, Outgoing, Setting, TransportError, Values
from bihuan.notify.kinds import Medium
from bihuan.notify.texts import clip, one_line, plain

TOO_OFTEN = frozenset({130101, 410100})
SILENT_SECONDS = 600
MAX_BODY = 1500
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|>~<&@])")


def send(message: Outgoing, values: Values) -> str:
    """Post to the group; what DingTalk refuses is permanent, except that it was too often."""
    phones = [person.phone for person in message.mentions if person.phone]
    content = {
        "msgtype": "markdown",
        "markdown": {"title": clip(one_line(message.title), 64), "text": _text(message, phones)},
        "at": {"atMobiles": phones, "isAtAll": False},
    }
    answer = post_json(signed(values["url"], values.get("secret", "")), content).json()
    code = answer.get("errcode")
    if code in TOO_OFTEN:
        raise TransportError("钉钉：发送过于频繁", rest_seconds=SILENT_SECONDS)
    if code != 0:
        raise TransportError(f"钉钉拒收（{code}）：{str(answer.get('errmsg', ''))[:120]}", permanent=True)
    return "ok"


def signed(address: str, secret: str) -> str:
    """The address with timestamp and signature; as it is when the robot has no secret."""
    if not secret:
        return address
    timestamp = str(int(clock.now().timestamp() * 1000))
    digest = hmac.new(secret.encode(), f"{timestamp}\n{secret}".encode(), hashlib.sha256).digest()
    joint = "&" if "?" in address else "?"
    return f"{address}{joint}timestamp={timestamp}&sign={quote_plus(base64.b64encode(digest))}"


def _text(message: Outgoing, phones: list[str]) -> str:
    title = one_line(message.title)
    lines = [f"#### {escaped(f'【紧急】{title}' if message.urgent else title)}"]
    lines += [escaped(line) for line in plain(clip(message.body, MAX_BODY)).split("\n") if line.strip()]
    names = "、".join(person.name for person in message.told)
    if names:
        lines.append(f"通知：{escaped(names)}")
    if phones:
        lines.append(" ".join(f"@{phone}" for phone in phones))
    if message.link:
        lines.append(f"[打开查看]({message.link})")
    lines.append(f"编号 {short_number(message)}")
    return "\n\n".join(lines)


def escaped(text: str) -> str:
    """Text in which nothing is markdown: no link, picture or mention that somebody typed."""
    return _MARKDOWN.sub(r"\\\1", text)


def check(values: Values) -> None:
    """The address of the robot, and its secret when it signs."""
    check_address(values["url"])


DINGTALK = ChannelKind(
    key="dingtalk",
    label="钉钉群机器人",
    medium=Medium.GROUP,
    about="在钉钉群“机器人”里添加“自定义”，安全设置选“加签”，把 Webhook 地址和以 SEC 开头的密钥贴到这里。",
    settings=(
        Setting("url", "Webhook 地址", secret=True, hint="https://oapi.dingtalk.com/robot/send?access_token=…"),
        Setting("secret", "加签密钥", secret=True, required=False, hint="以 SEC 开头"),
    ),
    send=send,
    check=check,
)
