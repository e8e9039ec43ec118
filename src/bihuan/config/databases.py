"""The database of an installation, from one address."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

# One writer at a time: whoever wants to write asks for the lock when its transaction begins (IMMEDIATE) and waits for
# it, instead of failing half-way. WAL lets readers go on; FULL survives a power cut; the rest keeps steps flat as the
# file grows.
SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous={synchronous}",
    "PRAGMA cache_size=-65536",
    "PRAGMA mmap_size=268435456",
    "PRAGMA wal_autocheckpoint=4000",
    "PRAGMA temp_store=MEMORY",
)
BUSY_SECONDS = 20
KEEP_OPEN_SECONDS = 600
# The server prepares the statements of the hot path, which ask for it; others are never repeated often enough.
ONLY_WHEN_ASKED = 1_000_000


def database(address: str, *, synchronous: str = "FULL") -> dict[str, Any]:
    """Django's settings for `sqlite:///path/to/file` or `postgres://user:password@host:port/name`.

    For PostgreSQL everything but the scheme may be left out; libpq's own variables (PGHOST, PGUSER, PGDATABASE …)
    fill in, so `postgres:///bihuan` on a unix socket works.
    """
    parts = urlsplit(address)
    if parts.scheme == "sqlite":
        return _sqlite(parts.path, synchronous)
    if parts.scheme in {"postgres", "postgresql"}:
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": unquote(parts.path.lstrip("/")),
            "USER": unquote(parts.username or ""),
            "PASSWORD": unquote(parts.password or ""),
            "HOST": unquote(parts.hostname or ""),
            "PORT": str(parts.port or ""),
            # Reconnecting for each request costs a factor of four.
            "CONN_MAX_AGE": KEEP_OPEN_SECONDS,
            "CONN_HEALTH_CHECKS": True,
            "OPTIONS": _postgres_options(parts.query),
        }
    raise ImproperlyConfigured(
        f"BIHUAN_DB must begin with sqlite:/// or postgres://, not {address.partition(':')[0]!r}"
    )


def _postgres_options(query: str) -> dict[str, Any]:
    """libpq's parameters from the address. `prepare_threshold=none` is for a pooler that cannot prepare statements."""
    options: dict[str, Any] = {"prepare_threshold": ONLY_WHEN_ASKED, **dict(parse_qsl(query))}
    chosen = options["prepare_threshold"]
    options["prepare_threshold"] = None if chosen == "none" else int(chosen)
    return options


def _sqlite(path: str, synchronous: str) -> dict[str, Any]:
    # sqlite:///relative and sqlite:////absolute, as everywhere; a drive letter needs no fourth slash.
    file = Path(unquote(path[1:]))
    if not file.name:
        raise ImproperlyConfigured("BIHUAN_DB names no SQLite file, e.g. sqlite:///var/bihuan.sqlite3")
    file.absolute().parent.mkdir(parents=True, exist_ok=True)
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(file.absolute()),
        "CONN_MAX_AGE": KEEP_OPEN_SECONDS,
        "OPTIONS": {
            "timeout": BUSY_SECONDS,
            "transaction_mode": "IMMEDIATE",
            "init_command": ";".join(SQLITE_PRAGMAS).format(synchronous=synchronous),
        },
    }
