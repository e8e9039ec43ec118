"""Mail over SMTP: plain text with an HTML copy, one message a person."""

from __future__ import annotations

import smtplib
import ssl
from datetime import UTC
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr

from markupsafe import Markup, escape

from bihuan.kernel.errors import BusinessError
from bihuan.notify.channels.posting import REST_SECONDS, network_words, refuse_peer
from bihuan.notify.channels.transport import ChannelKind, Outgoing, Setting, TransportError, Values
from bihuan.notify.kinds import Medium
from bihuan.notify.texts import clip, one_line, plain

SECONDS = 15
PORTS = {"tls": 465, "starttls": 587, "none": 25}
# Answers that concern this recipient or message only, for good (RFC 5321, 4.2.1: the first digit decides).
_REFUSED = 500


def send(message: Outgoing, values: Values) -> str:
    """Hand the mail to the server. Answers of the 500 family are permanent, those of the 400 family are tried again."""
    try:
        mail = compose(message, values)
    except (MessageError, ValueError):
        raise TransportError("收件或发件地址写法不对", permanent=True) from None
    try:
        with _server(values) as server:
            server.send_message(mail)
    except smtplib.SMTPRecipientsRefused as error:
        code, said = next(iter(error.recipients.values()))
        raise TransportError(_said("收件人被拒", code, said), permanent=code >= _REFUSED) from None
    except smtplib.SMTPAuthenticationError as error:
        raise TransportError(
            _said("邮件服务器不接受用户名或密码", error.smtp_code, error.smtp_error), rest_seconds=10 * REST_SECONDS
        ) from None
    except smtplib.SMTPResponseException as error:
        reason = _said("邮件服务器拒收", error.smtp_code, error.smtp_error)
        raise TransportError(reason, permanent=error.smtp_code >= _REFUSED) from None
    except (OSError, smtplib.SMTPException) as error:
        raise TransportError(f"连不上邮件服务器：{network_words(error)}", rest_seconds=REST_SECONDS) from None
    return str(mail["Message-ID"])


def compose(message: Outgoing, values: Values) -> EmailMessage:
    """The mail; its Message-ID follows from the message's number, so a repeated mail is known as such."""
    name, sender = parseaddr(values["sender"])
    mail = EmailMessage()
    mail["Subject"] = clip(one_line(f"【紧急】{message.title}" if message.urgent else message.title), 150)
    mail["From"] = Address(one_line(name), addr_spec=sender)
    mail["To"] = Address(one_line(message.recipient), addr_spec=message.address)
    mail["Date"] = format_datetime(message.at.astimezone(UTC))
    mail["Message-ID"] = f"<{message.uid}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    if message.urgent:
        mail["Importance"] = "high"
    mail.set_content("\n\n".join(part for part in (plain(message.body), message.link) if part) + "\n")
    mail.add_alternative(_html(message), subtype="html")
    return mail


def _html(message: Outgoing) -> str:
    lines = Markup("<br>").join(escape(line) for line in plain(message.body).split("\n"))
    link = Markup('<p><a href="{}">打开查看</a></p>').format(message.link) if message.link else ""
    return str(Markup('<html lang="zh"><body><h3>{}</h3><p>{}</p>{}</body></html>').format(message.title, lines, link))


def _server(values: Values) -> smtplib.SMTP:
    security = values.get("security") or "tls"
    host, port = values["host"], int(values.get("port") or PORTS[security])
    context = ssl.create_default_context()
    server: smtplib.SMTP
    if security == "tls":
        server = smtplib.SMTP_SSL(host, port, timeout=SECONDS, context=context)
    else:
        server = smtplib.SMTP(host, port, timeout=SECONDS)
    try:
        assert server.sock is not None
        refuse_peer(server.sock.getpeername()[0])
        if security == "starttls":
            server.starttls(context=context)
        if values.get("username"):
            server.login(values["username"], values.get("password", ""))
    except BaseException:
        server.close()
        raise
    return server


def _said(what: str, code: int, said: bytes | str) -> str:
    text = said.decode(errors="replace") if isinstance(said, bytes) else said
    return f"{what}（{code}）：{one_line(text)}"[:200]


def check(values: Values) -> None:
    """A server, a port, and a sender with an address; a password only over a safe line."""
    sender = parseaddr(values["sender"])[1]
    if sender.count("@") != 1 or not all(sender.split("@")) or one_line(sender) != sender:
        raise BusinessError("请填写发件地址，例如 闭环通知 <notice@example.com>", "sender")
    port = values.get("port", "")
    if port and not (port.isdecimal() and 0 < int(port) < 65536):
        raise BusinessError("端口须为 1 到 65535 的整数", "port")
    if not values["host"].isascii() or one_line(values["host"]) != values["host"] or " " in values["host"]:
        raise BusinessError("服务器名写法不对", "host")
    if values.get("security") == "none" and values.get("username"):
        raise BusinessError("不加密的连接不能带用户名和密码", "security")


MAIL = ChannelKind(
    key="mail",
    label="邮件",
    medium=Medium.MAIL,
    about="用公司的邮件服务器发给每个人，地址由本人在“我的通知设置”里填写。",
    settings=(
        Setting("host", "SMTP 服务器", hint="smtp.example.com"),
        Setting("port", "端口", required=False, hint="空着：加密 465，STARTTLS 587，不加密 25"),
        Setting(
            "security",
            "加密方式",
            choices=(("tls", "TLS 加密"), ("starttls", "STARTTLS"), ("none", "不加密（仅内网转发）")),
            default="tls",
        ),
        Setting("sender", "发件人", hint="闭环通知 <notice@example.com>"),
        Setting("username", "用户名", required=False),
        Setting("password", "密码或授权码", secret=True, required=False),
    ),
    send=send,
    check=check,
)
