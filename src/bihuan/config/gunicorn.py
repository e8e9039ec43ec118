"""gunicorn's settings. `make run` serves and works in one process; production adds processes and a worker."""

from __future__ import annotations

import gc
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from bihuan.config import environment as env

bind = env.text("BIHUAN_BIND", "127.0.0.1:8000")
# SQLite has one writer at a time and its caches live in a process: one process with threads serves it best.
workers = env.number("BIHUAN_PROCESSES", 1, least=1)
worker_class = "gthread"
threads = env.number("BIHUAN_THREADS", 8, least=1)
timeout = 60
graceful_timeout = 20
keepalive = 5
errorlog = "-"
loglevel = "warning"
# Behind a proxy on the same machine only; others cannot name a client's address.
forwarded_allow_ips = "127.0.0.1,::1"

WORKERS = ("bihuan.operations.background.product_worker", "bihuan.operations.background.slow_worker")
_working: list[Any] = []


def when_ready(server: Any) -> None:
    """Say where to look, once it answers."""
    server.log.warning("Ready: http://%s", bind)


def post_worker_init(worker: Any) -> None:
    """Timers, jobs and notices run in threads of the server when the installation has no worker of its own."""
    if settings.BIHUAN_WORKER_IN_SERVER:
        # By name: this file is read before the applications are loaded.
        for name in WORKERS:
            background = import_string(name)()
            background.start_thread()
            _working.append(background)
    # What was loaded stays for good: looking through it for garbage stops every request for a tenth of a second.
    gc.collect()
    gc.freeze()


def worker_exit(server: Any, worker: Any) -> None:
    """Finish the job in hand and take no other."""
    for background in _working:
        background.stop()
