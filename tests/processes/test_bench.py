"""The benchmark measures what it says; its figures are not judged here."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import ANY

import pytest

from bihuan.cli import bench, bench_limits, bench_scale, bench_world
from tests import database

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def migrated(tmp_path: Path) -> dict[str, str]:
    """The environment of a program that measures on an empty database whose tables are there already."""
    shutil.copy(database.migrated_file(), tmp_path / "bench.sqlite3")
    return {
        "BIHUAN_DB": f"sqlite:///{tmp_path}/bench.sqlite3",
        "BIHUAN_DATA": str(tmp_path),
        "BIHUAN_SQLITE_SYNCHRONOUS": "FULL",
        "DJANGO_SETTINGS_MODULE": "bihuan.config.settings",
    }


def test_every_contender_is_measured_at_every_age(migrated: dict[str, str]) -> None:
    environment = {**os.environ, **migrated}
    words = ["-m", "bench", "--rounds", "1", "--instances", "2", "--ages", "2", "4", "--seconds", "0.1"]
    run = subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=True
    )
    found = json.loads(run.stdout.splitlines()[-1])
    rates = found["steps_per_second"]
    assert set(rates) == {"floor", "store", "use_case", "use_case_with_records", "spiffworkflow"}
    assert all(rate > 0 for by_age in rates.values() for rate in by_age.values())
    assert found["durable"] == "journal_mode=wal synchronous=FULL"
    sizes = found["state_bytes"]
    assert sizes["store_4"] - sizes["store_2"] < 8 < sizes["spiffworkflow_4"] - sizes["spiffworkflow_2"]
    assert {name: shape.get("steps_per_instance") for name, shape in found["shapes"].items()} == {
        "linear": 11, "branching": ANY, "multi_instance": 51, "nested_calls": 5, "automatic": 1, "rework": None,
    }  # fmt: skip
    assert all(shape["steps_per_second"] > 0 for shape in found["shapes"].values())
    for parts in found["where_the_time_goes"].values():
        assert {"engine", "database", "hashing", "rest"} <= set(parts)


def test_ratios_compare_the_product_with_floor_and_peer() -> None:
    rates = {"use_case": {"20": 50.0}, "store": {"20": 100.0}, "floor": {"20": 200.0}, "spiffworkflow": {"20": 25.0}}
    assert bench.ratios(rates) == {
        "use_case_to_floor": {"20": 0.25},
        "use_case_to_spiff": {"20": 2.0},
        "store_to_floor": {"20": 0.5},
        "store_to_spiff": {"20": 4.0},
    }


def test_a_database_that_is_not_there_is_said_plainly(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PGHOST", "/nonexistent")
    arguments = argparse.Namespace(json=False, quick=True, database=["postgres"])
    assert bench.run_engine(arguments) == 1
    assert "postgres：无法测量" in capsys.readouterr().out


def test_every_clock_that_runs_out_is_seen_to_be_told_among_the_open_ones(
    migrated: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @contextmanager
    def prepared(name: str) -> Iterator[dict[str, str]]:
        with bench_world.database(name) as environment:
            yield {**environment, **migrated}

    monkeypatch.setattr(bench_limits, "database", prepared)
    words = ["--json", "--part=firing", "--database=sqlite", "--clocks=500", "--workers=2", "--due=20", "--burst=30"]
    parser = argparse.ArgumentParser()
    bench.register(parser.add_subparsers())
    arguments = parser.parse_args(["bench", "limits", *words])
    assert arguments.run(arguments) == 0
    found = json.loads(capsys.readouterr().out)["firing"]["sqlite"]
    assert (found["open_clocks"], found["workers"], found["notices_too_many"]) == (500, 2, 0)
    assert 0 <= found["lag"]["p50_seconds"] <= found["lag"]["max_seconds"]
    assert found["burst"]["per_second"] > 0


def test_an_installation_is_filled_and_measured_as_often_as_asked(migrated: dict[str, str]) -> None:
    environment = {**os.environ, **migrated}
    words = ["-m", "bench.scale", "--runs", "4", "--size", "800"]
    run = subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=environment, input="\n\n", capture_output=True, text=True, timeout=300,
        check=True,
    )  # fmt: skip
    told, *rounds = [json.loads(line) for line in run.stdout.splitlines()]
    assert 800 <= told["rows"]["processes_instance"] <= 810
    assert told["rows"]["audit_entry"] > 1600, "each instance has its history"
    assert len(rounds) == 2 and all(cost > 0 for costs in rounds for found in costs.values() for cost in found.values())
    assert set(bench_scale.LABELS) < set(rounds[0]["microseconds"]) == set(rounds[0]["work"])
