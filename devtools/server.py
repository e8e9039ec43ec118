"""`dev.py run`: from a fresh clone to a page one can open."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

from devtools import setup
from devtools.shell import DATA, StepError, environment, openly, python, quietly, say, step, tool

DEFAULT_BIND = "127.0.0.1:8000"
# Exit code 0 when nobody is there yet: a fresh database wants its demo people.
IS_EMPTY = (
    "import django; django.setup(); from bihuan.accounts.models import User; raise SystemExit(User.objects.exists())"
)


def run() -> None:
    bind = os.environ.get("BIHUAN_BIND", DEFAULT_BIND)
    _refuse_taken(bind)
    setup.everything()
    settings = {
        "DJANGO_SETTINGS_MODULE": "bihuan.config.settings",
        "BIHUAN_DATA": str(DATA),
        "BIHUAN_BIND": bind,
        "BIHUAN_DEMO": os.environ.get("BIHUAN_DEMO", "1"),
        "BIHUAN_WORKER_IN_SERVER": "1",
    }
    prepare(settings)
    serve(settings)


def prepare(settings: dict[str, str]) -> None:
    """Tables, static files and, in an empty demo database, its people, cars and history."""
    django = [python(), "-m", "django"]
    with step("Bring the database up to date"):
        quietly([*django, "migrate", "--no-input", "-v", "0"], what="The migration", more=settings)
    setup.collect_static(settings)
    if settings["BIHUAN_DEMO"] in {"1", "true", "yes", "on"} and _is_empty(settings):
        _load_demo(settings)


def _load_demo(settings: dict[str, str]) -> None:
    """All of the demo or none of it: half a service centre would look like a broken one at the next start."""
    loaded = False
    try:
        with step("Load the demo service centre (only the first time)"):
            # What an interruption leaves behind is removed below, so nothing needs to survive one.
            hasty = {**settings, "BIHUAN_SQLITE_SYNCHRONOUS": "OFF"}
            loaded = openly([tool("bihuan"), "demo", "load"], more=hasty) == 0
    finally:
        if not loaded and not os.environ.get("BIHUAN_DB"):
            for file in DATA.glob("bihuan.sqlite3*"):
                file.unlink()
    if not loaded:
        raise StepError("The demo data could not be loaded; the message is above.")


def _is_empty(settings: dict[str, str]) -> bool:
    try:
        quietly([python(), "-c", IS_EMPTY], what="Looking into the database", more=settings)
    except StepError as error:
        # The one-liner's own exit says "not empty" without a word; anything it did say is a real failure.
        if str(error).rstrip().endswith(":"):
            return False
        raise
    return True


def serve(settings: dict[str, str]) -> None:
    """Become the server; Ctrl-C ends it."""
    say("· Start the server; Ctrl-C stops it")
    variables = environment(settings)
    if os.name == "nt":
        # gunicorn needs POSIX; for trying things out on Windows Django's own server does.
        command = [python(), "-m", "django", "runserver", "--noreload", settings["BIHUAN_BIND"]]
        with subprocess.Popen([tool("bihuan"), "worker"], env=variables, stdin=subprocess.DEVNULL) as worker:
            try:
                sys.exit(openly(command, more=settings))
            finally:
                worker.terminate()
    command = [
        python(),
        "-m",
        "gunicorn",
        "--config",
        "python:bihuan.config.gunicorn",
        "bihuan.config.wsgi:application",
    ]
    sys.stdout.flush()
    os.execve(command[0], command, variables)


def _refuse_taken(bind: str) -> None:
    host, _, port = bind.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=1):
            pass
    except OSError:
        return
    except ValueError as error:
        raise StepError(f"BIHUAN_BIND must look like {DEFAULT_BIND}, not {bind!r}.") from error
    raise StepError(
        f"Something already answers on {bind}. Stop it, or choose another: BIHUAN_BIND=127.0.0.1:8001 make run"
    )
