"""Fixtures of every test: a clock that stands still, the shared cast, and a browser for the marked ones."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from pytest_django import DjangoDbBlocker

from bihuan.kernel import clock, sql
from tests import database

pytest_plugins = ["tests.cast"]

# A Tuesday morning, 09:00 in Shanghai.
MORNING = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
DATABASE_FIXTURES = frozenset({"db", "transactional_db", "django_db_reset_sequences", "live_server"})
BROWSER_FIXTURES = frozenset({"page", "context", "browser"})
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
# Set by `dev.py test`: what cannot run is then a failure, not a skip.
COMPLETE = os.environ.get("BIHUAN_TEST_COMPLETE") == "1"
ON_POSTGRES = os.environ.get("BIHUAN_TEST_DB") == "postgres"


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Instead of pytest-django's: a copy of a migrated database is as good as migrating again."""
    with django_db_blocker.unblock():
        database.take_copy()
    yield
    with django_db_blocker.unblock():
        database.drop_copy()


@pytest.fixture
def frozen_clock() -> Iterator[datetime]:
    """Time stands at a Tuesday, 09:00 in Shanghai; `clock.move(to)` moves it."""
    with clock.frozen(MORNING):
        yield MORNING


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hand-written statements that go to the database from here on."""
    seen: list[str] = []
    run = sql.run_on_driver

    def watched(raw: Any, text: str, params: Sequence[Any]) -> Any:
        seen.append(text)
        return run(raw, text, params)

    monkeypatch.setattr(sql, "run_on_driver", watched)
    return seen


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what needs a browser; on PostgreSQL's complete run leave out what has no database in it."""
    for item in items:
        names = set(getattr(item, "fixturenames", ()))
        if names & BROWSER_FIXTURES:
            item.add_marker("browser")
        if item.get_closest_marker("browser") and not CHROMIUM and not COMPLETE:
            item.add_marker(pytest.mark.skip(reason="no Chromium here (set CHROMIUM)"))
    if ON_POSTGRES and COMPLETE:
        kept = [item for item in items if _touches_database(item)]
        config.hook.pytest_deselected(items=[item for item in items if not _touches_database(item)])
        items[:] = kept


def _touches_database(item: pytest.Item) -> bool:
    if item.get_closest_marker("browser"):
        return False
    marked = item.get_closest_marker("django_db") or item.get_closest_marker("db")
    return bool(marked) or bool(DATABASE_FIXTURES & set(getattr(item, "fixturenames", ())))


@pytest.fixture(scope="session", autouse=True)
def _live_server_serves_what_was_collected() -> Iterator[None]:
    """With the manifest switched on, WhiteNoise serves the collected files as in production, not Django's finders."""
    if os.environ.get("BIHUAN_TEST_STATIC") != "manifest":
        yield
        return
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("django.contrib.staticfiles.handlers.StaticFilesHandler", lambda application: application)
        yield


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """The Chromium of this machine; containers have neither a sandbox nor much shared memory."""
    arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": arguments}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_context_args, "locale": "zh-CN", "timezone_id": "Asia/Shanghai"}
