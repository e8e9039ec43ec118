"""The product's own server as a process of its own on the test's database, to be killed and started again."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

from django.db import connection
from django.test import Client

ROOT = Path(__file__).resolve().parents[2]
COMMAND = ("-m", "gunicorn", "--config", "python:bihuan.config.gunicorn", "bihuan.config.wsgi:application")
PATIENCE_SECONDS = 60
TOKEN = "t" * 32


class Served:
    """A server on a port of its own; `kill` is a power cut."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it answers."""
        name = connection.settings_dict["NAME"]
        address = f"sqlite:///{name}" if connection.vendor == "sqlite" else f"postgres:///{name}"
        environment = {
            **os.environ, "BIHUAN_DB": address, "BIHUAN_BIND": f"127.0.0.1:{self.port}", "BIHUAN_DEBUG": "1",
            "BIHUAN_WORKER_IN_SERVER": "1", "DJANGO_SETTINGS_MODULE": "bihuan.config.settings",
        }  # fmt: skip
        self.process = subprocess.Popen(
            [sys.executable, *COMMAND], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            assert self.process.poll() is None, "the server ended by itself"
            try:
                if self._request("GET", "/healthz", {}, "")[0] == 200:
                    return
            except OSError:
                time.sleep(0.05)
        raise AssertionError("the server did not answer in time")

    def kill(self) -> None:
        """End it and all its children at once, whatever they are doing."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def post(self, path: str, form: Mapping[str, str | list[str]], browser: Client) -> tuple[int, str]:
        """Send a form as the person signed in there; status and where it leads. OSError when nobody answers."""
        cookies = {"sessionid": browser.cookies["sessionid"].value, "csrftoken": TOKEN}
        headers = {
            "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
            "X-CSRFToken": TOKEN,
            "Content-Type": "application/x-www-form-urlencoded",
        }
        return self._request("POST", path, headers, urlencode(form, doseq=True))

    def _request(self, method: str, path: str, headers: Mapping[str, str], body: str) -> tuple[int, str]:
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        try:
            link.request(method, path, body or None, dict(headers))
            answer = link.getresponse()
            answer.read()
            return answer.status, answer.headers.get("Location", "")
        except http.client.HTTPException as broken:
            raise ConnectionError(str(broken)) from broken
        finally:
            link.close()
