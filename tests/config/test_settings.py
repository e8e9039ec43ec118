"""Settings say no to what would be dangerous or ambiguous."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from bihuan.config import checks, environment
from bihuan.config.databases import database

ROOT = Path(__file__).resolve().parents[2]


def start(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Load the settings in a process of its own with only these BIHUAN_ variables."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BIHUAN_")}
    command = [sys.executable, "-c", "import bihuan.config.settings as s; print(s.SECRET_KEY)"]
    return subprocess.run(
        command, env={**kept, "BIHUAN_DATA": str(folder), **variables}, capture_output=True, text=True, check=False
    )


def test_production_refuses_the_demo(tmp_path: Path) -> None:
    found = start(tmp_path, BIHUAN_PRODUCTION="1", BIHUAN_SECRET_KEY="x" * 50, BIHUAN_DEMO="1")
    assert found.returncode != 0
    assert "excludes BIHUAN_DEBUG and BIHUAN_DEMO" in found.stderr


def test_production_wants_a_secret_key_of_its_own(tmp_path: Path) -> None:
    assert "needs BIHUAN_SECRET_KEY" in start(tmp_path, BIHUAN_PRODUCTION="1").stderr
    assert not (tmp_path / "secret_key").exists()


def test_elsewhere_a_secret_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    first, second = start(tmp_path).stdout, start(tmp_path).stdout
    assert len(first.strip()) > 40
    assert first == second
    assert (tmp_path / "secret_key").stat().st_mode & 0o077 == 0


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("kept elsewhere\n", encoding="ascii")
    found = start(tmp_path, BIHUAN_PRODUCTION="1", BIHUAN_SECRET_KEY_FILE=str(tmp_path / "key"))
    assert found.stdout == "kept elsewhere\n", found.stderr


@pytest.mark.parametrize("value", ["2", "ja", "on off"])
def test_a_switch_is_on_or_off(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("BIHUAN_DEMO", value)
    with pytest.raises(ImproperlyConfigured, match="BIHUAN_DEMO must be 1 or 0"):
        environment.switch("BIHUAN_DEMO")


@pytest.mark.parametrize("value", ["", "-1", "1.5", "many"])
def test_a_number_is_a_whole_number(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("BIHUAN_THREADS", value)
    with pytest.raises(ImproperlyConfigured, match="BIHUAN_THREADS must be a whole number"):
        environment.number("BIHUAN_THREADS", 8)


def test_sqlite_survives_a_power_cut_and_waits_for_its_turn(tmp_path: Path) -> None:
    options = database(f"sqlite:///{tmp_path / 'a.sqlite3'}")["OPTIONS"]
    assert "synchronous=FULL" in options["init_command"]
    assert "journal_mode=WAL" in options["init_command"]
    assert options["transaction_mode"] == "IMMEDIATE"
    assert options["timeout"] > 0


def test_postgresql_keeps_its_connections() -> None:
    settings = database("postgres://me:p%40ss@db.local:6432/bihuan?sslmode=require")
    assert (settings["USER"], settings["PASSWORD"], settings["HOST"]) == ("me", "p@ss", "db.local")
    assert (settings["PORT"], settings["NAME"]) == ("6432", "bihuan")
    assert settings["OPTIONS"]["sslmode"] == "require"
    assert settings["CONN_MAX_AGE"] > 0


@pytest.mark.parametrize("address", ["mysql://x/y", "sqlite:///", "bihuan.sqlite3", ""])
def test_an_odd_database_address_is_refused(address: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="BIHUAN_DB"):
        database(address)


@override_settings(BIHUAN_DEMO=True, BIHUAN_DEMO_ALLOW_REMOTE=False, ALLOWED_HOSTS=["127.0.0.1", "[::1]", "0.0.0.0"])
def test_the_demo_answers_only_on_this_machine() -> None:
    (error,) = checks.demo_stays_here(None)
    assert error.id == "bihuan.E001"
    assert "0.0.0.0" in error.msg


@override_settings(BIHUAN_DEMO=True, BIHUAN_DEMO_ALLOW_REMOTE=True, ALLOWED_HOSTS=["demo.example.com"])
def test_the_demo_answers_elsewhere_when_somebody_says_so_by_name() -> None:
    assert checks.demo_stays_here(None) == []


@override_settings(TIME_ZONE="Asia/Shanghia")
def test_a_mistyped_time_zone_is_found() -> None:
    assert [error.id for error in checks.time_zone_is_known(None)] == ["bihuan.E002"]


def test_a_pooler_that_cannot_prepare_statements_is_spared() -> None:
    assert database("postgres:///b?prepare_threshold=none")["OPTIONS"]["prepare_threshold"] is None
