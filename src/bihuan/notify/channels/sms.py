"""短信: any HTTP gateway, described by data instead of code.

The administrator writes the request as lines `name = value`, where a value may hold {phone}, {text}, {id} and {secret}.
Values are filled in after the request is built (JSON strings, form fields, headers), so no text can change its shape.
What counts as accepted is a field of the JSON answer, e.g. `code = 0`; without it every 2xx.
How the gateway reports delivery and passes on answers is described likewise: which field means what.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from base64 import b64encode
from typing import Any
from urllib.parse import parse_qsl, urlencode

from bihuan.kernel.errors import BusinessError, NotAllowed
from bihuan.notify.channels.posting import check_address, post
from bihuan.notify.channels.transport import (
    Callback,
    ChannelKind,
    Outgoing,
    Reply,
    Report,
    Setting,
    TransportError,
    Values,
)
from bihuan.notify.kinds import Medium
from bihuan.notify.texts import clip, one_line

MAX_TEXT = 300
MAX_CALLBACK = 64 * 1024
MAX_ENTRIES = 200
SHORTEST_KEY = 16
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


def read(callback: Callback, values: Values) -> tuple[Report | Reply, ...]:
    """What the gateway tells by the lines `reports` and `replies`, as JSON or as a form; only with the callback key."""
    if not _knows_key(callback, values):
        raise NotAllowed("渠道或密钥不对")
    content = _content(callback)
    reports, replies = (dict(pairs(values.get(name, ""), name)) for name in ("reports", "replies"))
    found: list[Report | Reply] = []
    for one in _entries(content, reports):
        reference, status = (_text(one, reports.get(name, "")) for name in ("id", "status"))
        if reference and status and status not in _listed(reports.get("waiting", "")):
            reached = status in _listed(reports.get("reached", ""))
            found.append(Report(reference, reached, "" if reached else _text(one, reports.get("reason", "")) or status))
    for one in _entries(content, replies):
        address, text = (_text(one, replies.get(name, "")) for name in ("phone", "text"))
        if address and text:
            found.append(Reply(address, text))
    return tuple(found)


def _knows_key(callback: Callback, values: Values) -> bool:
    """By signature where the gateway signs (HMAC-SHA256 of the body, hex or base64), else by the key as it stands."""
    key = values.get("callback_key", "").encode()
    if len(key) < SHORTEST_KEY:
        return False
    header = values.get("callback_signature", "").lower()
    if header:
        signed = hmac.new(key, callback.body, hashlib.sha256).digest()
        given, right = callback.headers.get(header, ""), (signed.hex(), b64encode(signed).decode())
        return any(hmac.compare_digest(given.encode(), one.encode()) for one in right)
    bearer = callback.headers.get("authorization", "").removeprefix("Bearer ").strip()
    return hmac.compare_digest((bearer or callback.query.get("key", "")).encode(), key)


def _content(callback: Callback) -> Any:
    if len(callback.body) > MAX_CALLBACK:
        raise BusinessError(f"内容超过 {MAX_CALLBACK // 1024} KB")
    try:
        if callback.content_type == "application/x-www-form-urlencoded":
            return dict(parse_qsl(callback.body.decode(), max_num_fields=MAX_ENTRIES))
        return json.loads(callback.body)
    except (ValueError, RecursionError):
        raise BusinessError("内容应是 JSON 或表单") from None


def _entries(content: Any, described: dict[str, str]) -> list[Any]:
    """One entry, or those of the list the gateway sends them in; nothing where nothing is described."""
    if not described:
        return []
    inner = _dig(content, described["list"]) if "list" in described else content
    entries = inner if isinstance(inner, list) else [inner]
    if len(entries) > MAX_ENTRIES:
        raise BusinessError(f"一次最多 {MAX_ENTRIES} 条")
    return entries


def _text(entry: Any, name: str) -> str:
    found = _dig(entry, name)
    return clip(one_line(str(found)), MAX_TEXT) if isinstance(found, str | int) else ""


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _check_callback(values: Values) -> None:
    """A key that cannot be guessed, and lines that say where to look."""
    for name, needed in (("reports", ("id", "status", "reached")), ("replies", ("phone", "text"))):
        described = dict(pairs(values.get(name, ""), name))
        missing = [word for word in needed if described and not described.get(word)]
        if missing:
            raise BusinessError(f"还要写明 {'、'.join(missing)}", name)
    if 0 < len(values.get("callback_key", "")) < SHORTEST_KEY:
        raise BusinessError(f"回调密钥至少 {SHORTEST_KEY} 个字符", "callback_key")


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
    _check_callback(values)


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
        Setting(
            "reports",
            "送达回报",
            lines=True,
            required=False,
            hint="id = 消息号的栏目，status = 结果的栏目，reached = 送达时的值",
        ),
        Setting("replies", "客户回复", lines=True, required=False, hint="phone = 号码的栏目，text = 内容的栏目"),
        Setting(
            "callback_key",
            "回调密钥",
            secret=True,
            required=False,
            hint=f"至少 {SHORTEST_KEY} 个字符；不设就不接收回报和回复",
        ),
        Setting("callback_signature", "签名请求头", required=False, hint="服务商签名时填，例如 X-Signature"),
        Setting("answer", "回调应答", required=False, hint="服务商要求回答的内容；不填回答 ok"),
    ),
    send=send,
    check=check,
    read=read,
)
