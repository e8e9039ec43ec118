"""Measuring: the contenders take turns, round after round, and the median of each is reported."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from django.db import connection

from bench.contenders import Contender, Floor, OneTrip, Store, UseCase
from bench.profile import engine_alone, profile
from bench.shapes import measure_shapes
from bench.world import World, build_world

try:
    from bench.peer import Spiff
except ImportError:  # The peer is a development requirement.
    Spiff = None  # type: ignore[assignment, misc]

AGES = (20, 200)
INSTANCES = 30
# Each instance makes few steps in a round, so that it is about as old at the end as it was at the beginning.
STEPS_EACH = 5


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--instances", type=int, default=INSTANCES)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--ages", type=int, nargs="+", default=AGES)
    asked = parser.parse_args()
    found = measure(build_world(), asked.rounds, asked.instances, tuple(asked.ages), asked.seconds)
    sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
    return 0


def measure(world: World, rounds: int, instances: int, ages: tuple[int, ...], seconds: float) -> dict[str, Any]:
    """Steps per second of every contender at every age, and of each shape for some seconds."""
    contenders = _contenders(world)
    rates: dict[str, dict[int, list[float]]] = {one.name: {age: [] for age in ages} for one in contenders}
    sizes: dict[str, int] = {}
    for age in ages:
        for one in contenders:
            one.prepare(instances, age)
            _run(one, instances, 1)
        for _ in range(rounds):
            for one in contenders:
                rates[one.name][age].append(_run(one, instances, STEPS_EACH))
        sizes.update({f"{one.name}_{age}": one.state_bytes() for one in contenders})
    return {
        "database": connection.vendor,
        "version": _version(),
        "durable": _durability(),
        "rounds": rounds,
        "steps_per_round": instances * STEPS_EACH,
        "steps_per_second": _each(rates, statistics.median),
        "slowest_round": _each(rates, min),
        "fastest_round": _each(rates, max),
        "state_bytes": sizes,
        "shapes": measure_shapes(world, seconds),
        "engine_alone_steps_per_second": engine_alone(),
        "where_the_time_goes": {
            one.name: profile(one, instances) for one in contenders if isinstance(one, (Store, UseCase))
        },
    }


def _contenders(world: World) -> list[Contender]:
    found: list[Contender] = [Floor(world), Store(world), UseCase(world, records=False), UseCase(world, records=True)]
    if connection.vendor == "postgresql":
        found.insert(1, OneTrip(world))
    if Spiff is not None:
        found.append(Spiff())
    return found


def _run(contender: Contender, instances: int, steps_each: int) -> float:
    """Steps per second, each instance in its turn."""
    began = time.perf_counter()
    for _ in range(steps_each):
        for number in range(instances):
            contender.step(number)
    return instances * steps_each / (time.perf_counter() - began)


def _each(
    rates: dict[str, dict[int, list[float]]], choose: Callable[[list[float]], float]
) -> dict[str, dict[str, float]]:
    return {
        name: {str(age): round(choose(found), 1) for age, found in by_age.items()} for name, by_age in rates.items()
    }


def _version() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT sqlite_version()" if connection.vendor == "sqlite" else "SHOW server_version")
        return str(cursor.fetchone()[0])


def _durability() -> str:
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA synchronous")
            level = {0: "OFF", 1: "NORMAL", 2: "FULL", 3: "EXTRA"}[cursor.fetchone()[0]]
            cursor.execute("PRAGMA journal_mode")
            return f"journal_mode={cursor.fetchone()[0]} synchronous={level}"
        cursor.execute("SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) FROM pg_settings WHERE name IN "
                       "('fsync', 'synchronous_commit', 'full_page_writes')")  # fmt: skip
        return str(cursor.fetchone()[0])
