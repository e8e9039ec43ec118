"""How a notice reads in a group."""

from __future__ import annotations

from bihuan.notify.channels.transport import Outgoing
from bihuan.notify.texts import plain


def robot_text(message: Outgoing) -> str:
    """Plain lines: the title (marked when urgent), what it is, for whom, where to look, and a number by which people
    recognise a repeated message."""
    names = "、".join(person.name for person in message.told)
    lines = [
        f"【紧急】{message.title}" if message.urgent else message.title,
        message.body,
        f"通知：{names}" if names else "",
        message.link,
        f"编号 {short_number(message)}",
    ]
    return plain("\n".join(line for line in lines if line))


def short_number(message: Outgoing) -> str:
    """Eight characters of the message's number, for people to compare."""
    return message.uid[:8].upper()
