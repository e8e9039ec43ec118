"""The database of a test process: migrated once for all processes, then copied for each.

Migrating takes seven seconds, copying almost nothing. The migrated one is named after the migrations and the locked
packages, so that it is made anew when one of them changes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connection

import bihuan

SOURCE = Path(bihuan.__file__).parent
LOCKED = Path(__file__).parents[1] / "requirements" / "dev.txt"
WAIT_SECONDS = 120
# Any number that nothing else on the server locks.
ADVISORY_LOCK = 20_261_124


def take_copy() -> None:
    """Point Django at an empty migrated database of this process alone."""
    name = str(settings.DATABASES["default"]["TEST"]["NAME"])
    if connection.vendor == "sqlite":
        shutil.copy(migrated_file(), name)
    else:
        with connection.creation._nodb_cursor() as cursor:
            migrated = _migrated_database(cursor)
            cursor.execute(f'DROP DATABASE IF EXISTS "{name}"')
            cursor.execute(f'CREATE DATABASE "{name}" TEMPLATE "{migrated}"')
    _use(name)


def drop_copy() -> None:
    """Take the database of this process away."""
    name = str(connection.settings_dict["NAME"])
    connection.close()
    if connection.vendor == "sqlite":
        for file in Path(name).parent.glob(f"{Path(name).name}*"):
            file.unlink()
        return
    with connection.creation._nodb_cursor() as cursor:
        cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def migrated_file() -> Path:
    """The empty SQLite database with all tables, for copying. Of several processes one makes it and the others wait."""
    folder: Path = settings.TEST_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    migrated = folder / f"migrated-{_version()}.sqlite3"
    with closing(sqlite3.connect(folder / "migrating.lock", timeout=WAIT_SECONDS)) as lock:
        lock.execute("BEGIN EXCLUSIVE")
        if not migrated.exists():
            unfinished = folder / f"migrating-{os.getpid()}.sqlite3"
            # In a program of its own: whoever needs the file may not be allowed to touch the test's database.
            here = {"BIHUAN_DB": f"sqlite:///{unfinished}", "DJANGO_SETTINGS_MODULE": "bihuan.config.settings"}
            subprocess.run(
                [sys.executable, "-m", "django", "migrate", "-v", "0"], env={**os.environ, **here}, check=True
            )
            unfinished.replace(migrated)
    return migrated


def _migrated_database(cursor: Any) -> str:
    migrated = f"bihuan_migrated_{_version()}"
    # Given back when the cursor's connection is closed.
    cursor.execute("SELECT pg_advisory_lock(%s)", [ADVISORY_LOCK])
    cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [migrated])
    if cursor.fetchone() is None:
        unfinished = f"{migrated}_{os.getpid()}"
        cursor.execute(f'CREATE DATABASE "{unfinished}"')
        _use(unfinished)
        call_command("migrate", verbosity=0, interactive=False)
        connection.close()
        cursor.execute(f'ALTER DATABASE "{unfinished}" RENAME TO "{migrated}"')
    return migrated


def _use(name: str) -> None:
    connection.close()
    settings.DATABASES["default"]["NAME"] = connection.settings_dict["NAME"] = name


@cache
def _version() -> str:
    digest = hashlib.sha256(LOCKED.read_bytes())
    for file in sorted(SOURCE.glob("*/migrations/*.py")):
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()[:16]
