"""Settings of the test run: the product's own, with a database, a data folder and switches of its own."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

_own = Path(tempfile.gettempdir()) / f"bihuan-test-{os.getuid() if hasattr(os, 'getuid') else 0}"
os.environ.setdefault("BIHUAN_DATA", str(_own))
os.environ.setdefault("BIHUAN_SECRET_KEY", "only-for-tests-0123456789-0123456789-0123456789")
os.environ.setdefault("BIHUAN_LOG_LEVEL", "WARNING")
os.environ.setdefault("BIHUAN_DEMO", "1")
# Playwright's event loop is still there when the tables are emptied after a browser test: this holds for the whole run.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
# A test database need not survive a power cut.
os.environ.setdefault("BIHUAN_SQLITE_SYNCHRONOUS", "OFF")
if os.environ.get("BIHUAN_TEST_DB", "sqlite") == "postgres":
    os.environ["BIHUAN_DB"] = os.environ.get("BIHUAN_TEST_DB_ADDRESS", "postgres:///postgres")
else:
    os.environ["BIHUAN_DB"] = f"sqlite:///{_own / 'unused.sqlite3'}"

from bihuan.config.settings import *  # noqa: E402, F403
from bihuan.config.settings import ALLOWED_HOSTS, DATABASES, STORAGES  # noqa: E402

# The process number keeps several runs on one machine, and the processes of one run, apart.
_name = f"bihuan_test_{os.getpid()}"
_sqlite = DATABASES["default"]["ENGINE"].endswith("sqlite3")
DATABASES["default"]["TEST"] = {"NAME": str(_own / f"{_name}.sqlite3") if _sqlite else _name}
ALLOWED_HOSTS = [*ALLOWED_HOSTS, "testserver"]
# Where `tests.database` keeps what it copies.
TEST_FOLDER = _own
MEDIA_ROOT = _own / "media"
ARCHIVE_ROOT = _own / "archive"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# `dev.py test` builds and collects the static files first and tests with the manifest, as production has it.
if os.environ.get("BIHUAN_TEST_STATIC", "plain") == "plain":
    STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
