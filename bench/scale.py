"""`python -m bench.scale`: what a step, an inbox, due timers and a search cost in an installation of some size.

Each line on standard input asks for a round of measuring, so that installations of several sizes can take turns. Beside
the time, which other load on the machine disturbs, it counts the work of the database, which nothing disturbs: pages
looked at on PostgreSQL, instructions of its virtual machine on SQLite.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import django

django.setup()

from django.db import connection  # noqa: E402 the models exist only after set-up
from django.http import QueryDict  # noqa: E402

from bench.measure import _durability, _version  # noqa: E402
from bench.models import answers  # noqa: E402
from bench.town import OFTEN, SELDOM, Town  # noqa: E402
from bench.world import ROUTES, build_world  # noqa: E402
from bihuan.audit.models import Entry  # noqa: E402
from bihuan.kernel import clock  # noqa: E402
from bihuan.operations.work import complete_task  # noqa: E402
from bihuan.processes import jobs  # noqa: E402
from bihuan.processes.contract import Surroundings  # noqa: E402
from bihuan.processes.finishing import TIMER  # noqa: E402
from bihuan.processes.models import Instance, Job, WorkItem  # noqa: E402
from bihuan.processes.queries import inbox  # noqa: E402
from bihuan.processes.searching import InstanceSearch, search_instances  # noqa: E402

RUNS = 40
TIMERS_AT_ONCE = 10
COUNTED_RUNS = 5


def main() -> int:
    """Fill the database, say how long that took, then measure a round for each line that comes in."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=RUNS, help="how often each thing is done in a round")
    asked = parser.parse_args()
    town = Town(build_world())
    began = time.perf_counter()
    town.grow(asked.size)
    _say(
        {
            "database": connection.vendor,
            "version": _version(),
            "durable": _durability(),
            "filling_seconds": round(time.perf_counter() - began, 1),
            "rows": {model._meta.db_table: model._base_manager.count() for model in (Instance, WorkItem, Job, Entry)},
        }
    )
    day = Day(town)
    for _ in sys.stdin:
        _say({"microseconds": day.times(asked.runs), "work": day.work()})
    return 0


def _say(answer: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer, ensure_ascii=False) + "\n")
    sys.stdout.flush()


@dataclass
class Day:
    """What people and workers do all day. Numbers are drawn with a fixed seed."""

    town: Town
    draw: random.Random = field(default_factory=lambda: random.Random(7))
    turn: int = 0
    open: list[int] = field(default_factory=list)

    def times(self, runs: int) -> dict[str, float]:
        """Median microseconds of each thing; `search` is the mean of its kinds."""
        few = max(5, runs // 4)
        often = {"step": runs, "inbox": runs, "due_timers": max(3, runs // TIMERS_AT_ONCE), "due_timers.none_due": runs}
        self.open = self._some_open(2 * runs + COUNTED_RUNS + 1)
        return _summed({what: _median(act, often.get(what, few)) for what, act in self._acts().items()})

    def work(self) -> dict[str, float]:
        """Pages (PostgreSQL) or instructions (SQLite) of each thing."""
        self.open = self.open or self._some_open(2 * COUNTED_RUNS)
        return _summed({what: _effort(act) for what, act in self._acts().items()})

    def _acts(self) -> dict[str, Callable[[], None]]:
        searches = {f"search.{kind}": self._search(kind) for kind in self._searches()}
        return {"step": self._step, "inbox": self._inbox, "due_timers": self._due_timers,
                "due_timers.none_due": self._no_timers, **searches}  # fmt: skip

    def _some_open(self, count: int) -> list[int]:
        """Open items of cases, anywhere in the table."""
        last = Instance.unscoped.order_by("-id").values_list("id", flat=True)[0]
        drawn = self.draw.sample(range(1, last + 1), min(40 * count, last))
        rows = WorkItem.unscoped.filter(instance_id__in=drawn[:20_000], status="open", form_key__gt="")
        found = list(rows.filter(role="advisor", assignee__isnull=True).values_list("pk", flat=True)[:count])
        self.draw.shuffle(found)
        return found

    def _step(self) -> None:
        self.turn += 1
        form = QueryDict(mutable=True)
        form.update({key: str(value) for key, value in answers(self.turn).items()})
        actor = self.town.world.actor
        complete_task(self.open.pop(), form, {}, actor=actor, once_key=f"{ROUTES}{self.turn}")

    def _inbox(self) -> None:
        actor = self.town.world.actor
        page = inbox(actor, limit=50)
        inbox(actor, limit=50, after=page[-1].cursor)

    def _due_timers(self) -> None:
        due = Job.objects.filter(dead_at__isnull=True).order_by("run_at").values_list("run_at", flat=True)
        with clock.frozen(due[TIMERS_AT_ONCE - 1]):
            jobs.run_due(limit=TIMERS_AT_ONCE, handlers=_TIMERS)

    def _no_timers(self) -> None:
        with clock.frozen(self.town.begun):
            jobs.run_due(handlers=_TIMERS)

    def _search(self, kind: str) -> Callable[[], None]:
        def look() -> None:
            search_instances(self._searches()[kind], site_id=self.town.world.site.pk)

        return look

    def _searches(self) -> Mapping[str, InstanceSearch]:
        """What people look for, with drawn numbers."""
        anything = self.draw.randrange(1, self.town.size)
        person = self.town.world.actor.user_id
        return {
            "newest": InstanceSearch(),
            "number": InstanceSearch(number=anything),
            "subject": InstanceSearch(subject_kind="case", subjects=[anything // 2]),
            "process_and_status": InstanceSearch(process=ROUTES, status="running"),
            "day": InstanceSearch(until=self.town.begun + timedelta(seconds=anything)),
            "node": InstanceSearch(node_id="hold"),
            "person": InstanceSearch(person_id=person),
            "person_and_process": InstanceSearch(person_id=person, process=ROUTES, status="running"),
            "nobody": InstanceSearch(person_id=0),
            "incident": InstanceSearch(status="stuck"),
            "incident_words": InstanceSearch(incident="没有这样的话"),
            "variable": InstanceSearch(process=ROUTES, variable="turn", value="1"),
            "words_in_all": InstanceSearch(title=OFTEN),
            "words_in_few": InstanceSearch(title=SELDOM),
            "words_in_none": InstanceSearch(title="没有这样的话"),
        }


_TIMERS = {TIMER: jobs.timer_handler(Surroundings())}


def _summed(found: dict[str, float]) -> dict[str, float]:
    found["due_timers"] /= TIMERS_AT_ONCE
    return {**found, "search": statistics.mean(cost for what, cost in found.items() if what.startswith("search."))}


def _median(act: Callable[[], None], runs: int) -> float:
    """Median microseconds of `act`, after a tenth more runs to warm up."""
    return statistics.median(list(_timed(act, runs + runs // 10))[runs // 10 :])


def _timed(act: Callable[[], None], runs: int) -> Iterator[float]:
    for _ in range(runs):
        began = time.perf_counter()
        act()
        yield 1e6 * (time.perf_counter() - began)


def _effort(act: Callable[[], None]) -> float:
    """What the database does for `act`, the mean of some runs."""
    act()
    count = _pages if connection.vendor == "postgresql" else _instructions
    return count(act) / COUNTED_RUNS


def _pages(act: Callable[[], None]) -> int:
    """Pages of tables and indexes looked at, wherever they were found. Needs PostgreSQL 15."""
    before = _pages_so_far()
    for _ in range(COUNTED_RUNS):
        act()
    return _pages_so_far() - before


def _pages_so_far() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute(
            "SELECT sum(heap_blks_read + heap_blks_hit + coalesce(idx_blks_read, 0) + coalesce(idx_blks_hit, 0)"
            " + coalesce(toast_blks_read, 0) + coalesce(toast_blks_hit, 0)) FROM pg_statio_user_tables"
        )
        return int(cursor.fetchone()[0])


def _instructions(act: Callable[[], None]) -> int:
    done = 0

    def one_more() -> int:
        nonlocal done
        done += 1
        return 0

    connection.ensure_connection()
    connection.connection.set_progress_handler(one_more, 1)
    try:
        for _ in range(COUNTED_RUNS):
            act()
    finally:
        connection.connection.set_progress_handler(None, 0)
    return done


if __name__ == "__main__":
    sys.exit(main())
