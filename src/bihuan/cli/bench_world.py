"""Where the benchmarks run: a folder, a database and a secret of their own, thrown away afterwards."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import bihuan

ROOT = Path(bihuan.__file__).resolve().parents[2]
DATABASES = ("sqlite", "postgres")
SECRET = "only-for-measuring-0123456789-0123456789-0123456789"


def repository_is_here() -> bool:
    """Whether the programs that measure are there; says so when not."""
    if (ROOT / "bench" / "__main__.py").exists():
        return True
    print("测速需要源码仓库（bench 目录）和开发依赖，安装包里没有", file=sys.stderr)
    return False


def database(name: str) -> AbstractContextManager[dict[str, str]]:
    """A fresh database, `sqlite` or `postgres`: the environment of a program that works on it."""
    return _sqlite() if name == "sqlite" else _postgres()


@contextmanager
def folder() -> Iterator[dict[str, str]]:
    """The environment of a program that measures without a database."""
    with tempfile.TemporaryDirectory(prefix="bihuan-bench-") as data:
        yield {
            "BIHUAN_DATA": data,
            "BIHUAN_SECRET_KEY": SECRET,
            "BIHUAN_LOG_LEVEL": "ERROR",
            "BIHUAN_SQLITE_SYNCHRONOUS": "FULL",
            "DJANGO_SETTINGS_MODULE": "bihuan.config.settings",
        }


@contextmanager
def _sqlite() -> Iterator[dict[str, str]]:
    with folder() as environment:
        yield {**environment, "BIHUAN_DB": f"sqlite:///{environment['BIHUAN_DATA']}/bench.sqlite3"}


@contextmanager
def _postgres() -> Iterator[dict[str, str]]:
    """A database of our own on the server of PGHOST, else on a durable server started for this."""
    starter = subprocess.Popen(
        [sys.executable, "-m", "bench.server"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert starter.stdout is not None
        told = starter.stdout.readline()
        if not told:
            raise RuntimeError("PostgreSQL is not available: set PGHOST, or install Debian's package postgresql")
        with folder() as environment:
            yield {**environment, **json.loads(told)}
    finally:
        # The end of its input is the sign to drop the database and stop the server.
        starter.communicate()


def machine() -> dict[str, Any]:
    """What was measured on."""
    return {"cpus": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()}
