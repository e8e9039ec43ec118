"""Posting to an address an administrator entered: bounded in time and size, never redirected.

The address of the machine is checked when the connection stands and before anything is sent, so a name that points
elsewhere a moment later gains nothing. Link-local addresses (where clouds keep their credentials), multicast and
"any" are refused; the company's own network is allowed, for that is where many receivers stand.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Timer
from typing import Any
from urllib.parse import SplitResult, urlsplit

from bihuan.kernel.errors import BusinessError
from bihuan.notify.channels.transport import TransportError

CONNECT_SECONDS = 5
WHOLE_SECONDS = 15
MAX_ANSWER_BYTES = 64 * 1024
REST_SECONDS = 30
BUSY_REST_SECONDS = 60
TRY_AGAIN = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status and the first 64 KB."""

    status: int
    body: bytes

    def json(self) -> dict[str, Any]:
        """The answer as a JSON object; empty when it is none."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


def check_address(address: str, field: str = "url") -> SplitResult:
    """Refuse what is no plain http(s) address, at the field it was typed in."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise BusinessError("地址写法不对", field) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or (port is not None and not port):
        raise BusinessError("请填写以 https:// 或 http:// 开头的完整地址", field)
    if parts.username or parts.password:
        raise BusinessError("地址里不能带用户名和密码，请填在密钥栏", field)
    if not address.isascii() or not address.isprintable() or " " in address or len(address) > 500:
        raise BusinessError("地址里不能有空格或中文，最长 500 个字符", field)
    return parts


def post(address: str, body: bytes, headers: Mapping[str, str], *, method: str = "POST") -> Answer:
    """Send and read the answer. Raises TransportError when there is none or it is not a success (2xx)."""
    try:
        parts = check_address(address)
    except BusinessError as error:
        raise TransportError(error.message, permanent=True) from None
    connection = _connection(parts)
    # Each read has its own time-out, so a receiver that drips would hold us for ever: this cuts the line.
    deadline = Timer(WHOLE_SECONDS, _hang_up, (connection,))
    deadline.daemon = True
    deadline.start()
    try:
        connection.connect()
        refuse_peer(connection.sock.getpeername()[0])
        target = parts.path or "/"
        connection.request(method, f"{target}?{parts.query}" if parts.query else target, body, dict(headers))
        response = connection.getresponse()
        answer = Answer(response.status, response.read(MAX_ANSWER_BYTES))
    except TimeoutError:
        raise TransportError("对方在规定时间内没有应答", rest_seconds=REST_SECONDS) from None
    except ssl.SSLError as error:
        raise TransportError(f"安全连接失败：{error.reason or error}", rest_seconds=REST_SECONDS) from None
    except (OSError, http.client.HTTPException, AttributeError) as error:
        raise TransportError(f"连接失败：{network_words(error)}", rest_seconds=REST_SECONDS) from None
    finally:
        deadline.cancel()
        connection.close()
    _refuse_status(answer)
    return answer


def post_json(address: str, content: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Answer:
    """The same with a JSON body."""
    body = json.dumps(content, ensure_ascii=False).encode()
    return post(address, body, {"Content-Type": "application/json; charset=utf-8", **(headers or {})})


def network_words(error: Exception) -> str:
    """Why a line did not come about, as an administrator would say it."""
    if isinstance(error, socket.gaierror):
        return "找不到这个服务器名"
    if isinstance(error, ConnectionRefusedError):
        return "对方没有在这个端口接听"
    if isinstance(error, TimeoutError):
        return "对方没有应答"
    return "网络中断或对方的应答不合规矩"


def refuse_peer(host: str) -> None:
    """Refuse a machine no receiver lives on. Raises TransportError."""
    at = ipaddress.ip_address(host.partition("%")[0])
    known = at.ipv4_mapped if isinstance(at, ipaddress.IPv6Address) and at.ipv4_mapped else at
    if known.is_link_local or known.is_multicast or known.is_unspecified:
        raise TransportError("这个地址不允许连接", permanent=True)


def _connection(parts: SplitResult) -> http.client.HTTPConnection:
    assert parts.hostname is not None
    if parts.scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(parts.hostname, parts.port, timeout=CONNECT_SECONDS, context=context)
    return http.client.HTTPConnection(parts.hostname, parts.port, timeout=CONNECT_SECONDS)


def _hang_up(connection: http.client.HTTPConnection) -> None:
    if connection.sock is not None:
        try:
            connection.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return


def _refuse_status(answer: Answer) -> None:
    if 200 <= answer.status < 300:
        return
    if 300 <= answer.status < 400:
        raise TransportError(f"对方要求转到别的地址（{answer.status}），请填写最终地址", permanent=True)
    if answer.status in TRY_AGAIN:
        raise TransportError(f"对方暂时不收（{answer.status}）", rest_seconds=BUSY_REST_SECONDS)
    raise TransportError(f"对方拒收（{answer.status}）", permanent=answer.status < 500)
