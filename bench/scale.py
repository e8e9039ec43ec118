"""`python -m bench.scale`: what a step, an inbox, due timers and a search cost in an installation of some size.

A few real instances are made by the product itself and copied inside the database by one statement a table. Then each
line on standard input asks for a round of measuring, so that installations of several sizes can take turns.
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
from datetime import datetime, timedelta
from typing import Any

import django

django.setup()

from django.core.management.color import no_style  # noqa: E402 the models exist only after set-up
from django.db import connection, models, transaction  # noqa: E402
from django.db.models import Max  # noqa: E402
from django.http import QueryDict  # noqa: E402

from bench.measure import _durability, _version  # noqa: E402
from bench.models import answers, waiting_model  # noqa: E402
from bench.world import ROUTES, World, aged_items, build_world  # noqa: E402
from bihuan.audit.models import Entry  # noqa: E402
from bihuan.kernel import clock  # noqa: E402
from bihuan.operations.work import complete_task  # noqa: E402
from bihuan.processes import engine_store, jobs  # noqa: E402
from bihuan.processes.contract import Surroundings  # noqa: E402
from bihuan.processes.finishing import TIMER  # noqa: E402
from bihuan.processes.models import Instance, Job, WorkItem  # noqa: E402
from bihuan.processes.queries import inbox  # noqa: E402
from bihuan.processes.searching import InstanceSearch, search_instances  # noqa: E402
from bihuan.records.models import Case  # noqa: E402

RUNS = 40
TIMERS_AT_ONCE = 10
WAITS = "bench_wait"
# Of four instances two have ended, one waits for a person and one for a timer as well.
AGE = 2
ROLES = 8
DAY = 86_400
BLOCK = 100_000


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
    for _ in sys.stdin:
        _say(town.costs(asked.runs))
    return 0


def _say(answer: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer, ensure_ascii=False) + "\n")
    sys.stdout.flush()


@dataclass(slots=True)
class Pattern:
    """An instance made by the product, to be copied with everything that belongs to it; `case` is its case, if any."""

    instance: Instance
    case: Case | None
    share: int


@dataclass
class Town:
    """A service centre that grows. Numbers are drawn with a fixed seed."""

    world: World
    draw: random.Random = field(default_factory=lambda: random.Random(7))
    begun: datetime = field(default_factory=lambda: clock.now() - timedelta(days=365))
    size: int = 0
    turn: int = 0

    def __post_init__(self) -> None:
        engine_store.publish(waiting_model(WAITS), WAITS)
        items = aged_items(self.world, 2, AGE)
        done = {"turn": 2_000_000_000, "note": "完", "outcome": "ok"}
        engine_store.complete_item(items[1], done, actor=self.world.actor)
        rows = WorkItem.unscoped.select_related("instance").in_bulk(items)
        waits = engine_store.start_instance(WAITS, site_id=self.world.site.pk, actor=self.world.actor)
        self.patterns = [
            _pattern(rows[items[1]].instance_id, 2),
            _pattern(rows[items[0]].instance_id, 1),
            _pattern(waits.instance_id, 1),
        ]

    def grow(self, size: int) -> None:
        """Copy the patterns until there are about `size` instances."""
        more = size - self.size
        for first in range(0, more, BLOCK):
            block = min(BLOCK, more - first)
            for pattern in self.patterns:
                with transaction.atomic():
                    self._copy(pattern, block * pattern.share // 4)
        self.size = size
        _settle()

    def _copy(self, pattern: Pattern, count: int) -> None:
        """The instance, its case, items, timers and log, `count` times; later copies began later."""
        cases = (Case._base_manager.aggregate(last=Max("id"))["last"] or 0) if pattern.case else 0
        instances = Instance.unscoped.aggregate(last=Max("id"))["last"]
        number, instance = f"{cases} + n", f"{instances} + n"
        began = _later(self.begun, f"{instance}")
        chain = f"'case:' || ({number})" if pattern.case else f"'instance:' || ({instance})"
        if pattern.case:
            copy(Case, {"id": pattern.case.pk}, count, {"id": number, "number": f"'B-' || ({number})"})
        changed = {"id": instance, "chain": chain, "started_at": began}
        if pattern.case:
            changed["subject_id"] = number
        if pattern.instance.ended_at:
            changed["ended_at"] = began
        copy(Instance, {"id": pattern.instance.pk}, count, changed)
        own = {"instance_id": pattern.instance.pk}
        some = _later(clock.now(), f"CAST({instance} AS bigint) * 48271 % {30 * DAY}")
        role = f"CASE WHEN ({instance}) % {ROLES} = 0 THEN 'advisor' ELSE 'role' || (({instance}) % {ROLES}) END"
        mine = f"CASE WHEN ({instance}) % 400 = 1 AND m.status = 'open' THEN {self.world.actor.user_id} ELSE NULL END"
        copy(WorkItem, own, count, {
            "instance_id": instance, "sort_at": some, "due_at": some, "role": role, "assignee_id": mine,
        })  # fmt: skip
        copy(Job, own, count, {"instance_id": instance, "due_at": some, "run_at": some})
        copy(Entry, {"chain": pattern.instance.chain}, count, {"chain": chain})

    def costs(self, runs: int) -> dict[str, float]:
        """Median microseconds of each thing people and workers do; `search` is the mean of its kinds."""
        self._open = self._some_open(4 * runs)
        found = {
            "step": _median(self._step, runs),
            "inbox": _median(self._inbox, runs),
            "due_timers": _median(self._due_timers, max(3, runs // TIMERS_AT_ONCE)) / TIMERS_AT_ONCE,
            "due_timers.none_due": _median(self._no_timers, runs),
        }
        kinds = {f"search.{kind}": _median(self._search(kind), max(5, runs // 4)) for kind in self._searches()}
        found["search"] = statistics.mean(kinds.values())
        return found | kinds

    def _some_open(self, count: int) -> list[int]:
        """Open items of cases, anywhere in the table."""
        last = Instance.unscoped.aggregate(last=Max("id"))["last"]
        drawn = self.draw.sample(range(1, last + 1), min(20 * count, last))
        rows = WorkItem.unscoped.filter(instance_id__in=drawn[:20_000], status="open", form_key__gt="")
        found = list(rows.filter(role="advisor", assignee__isnull=True).values_list("pk", flat=True)[:count])
        self.draw.shuffle(found)
        return found

    def _step(self) -> None:
        self.turn += 1
        form = QueryDict(mutable=True)
        form.update({key: str(value) for key, value in answers(self.turn).items()})
        complete_task(self._open.pop(), form, {}, actor=self.world.actor, once_key=f"{ROUTES}{self.turn}")

    def _inbox(self) -> None:
        page = inbox(self.world.actor, limit=50)
        inbox(self.world.actor, limit=50, after=page[-1].cursor)

    def _due_timers(self) -> None:
        due = Job.objects.filter(dead_at__isnull=True).order_by("run_at").values_list("run_at", flat=True)
        with clock.frozen(due[TIMERS_AT_ONCE - 1]):
            jobs.run_due(limit=TIMERS_AT_ONCE, handlers=_TIMERS)

    def _no_timers(self) -> None:
        with clock.frozen(self.begun):
            jobs.run_due(handlers=_TIMERS)

    def _search(self, kind: str) -> Callable[[], None]:
        def look() -> None:
            search_instances(self._searches()[kind], site_id=self.world.site.pk)

        return look

    def _searches(self) -> Mapping[str, InstanceSearch]:
        """What people look for, with drawn numbers."""
        anything = self.draw.randrange(1, self.size)
        return {
            "newest": InstanceSearch(),
            "number": InstanceSearch(number=anything),
            "subject": InstanceSearch(subject_kind="case", subjects=[anything // 2]),
            "process_and_status": InstanceSearch(process=ROUTES, status="running"),
            "day": InstanceSearch(until=self.begun + timedelta(seconds=anything)),
            "node": InstanceSearch(node_id="hold"),
            "person": InstanceSearch(person_id=self.world.actor.user_id),
            "incident": InstanceSearch(status="stuck"),
            "variable": InstanceSearch(process=ROUTES, variable="turn", value="1"),
        }


_TIMERS = {TIMER: jobs.timer_handler(Surroundings())}


def _pattern(instance_id: int, share: int) -> Pattern:
    row = Instance.unscoped.get(pk=instance_id)
    return Pattern(row, Case._base_manager.filter(pk=row.subject_id).first() if row.subject_kind else None, share)


def copy(model: type[models.Model], which: Mapping[str, Any], count: int, changed: Mapping[str, str]) -> None:
    """Copy the rows `which` `count` times by one statement; `changed`: columns as SQL over `m` (the row) and `n`."""
    names = [str(one.column) for one in model._meta.concrete_fields if one.column != "id" or "id" in changed]
    values = [changed.get(name, f"m.{name}") for name in names]
    where = " AND ".join(f"m.{name} = %s" for name in which)
    sql = (
        f"INSERT INTO {model._meta.db_table} ({', '.join(names)}) SELECT {', '.join(values)} "
        f"FROM {model._meta.db_table} m CROSS JOIN {_numbers(count)} WHERE {where}"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql.replace("%s", "\0").replace("%", "%%").replace("\0", "%s"), list(which.values()))
        if "id" in changed:
            for statement in connection.ops.sequence_reset_sql(no_style(), [model]):
                cursor.execute(statement)


def _numbers(count: int) -> str:
    if connection.vendor == "postgresql":
        return f"generate_series(1, {count}) AS numbers(n)"
    return f"(WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < {count}) SELECT n FROM r)"


def _later(moment: datetime, seconds: str) -> str:
    """SQL for a moment so many seconds later."""
    if connection.vendor == "postgresql":
        return f"timestamptz '{moment.isoformat()}' + ({seconds}) * interval '1 second'"
    return f"strftime('%Y-%m-%d %H:%M:%f', '{moment:%Y-%m-%d %H:%M:%S}', ({seconds}) || ' seconds')"


def _settle() -> None:
    """What a database does by itself in quiet hours, now, so that it does not do it while we measure."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            for statement in ("VACUUM ANALYZE", "CHECKPOINT"):
                cursor.execute(statement)
        else:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _median(act: Callable[[], None], runs: int) -> float:
    """Median microseconds of `act`, after a tenth more runs to warm up."""
    return statistics.median(list(_timed(act, runs + runs // 10))[runs // 10 :])


def _timed(act: Callable[[], None], runs: int) -> Iterator[float]:
    for _ in range(runs):
        began = time.perf_counter()
        act()
        yield 1e6 * (time.perf_counter() - began)


if __name__ == "__main__":
    sys.exit(main())
