"""`python -m bench.firing`: how soon clocks that run out are told about, among many that are still open.

On the database that the settings name: many open clocks, several workers in processes of their own, and then clocks
that run out one after the other (the lag), and many at the same moment (the throughput). A clock counts as told when
another connection sees it so, that is after the worker's commit, notices included.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

import django

django.setup()

from django.db import connection, transaction  # noqa: E402 the models exist only after set-up

from bench.world import World, build_world  # noqa: E402
from bihuan.kernel import clock  # noqa: E402
from bihuan.limits.clocks import start_clock  # noqa: E402
from bihuan.limits.models import Clock  # noqa: E402
from bihuan.notify.models import Notice  # noqa: E402

LEAD_SECONDS = 2.0
LOOK_SECONDS = 0.005
FAR_SECONDS = 86_400 * 30
PATIENCE_SECONDS = 300.0


def main() -> int:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--clocks", type=int, default=100_000, help="open clocks that are not due")
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--due", type=int, default=400, help="clocks that run out one after the other")
    parser.add_argument("--seconds", type=float, default=10, help="over how long they do")
    parser.add_argument("--burst", type=int, default=5_000, help="clocks that run out at the same moment")
    asked = parser.parse_args()
    world = build_world()
    began = time.perf_counter()
    copy_clocks(world, asked.clocks, clock.now() + timedelta(days=1), FAR_SECONDS)
    _analyze()
    filling = time.perf_counter() - began
    with working(asked.workers):
        lags = fired(world, asked.due, asked.seconds)
        burst = fired(world, asked.burst, 0)
    found = {
        "database": connection.vendor,
        "open_clocks": asked.clocks,
        "workers": asked.workers,
        "filling_seconds": round(filling, 1),
        "lag": {"clocks": asked.due, "over_seconds": asked.seconds, **summary(lags)},
        "burst": {"clocks": asked.burst, "per_second": round(asked.burst / max(burst)), **summary(burst)},
        # One person is told of each clock, so every notice beyond the clocks would be one told twice.
        "notices_too_many": Notice.objects.count() - asked.due - asked.burst,
    }
    sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
    return 0


def copy_clocks(world: World, count: int, first: datetime, over_seconds: float) -> range:
    """`count` open clocks that run out evenly from `first` on, copied inside the database; answers their subjects."""
    if not count:
        return range(0)
    last = Clock.unscoped.order_by("-subject_id").values_list("subject_id", flat=True).first() or 0
    pattern = start_clock(
        subject_kind="call",
        subject_id=last + 1,
        key="answer_call",
        name="来电接听",
        site_id=world.site.pk,
        due_at=first,
        escalate_to="advisor",
    )
    own = {"id", "subject_id", "due_at"}
    names = [str(field.column) for field in Clock._meta.concrete_fields if field.column not in own]
    step = over_seconds / count
    moved, numbers = (
        ("c.due_at + n * %s * interval '1 second'", "generate_series(1, %s) AS numbers(n)")
        if connection.vendor == "postgresql"
        else (
            "strftime('%%Y-%%m-%%d %%H:%%M:%%f', c.due_at, (n * %s) || ' seconds')",
            "(WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < %s) SELECT n FROM r)",
        )
    )
    columns = ", ".join(names)
    if count > 1:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO limits_clock ({columns}, subject_id, due_at) "
                f"SELECT {', '.join(f'c.{name}' for name in names)}, c.subject_id + n, {moved} "
                f"FROM limits_clock c, {numbers} WHERE c.id = %s",
                (step, count - 1, pattern.pk),
            )
    return range(last + 1, last + 1 + count)


def fired(world: World, count: int, over_seconds: float) -> list[float]:
    """Let `count` clocks run out; the seconds from each one's moment until it was seen to be told."""
    subjects = copy_clocks(world, count, clock.now() + timedelta(seconds=LEAD_SECONDS), over_seconds)
    mine = {"subject_kind": "call", "subject_id__gte": subjects.start, "subject_id__lt": subjects.stop}
    rows = Clock.unscoped.filter(**mine)
    seen: dict[int, float] = {}
    until = time.perf_counter() + LEAD_SECONDS + over_seconds + PATIENCE_SECONDS
    while len(seen) < count:
        found = list(rows.filter(breach_told_at__isnull=False).values_list("pk", "due_at"))
        moment = clock.now()
        seen.update({pk: (moment - due).total_seconds() for pk, due in found if due is not None and pk not in seen})
        if time.perf_counter() > until:
            raise RuntimeError(f"only {len(seen)} of {count} clocks were told about")
        # Looking at many clocks costs the workers processor time.
        time.sleep(max(LOOK_SECONDS, count / 100_000))
    return sorted(seen.values())


def summary(lags: Sequence[float]) -> dict[str, float]:
    """Median, 99th percentile and maximum, in seconds. `lags` are in order."""
    return {
        "p50_seconds": round(lags[len(lags) // 2], 3),
        "p99_seconds": round(lags[math.ceil(len(lags) * 0.99) - 1], 3),
        "max_seconds": round(lags[-1], 3),
    }


@contextmanager
def working(count: int) -> Iterator[None]:
    """That many `bihuan worker` on this database."""
    workers = [
        subprocess.Popen(
            [sys.executable, "-m", "bihuan.cli.main", "worker"], env=dict(os.environ), stdout=subprocess.PIPE, text=True
        )
        for _ in range(count)
    ]
    try:
        for worker in workers:
            assert worker.stdout is not None
            worker.stdout.readline()
        # Their first round looks once at every clock.
        time.sleep(LEAD_SECONDS)
        yield
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.communicate()


def _analyze() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE limits_clock")


if __name__ == "__main__":
    sys.exit(main())
