"""Many programs at once on one database, killed at any moment; afterwards the checker looks at every instance.

The checker is tested with damaged databases in tests/processes/test_consistency.py.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from devtools.postgres import own_server

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.long
Environment = dict[str, str]
MUST_HAPPEN = (
    "complete", "transfer", "cancel", "send_back", "recall", "suspend", "resume", "move", "move_all", "hold",
    "let_go_on", "hand_over", "archive", "leave", "come_back", "lend", "plan", "publish",
)  # fmt: skip


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Environment]:
    """A prepared database of its own on the server that the tests run on."""
    if os.environ.get("BIHUAN_TEST_DB") != "postgres":
        yield prepared({"BIHUAN_DB": f"sqlite:///{tmp_path}/crowd.sqlite3", "BIHUAN_DATA": str(tmp_path)})
        return
    name = f"bihuan_crowd_{os.getpid()}"
    with psycopg.connect(dbname="postgres", autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        try:
            yield prepared({"BIHUAN_DB": f"postgres:///{name}", "BIHUAN_DATA": str(tmp_path)})
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def prepared(own: Environment) -> Environment:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "bihuan.config.settings", "BIHUAN_LOG_LEVEL": "CRITICAL",
                   "BIHUAN_SECRET_KEY": "only-for-tests-0123456789-0123456789-0123456789", **own}  # fmt: skip
    subprocess.run([sys.executable, "-m", "tests.load.crowd", "prepare"], cwd=ROOT, env=environment, check=True)
    return environment


def client(environment: Environment, seed: int, seconds: float) -> subprocess.Popen[str]:
    return program(environment, "tests.load.crowd", "work", str(seed), str(seconds))


def program(environment: Environment, *words: str) -> subprocess.Popen[str]:
    """A program that has said its first line, which is that it is at work."""
    started = subprocess.Popen(
        [sys.executable, "-m", *words], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert started.stdout is not None and started.stdout.readline()
    return started


def told(finished: subprocess.Popen[str]) -> tuple[list[int], dict[str, int]]:
    """The items a client was told are done, and what it says at its end (nothing if it was killed)."""
    lines = finished.communicate(timeout=200)[0].splitlines()
    acknowledged = [
        int(line.split()[1]) for line in lines if line.startswith("done ") and line.endswith(tuple("0123456789"))
    ]
    last = lines[-1] if lines and lines[-1].startswith("{") else "{}"
    return acknowledged, json.loads(last)


def is_whole(environment: Environment, acknowledged: list[int]) -> dict[str, Any]:
    """Nothing broken, nothing lost, nothing done twice."""
    run = subprocess.run(
        [sys.executable, "-m", "tests.load.crowd", "audit"], cwd=ROOT, env=environment, stdout=subprocess.PIPE,
        text=True, check=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(run.stdout)
    assert found["damages"] == [] and found["broken_chains"] == [] and found["faults"] == 0
    assert found["left_behind"] == {}, "work, duty or rights are with somebody who left"
    assert found["overwritten"] == [], "somebody published over a version that they had not seen"
    assert len(acknowledged) == len(set(acknowledged)), "two were told that they completed the same item"
    assert set(acknowledged) <= set(found["done"]), "somebody was told it is done, and it is not"
    return found


@pytest.mark.db
def test_many_clients_at_once_leave_everything_whole(database: Environment) -> None:
    clients = [client(database, seed, 12) for seed in range(4)]
    answers = [told(one) for one in clients]
    assert all(one.returncode == 0 for one in clients), "nothing but a refusal in words ever reaches a client"
    acknowledged = [item for items, _ in answers for item in items]
    sums = {key: sum(said.get(key, 0) for _, said in answers) for key in MUST_HAPPEN}
    assert all(sums.values()) and len(acknowledged) > 20, sums
    assert not any(said.get("trouble") for _, said in answers), "contention is the store's to handle"
    assert is_whole(database, acknowledged)["archives"], "nothing was archived meanwhile"


@pytest.mark.db
def test_clients_and_workers_killed_at_any_moment_lose_and_double_nothing(database: Environment) -> None:
    draw, acknowledged = random.Random(5), list[int]()
    running = [client(database, seed, 60) for seed in range(3)] + [program(database, "bihuan.cli.main", "worker")]
    for seed in range(100, 110):
        time.sleep(draw.uniform(0.3, 0.9))  # the moment of the power cut is real time
        victim = draw.randrange(4)
        running[victim].send_signal(signal.SIGKILL)
        acknowledged += told(running[victim])[0]
        running[victim] = program(database, "bihuan.cli.main", "worker") if victim == 3 else client(database, seed, 60)
    for one in running:
        one.send_signal(signal.SIGKILL)
        acknowledged += told(one)[0]
    assert acknowledged
    is_whole(database, acknowledged)


def test_a_postgresql_that_crashes_under_load_comes_back_whole(tmp_path: Path) -> None:
    """Its immediate shutdown is what a power cut is to it: it writes nothing more and plays its log at the start."""
    with own_server() as server:
        database = prepared({**server.variables, "BIHUAN_DB": "postgres:///postgres", "BIHUAN_DATA": str(tmp_path)})
        worker = program(database, "bihuan.cli.main", "worker")
        clients = [client(database, seed, 12) for seed in range(3)]
        for _ in range(2):
            time.sleep(4)  # the moment of the power cut is real time
            server.crash()
            server.start()
        answers = [told(one) for one in clients]
        assert all(one.returncode == 0 for one in clients)
        assert any(said.get("trouble") for _, said in answers), "nobody noticed the crash"
        assert worker.poll() is None, "a worker waits until the database is back"
        worker.terminate()
        worker.communicate(timeout=60)
        assert worker.returncode == 0
        is_whole(database, [item for items, _ in answers for item in items])
