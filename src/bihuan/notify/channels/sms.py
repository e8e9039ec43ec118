"""短信: any HTTP gateway, described by data instead of code.

The administrator writes the request as lines `name = value`, where a value may hold {phone}, {text}, {id} and {secret}.
Values are filled in after the request is built (JSON strings, form fields, headers), so no text can change its shape.
What counts as accepted is a field of the JSON answer, e.g. `code = 0`; without it every 2xx.
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlencode

from bihuan.kernel.errors import BusinessError
from bihuan.notify.channels.posting import check_address, post
from bihuan.notify.channels.transport import ChannelKind, Outgoing, Setting, TransportError, Values
from bihuan.notify.kinds import Medium
from bihuan.notify.texts import clip, one_line

MAX_TEXT = 300
WORDS = frozenset({"phone", "text", "id", "secret"})
_WORD = re.compile(r"\{([a-z]+)\}")


def send(message: Outgoing, values: Values) -> str:
    """Hand the message to the gateway. What it refuses is permanent."""
    words = {
        "phone": message.address,
        "text": text_of(message, values.get("sign", "")),
        "id": message.uid,
        "secret": values.get("secret", ""),
    }
    fields = {name: _filled(value, words) for name, value in pairs(values["fields"], "fields")}
    headers = {name: _filled(value, words) for name, value in pairs(values.get("headers", ""), "headers")}
    if values.get("format") == "form":
        body, content_type = urlencode(fields).encode(), "application/x-www-form-urlencoded"
    else:
        body, content_type = json.dumps(_nested(fields), ensure_ascii=False).encode(), "application/json; charset=utf-8"
    answer = post(values["url"], body, {"Content-Type": content_type, **headers}).json()
    for name, wanted in pairs(values.get("success", ""), "success"):
        found = _dig(answer, name)
        if str(found) != wanted:
            raise TransportError(f"短信网关拒收：{name} = {str(found)[:80]}", permanent=True)
    return str(_dig(answer, values.get("receipt", "")) or "")[:80]


def text_of(message: Outgoing, sign: str) -> str:
    """One line: the company's signature, the title and the body."""
    inner = "：".join(part for part in (one_line(message.title), one_line(message.body)) if part)
    return clip(f"【{sign}】{inner}" if sign else inner, MAX_TEXT)


def pairs(text: str, field: str) -> list[tuple[str, str]]:
    """Lines `name = value`. Raises BusinessError naming the line."""
    found: list[tuple[str, str]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        name, equals, value = (part.strip() for part in line.partition("="))
        if not equals or not re.fullmatch(r"[A-Za-z0-9_.\-]{1,60}", name):
            raise BusinessError(f"第 {number} 行须为“名称 = 值”", field)
        unknown = set(_WORD.findall(value)) - WORDS
        if unknown:
            raise BusinessError(f"第 {number} 行没有占位词 {{{min(unknown)}}}", field)
        found.append((name, value))
    return found


def _filled(value: str, words: dict[str, str]) -> str:
    return one_line(_WORD.sub(lambda found: words[found[1]], value))


def _nested(fields: dict[str, str]) -> dict[str, Any]:
    """`data.mobile = …` becomes {"data": {"mobile": …}}."""
    root: dict[str, Any] = {}
    for name, value in fields.items():
        *above, last = name.split(".")
        inner = root
        for part in above:
            inner = inner.setdefault(part, {})
        inner[last] = value
    return root


def _dig(answer: Any, path: str) -> Any:
    for part in path.split(".") if path else ():
        answer = answer.get(part) if isinstance(answer, dict) else None
    return answer if path else None


def check(values: Values) -> None:
    """The address and every line of the description."""
    check_address(values["url"])
    fields = pairs(values["fields"], "fields")
    used = {word for _, value in fields for word in _WORD.findall(value)}
    if not {"phone", "text"} <= used:
        raise BusinessError("内容里要用到 {phone} 和 {text}", "fields")
    names = [name for name, _ in fields]
    if any(other.startswith(f"{name}.") for name in names for other in names) or len(set(names)) < len(names):
        raise BusinessError("名称重复或互相包含", "fields")
    pairs(values.get("headers", ""), "headers")
    pairs(values.get("success", ""), "success")


SMS = ChannelKind(
    key="sms",
    label="短信",
    medium=Medium.SMS,
    about="对接短信服务商的 HTTP 接口：照服务商的说明，一行一个栏目。",
    settings=(
        Setting("url", "接口地址", hint="https://…"),
        Setting("format", "内容格式", choices=(("json", "JSON"), ("form", "表单")), default="json"),
        Setting("fields", "内容", lines=True, hint="一行一个：mobile = {phone}，另有 {text} {id} {secret}"),
        Setting("headers", "请求头", lines=True, required=False, hint="例如 Authorization = Bearer {secret}"),
        Setting("secret", "密钥", secret=True, required=False),
        Setting("sign", "短信签名", required=False, hint="公司在服务商登记的签名，不带【】"),
        Setting("success", "成功标志", lines=True, required=False, hint="应答里的栏目，例如 code = 0"),
        Setting("receipt", "回执栏目", required=False, hint="应答里消息号的栏目，例如 data.id"),
    ),
    send=send,
    check=check,
)
