"""A PostgreSQL for tests and benchmarks: the one named by PGHOST, else a server of our own in a temporary folder."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devtools.setup import REQUIREMENTS
from devtools.shell import DATA, StepError, apt_install, environment, is_root, quietly, step, tool

# As root the server runs as somebody else, who may not look into the folder of the repository.
WHEEL_FOLDER = Path("/var/lib/bihuan-test-postgres") if is_root() else DATA / "postgres-wheel"
# A test server is thrown away: nothing it holds must survive a power cut. Benchmarks ask for a durable one.
THROWAWAY = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
SETTINGS = ("listen_addresses=", "max_connections=120", "shared_buffers=128MB", "timezone=UTC")
START_SECONDS = 60


@contextmanager
def postgres(*, durable: bool = False) -> Iterator[dict[str, str]]:
    """Yields the variables (PGHOST …) by which programs find the server; stops it at the end if we started it."""
    if os.environ.get("PGHOST"):
        yield {}
        return
    with step("Start PostgreSQL"):
        own = own_server(durable=durable)
        server = own.__enter__()
    try:
        yield server.variables
    finally:
        own.__exit__(None, None, None)


class Server:
    """A PostgreSQL of our own, which may be made to crash and come back."""

    def __init__(self, programs: Path, folder: Path, user: str | None, settings: tuple[str, ...]) -> None:
        self.variables = {"PGHOST": str(folder), "PGPORT": "5432", "PGUSER": "postgres", "PGDATABASE": "postgres"}
        self.programs, self.folder, self.user, self.settings = programs, folder, user, settings
        _initdb(programs, folder, user)
        self.start()

    def start(self) -> None:
        """Serve, and wait until it answers."""
        self.process = _serve(self.programs, self.folder, self.user, self.settings)

    def crash(self) -> None:
        """Stop at once, as a power cut would: nothing is finished and nothing written any more."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(START_SECONDS)

    def stop(self) -> None:
        """Stop without waiting for clients that forgot to say goodbye."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(START_SECONDS)


@contextmanager
def own_server(*, durable: bool = True) -> Iterator[Server]:
    """A server in a temporary folder, whatever PGHOST says."""
    programs = find_programs()
    # Unix sockets have short names: not below a deep home folder.
    folder = Path(tempfile.mkdtemp(prefix="bihuan-pg-", dir="/tmp" if os.path.isdir("/tmp") else None))
    user = _other_user() if is_root() else None
    try:
        if user:
            shutil.chown(folder, user)
        server = Server(programs, folder, user, SETTINGS if durable else SETTINGS + THROWAWAY)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def find_programs() -> Path:
    """The folder of initdb and postgres: Debian's, the PATH's, or a wheel's."""
    found = _installed()
    if found is None and apt_install("postgresql"):
        found = _installed()
    return found or _from_wheel()


def _installed() -> Path | None:
    versions = Path("/usr/lib/postgresql")
    folders = sorted(versions.glob("*/bin"), key=lambda one: float(one.parent.name), reverse=True)
    on_path = shutil.which("initdb")
    folders += [Path(on_path).resolve().parent] if on_path else []
    return next((one for one in folders if (one / "initdb").exists() and (one / "postgres").exists()), None)


def _from_wheel() -> Path:
    if not WHEEL_FOLDER.exists():
        locked = str(REQUIREMENTS / "postgres.txt")
        with step("Install PostgreSQL from its Python package"):
            command = [tool("uv"), "pip", "install", "--require-hashes", "--target", str(WHEEL_FOLDER), "-r", locked]
            quietly(command, what="Installing PostgreSQL")
    found = next(WHEEL_FOLDER.glob("**/bin/initdb*"), None)
    if found is None:
        raise StepError("No PostgreSQL here. Install Debian's package postgresql, or set PGHOST to a running server.")
    return found.parent


def _other_user() -> str:
    """PostgreSQL refuses to run as root."""
    for name in ("postgres", "nobody"):
        if subprocess.run(["id", name], capture_output=True, check=False).returncode == 0:
            return name
    raise StepError("PostgreSQL does not run as root and there is no other user. Set PGHOST to a running server.")


def _as(user: str | None, command: list[str]) -> list[str]:
    if user is None:
        return command
    if shutil.which("setpriv"):
        return ["setpriv", f"--reuid={user}", f"--regid={_group(user)}", "--clear-groups", *command]
    return ["runuser", "-u", user, "--", *command]


def _group(user: str) -> str:
    return subprocess.run(["id", "-gn", user], capture_output=True, text=True, check=True).stdout.strip()


def _initdb(programs: Path, folder: Path, user: str | None) -> None:
    make = [str(programs / "initdb"), "-D", str(folder / "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8"]
    quietly(_as(user, [*make, "--locale=C", "--no-sync"]), what="initdb", cwd=folder)


def _serve(programs: Path, folder: Path, user: str | None, settings: tuple[str, ...]) -> subprocess.Popen[bytes]:
    options = [word for one in (*settings, f"unix_socket_directories={folder}") for word in ("-c", one)]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            _as(user, [str(programs / "postgres"), "-D", str(folder / "data"), *options]),
            cwd=folder, env=environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    deadline = time.monotonic() + START_SECONDS
    ready = b"database system is ready to accept connections"
    while ready not in (folder / "log").read_bytes():
        if server.poll() is not None or time.monotonic() > deadline:
            server.kill()
            raise StepError("PostgreSQL did not start:\n" + (folder / "log").read_text(errors="replace")[-2000:])
        time.sleep(0.05)
    return server
