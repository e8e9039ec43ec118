"""Who takes part: each makes one durable step at a time, going round its instances."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime
from typing import Any, Protocol

import psycopg
from django.db import connection
from django.http import QueryDict

from bench.models import answers
from bench.world import RECORDS, ROUTES, World, aged_items, complete
from bihuan.audit.models import Entry
from bihuan.operations.work import complete_task
from bihuan.processes.models import Instance, WorkItem


class Contender(Protocol):
    """A way to make a step. `name` is the key in the report."""

    name: str

    def prepare(self, count: int, age: int) -> None:
        """Have `count` fresh instances that have made `age` steps."""

    def step(self, number: int) -> None:
        """One step of instance `number`, committed durably."""

    def state_bytes(self) -> int:
        """How large the saved state of an instance is."""


def size_of_state(item: int) -> int:
    """The bytes of the state of an item's instance."""
    state: str = WorkItem.unscoped.values_list("instance__state", flat=True).get(pk=item)
    return len(state.encode())


class UseCase:
    """The whole use case as a screen calls it: permission, form, process, clocks, audit; and a sheet with `records`."""

    def __init__(self, world: World, *, records: bool) -> None:
        self.world = world
        self.turn = 0
        self.key = RECORDS if records else ROUTES
        self.name = "use_case_with_records" if records else "use_case"

    def prepare(self, count: int, age: int) -> None:
        self.items = aged_items(self.world, count, age, self.key)
        self.sent = [self._submission(turn) for turn in range(3 * count)]

    def _submission(self, turn: int) -> QueryDict:
        """What the web framework has read from the request before the use case begins."""
        form = QueryDict(mutable=True)
        form.update({key: str(value) for key, value in answers(turn).items()})
        return form

    def state_bytes(self) -> int:
        return size_of_state(self.items[0])

    def step(self, number: int) -> None:
        self.turn += 1
        form = self.sent[self.turn % len(self.sent)]
        done = complete_task(self.items[number], form, {}, actor=self.world.actor, once_key=f"{self.key}{self.turn}")
        self.items[number] = done.opened[0]


class Store:
    """Engine and store: load, step, and write instance, items and the audit entry."""

    name = "store"

    def __init__(self, world: World) -> None:
        self.world = world
        self.turn = 0

    def prepare(self, count: int, age: int) -> None:
        self.items = aged_items(self.world, count, age)

    def state_bytes(self) -> int:
        return size_of_state(self.items[0])

    def step(self, number: int) -> None:
        self.turn += 1
        self.items[number] = complete(self.items[number], self.turn, self.world.actor).opened[0].id


_UPDATE = (
    "UPDATE processes_instance SET state = %s, status = 'running', lock_version = lock_version + 1 "
    "WHERE id = %s AND lock_version = %s"
)
_DONE = (
    "UPDATE processes_workitem SET status = 'done', completed_at = %s, completed_by_id = %s "
    "WHERE id = %s AND status = 'open'"
)
_OPEN = (
    "INSERT INTO processes_workitem (site_id, instance_id, wait, node_id, name, title, role, shared, why, status, "
    "form_key, limit_key, script_key, button, local, opened_at, sort_at, once_key) VALUES (%s, %s, %s, 'work', '干活', "
    "'', 'advisor', false, '', 'open', 'bench_route', '', '', '下一步', '', %s, %s, '') RETURNING id"
)
_LOG = (
    "INSERT INTO audit_entry (chain, seq, at, actor_id, action, site_id, data, prev_hash, hash) "
    "VALUES (%s, %s, %s, %s, 'process.step', %s, %s, %s, %s)"
)


class Floor:
    """Four raw statements of the driver and a commit, into the same tables with the same amount of data."""

    name = "floor"

    def __init__(self, world: World) -> None:
        self.world = world
        self.raw = raw_connection()

    def prepare(self, count: int, age: int) -> None:
        # Raw statements do not know how old an instance is.
        items = aged_items(self.world, count, min(age, 5))
        rows = WorkItem.unscoped.select_related("instance").in_bulk(items)
        self.rows = [self._row(rows[item].instance, item) for item in items]

    def _row(self, instance: Instance, item: int) -> dict[str, Any]:
        last = Entry.objects.filter(chain=instance.chain).latest("seq")
        return {
            "id": instance.pk, "lock": instance.lock_version, "item": item, "chain": instance.chain, "seq": last.seq,
            "state": instance.state, "hash": last.hash, "wait": 1_000_000,
            "data": json.dumps(last.data, ensure_ascii=False, separators=(",", ":")),
        }  # fmt: skip

    def state_bytes(self) -> int:
        return len(self.rows[0]["state"].encode())

    def step(self, number: int) -> None:
        row, raw = self.rows[number], self.raw
        site, user = self.world.site.pk, self.world.actor.user_id
        now: Any = datetime.now(UTC)
        if isinstance(raw, sqlite3.Connection):
            now = str(now.replace(tzinfo=None))
        raw.begin()
        raw.run(_UPDATE, (row["state"], row["id"], row["lock"]))
        raw.run(_DONE, (now, user, row["item"]))
        row["wait"] += 1
        row["item"] = raw.run(_OPEN, (site, row["id"], row["wait"], now, now)).fetchone()[0]
        row["seq"] += 1
        entry = (row["chain"], row["seq"], now, user, site, row["data"], row["hash"], row["hash"])
        raw.run(_LOG, entry)
        raw.commit()
        row["lock"] += 1


class OneTrip(Floor):
    """The same four in one statement of PostgreSQL: one round trip instead of four, the least that is possible."""

    name = "floor_one_trip"
    SQL = f"WITH i AS ({_UPDATE}), d AS ({_DONE}), o AS ({_OPEN}), l AS ({_LOG}) SELECT id FROM o"

    def step(self, number: int) -> None:
        row, raw = self.rows[number], self.raw
        site, user, now = self.world.site.pk, self.world.actor.user_id, datetime.now(UTC)
        row["wait"] += 1
        row["seq"] += 1
        values = (
            row["state"], row["id"], row["lock"], now, user, row["item"], site, row["id"], row["wait"], now, now,
            row["chain"], row["seq"], now, user, site, row["data"], row["hash"], row["hash"],
        )  # fmt: skip
        raw.begin()
        row["item"] = raw.run(self.SQL, values).fetchone()[0]
        raw.commit()
        row["lock"] += 1


class RawSqlite(sqlite3.Connection):
    """The driver itself, with the settings of the product's connection."""

    def begin(self) -> None:
        self.execute("BEGIN IMMEDIATE")

    def run(self, sql: str, params: tuple[Any, ...]) -> sqlite3.Cursor:
        return self.execute(sql.replace("%s", "?"), params)


class RawPostgres:
    """The driver itself: statements prepared by the server."""

    def __init__(self, parameters: dict[str, Any]) -> None:
        self.connection = psycopg.connect(**parameters, autocommit=False, prepare_threshold=5)
        self.commit = self.connection.commit

    def begin(self) -> None:
        """The driver begins by itself."""

    def run(self, sql: str, params: tuple[Any, ...]) -> psycopg.Cursor[Any]:
        return self.connection.execute(sql, params, prepare=True)


def raw_connection() -> Any:
    """A connection of the bare driver to the same database."""
    if connection.vendor == "sqlite":
        raw = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None, factory=RawSqlite)
        for pragma in connection.settings_dict["OPTIONS"]["init_command"].split(";"):
            raw.execute(pragma)
        return raw
    names = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    settings = connection.settings_dict
    return RawPostgres({driver: settings[ours] for ours, driver in names.items() if settings.get(ours)})
