"""Real receivers on this machine: an HTTP server that keeps what it is sent, and a mail server."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope


@dataclass
class Request:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class HttpReceiver:
    """Answers each request with the next prepared answer, the last one for ever.

    `arrived` says that a request is in; while `may_answer` is cleared, its sender waits for the answer.
    """

    url: str
    requests: list[Request] = field(default_factory=list)
    answers: list[tuple[int, bytes, dict[str, str]]] = field(default_factory=list)
    arrived: Event = field(default_factory=Event)
    may_answer: Event = field(default_factory=Event)

    def will_answer(self, *answers: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.answers = [(status, json.dumps(answer).encode(), headers or {}) for answer in answers]

    def next_answer(self) -> tuple[int, bytes, dict[str, str]]:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def http_receiver() -> Iterator[HttpReceiver]:
    """A server on a free port of loopback."""
    receiver = HttpReceiver("")
    receiver.will_answer({})
    receiver.may_answer.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            receiver.requests.append(Request(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            receiver.arrived.set()
            receiver.may_answer.wait(20)
            status, answer, headers = receiver.next_answer()
            with suppress(OSError):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class MailReceiver:
    """Keeps mails by recipient; `refusal` is answered to every recipient instead, while it is set."""

    host: str = "127.0.0.1"
    port: int = 0
    mails: list[tuple[str, EmailMessage]] = field(default_factory=list)
    refusal: str = ""

    async def handle_RCPT(self, server: Any, session: Any, envelope: Envelope, address: str, options: Any) -> str:  # noqa: N802
        if self.refusal:
            return self.refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content
        assert isinstance(content, bytes)
        for recipient in envelope.rcpt_tos:
            self.mails.append((recipient, message_from_bytes(content, policy=policy.default)))  # type: ignore[arg-type]
        return "250 taken"


@contextmanager
def mail_receiver(**options: Any) -> Iterator[MailReceiver]:
    """A mail server on a free port of loopback; `options` are those of aiosmtpd's controller."""
    receiver = MailReceiver()
    with socket.create_server(("127.0.0.1", 0)) as found:
        receiver.port = found.getsockname()[1]
    controller = Controller(receiver, hostname="127.0.0.1", port=receiver.port, **options)
    controller.start()
    try:
        yield receiver
    finally:
        controller.stop()


@contextmanager
def dripping_receiver() -> Iterator[str]:
    """A server that takes a connection and says a byte now and then, for ever."""
    stop, server = Event(), socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        line, _ = server.accept()
        with line:
            while not stop.wait(0.05):
                try:
                    line.send(b"H")
                except OSError:
                    return

    Thread(target=drip, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    finally:
        stop.set()
        server.close()
