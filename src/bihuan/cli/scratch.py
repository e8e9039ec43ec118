"""A database of its own for a command, chosen before Django reads its settings."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Sequence

HERE = "--here"


def use_fresh_database(words: Sequence[str]) -> None:
    """Point the settings at a new SQLite file that goes away with the process; `--here` keeps the installation's."""
    if HERE in words:
        return
    folder = tempfile.mkdtemp(prefix="bihuan-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["BIHUAN_DB"] = f"sqlite:///{folder}/scratch.sqlite3"
    os.environ["BIHUAN_MEDIA"] = f"{folder}/media"
    # Nothing here has to survive a power cut.
    os.environ["BIHUAN_SQLITE_SYNCHRONOUS"] = "OFF"
    os.environ.setdefault("BIHUAN_LOG_LEVEL", "ERROR")
