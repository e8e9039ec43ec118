"""企业微信群机器人: a text to a group, mentioning people by their telephone numbers.

Format: developer.work.weixin.qq.com, “群机器人配置说明”. Text, not markdown, because only text mentions by telephone;
at most 2,048 bytes; 20 messages a minute, then errcode 45009. The key in the address is the secret.
"""

from __future__ import annotations

from bihuan.notify.channels.posting import BUSY_REST_SECONDS, check_address, post_json
from bihuan.notify.channels.robots import robot_text
from bihuan.notify.channels.transport import ChannelKind, Outgoing, Setting, TransportError, Values
from bihuan.notify.kinds import Medium
from bihuan.notify.texts import clip_bytes

MAX_BYTES = 2048
TOO_OFTEN = 45009


def send(message: Outgoing, values: Values) -> str:
    """Post to the group; what WeCom refuses is permanent, except that it was too often."""
    # `<@userid>` would mention somebody the text merely quotes.
    text = clip_bytes(robot_text(message).replace("<@", "＜@"), MAX_BYTES)
    content = {"content": text, "mentioned_mobile_list": [person.phone for person in message.mentions if person.phone]}
    answer = post_json(values["url"], {"msgtype": "text", "text": content}).json()
    code = answer.get("errcode")
    if code == TOO_OFTEN:
        raise TransportError("企业微信：发送过于频繁", rest_seconds=BUSY_REST_SECONDS)
    if code != 0:
        raise TransportError(f"企业微信拒收（{code}）：{str(answer.get('errmsg', ''))[:120]}", permanent=True)
    return "ok"


def check(values: Values) -> None:
    """The address of the robot as WeCom shows it."""
    check_address(values["url"])


WECOM = ChannelKind(
    key="wecom",
    label="企业微信群机器人",
    medium=Medium.GROUP,
    about="在企业微信群里“添加群机器人”，把它给出的 Webhook 地址贴到这里。",
    settings=(
        Setting("url", "Webhook 地址", secret=True, hint="https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=…"),
    ),
    send=send,
    check=check,
)
