"""A service centre of any size: a few real instances are made by the product and copied inside the database.

One statement a table. What makes a big installation slow is unevenness: one site of twenty has half of everything, one
person has completed a third of it and holds many items, some words stand in every title and some in few.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.core.management.color import no_style
from django.db import connection, models, transaction
from django.db.models import Max

from bench.models import waiting_model
from bench.world import World, aged_items
from bihuan.accounts.models import User
from bihuan.audit.models import Entry
from bihuan.kernel import clock
from bihuan.org.models import Site
from bihuan.processes import engine_store
from bihuan.processes.models import Incident, Instance, Job, WorkItem
from bihuan.records.models import Case, Customer, Vehicle

WAITS = "bench_wait"
# Of four instances two have ended, one waits for a person and one for a timer as well.
AGE = 2
ROLES = 8
SITES, PEOPLE = 19, 30
DAY = 86_400
BLOCK = 100_000
OFTEN, SELDOM = "保养", "异响"


@dataclass(slots=True)
class Pattern:
    """An instance made by the product, to be copied with everything that belongs to it; `case` is its case, if any."""

    instance: Instance
    case: Case | None
    share: int


@dataclass
class Town:
    """The centre, with the first of its further sites and people (the others follow by number)."""

    world: World
    begun: datetime = field(default_factory=lambda: clock.now() - timedelta(days=365))
    size: int = 0

    def __post_init__(self) -> None:
        self.sites = [Site.objects.create(code=f"B{n}", name=f"第 {n} 分店").pk for n in range(SITES)]
        self.people = [User.objects.create_user(f"person{n}", name=f"员工{n}").pk for n in range(PEOPLE)]
        self.patterns = self._patterns()

    def _patterns(self) -> list[Pattern]:
        actor, site = self.world.actor, self.world.site
        engine_store.publish(waiting_model(WAITS), WAITS)
        items = aged_items(self.world, 2, AGE)
        done = {"turn": 2_000_000_000, "note": "完", "outcome": "ok"}
        engine_store.complete_item(items[1], done, actor=actor)
        rows = WorkItem.unscoped.select_related("instance").in_bulk(items)
        waits = engine_store.start_instance(WAITS, site_id=site.pk, actor=actor)
        self.customer = Customer.objects.create(name="王一", phone="13000000000", created_at=self.begun)
        self.vehicle = Vehicle.objects.create(customer=self.customer, plate="云A00000", brand="远山", model_name="S3")
        Incident.unscoped.create(
            site=site,
            instance_id=waits.instance_id,
            number=1,
            node_id="hold",
            reason="接口没有应答",
            raised_at=self.begun,
        )
        return [
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
        number = f"{_last(Case)} + n"
        instance = f"{_last(Instance)} + n"
        site = f"CASE WHEN ({instance}) % 2 = 0 THEN {self.world.site.pk} ELSE {_one_of(self.sites, instance)} END"
        person = (
            f"CASE WHEN ({instance}) % 3 = 0 THEN {self.world.actor.user_id} ELSE {_one_of(self.people, instance)} END"
        )
        title = f"CASE WHEN ({instance}) % 1000 = 4 THEN '{SELDOM}' ELSE '{OFTEN}' END || ' ' || ({instance})"
        began = _later(self.begun, instance)
        chain = f"'case:' || ({number})" if pattern.case else f"'instance:' || ({instance})"
        changed = {"id": instance, "chain": chain, "started_at": began, "started_by_id": person, "site_id": site,
                   "title": title}  # fmt: skip
        if pattern.instance.ended_at:
            changed["ended_at"] = began
        if pattern.case:
            opened = {"site_id": site, "title": title, "opened_at": began, "arrived_at": began}
            over = {"status": "'closed'", "closed_at": began, "released_at": began, "stamp": "'blue'"}
            self._copy_cases(pattern.case, count, opened | (over if pattern.instance.ended_at else {}), number)
            changed["subject_id"] = number
        copy(Instance, {"id": pattern.instance.pk}, count, changed)
        self._copy_rows(pattern, count, {"instance_id": instance, "site_id": site}, instance, person)
        copy(Entry, {"chain": pattern.instance.chain}, count, {"chain": chain, "at": began, "site_id": site})

    def _copy_cases(self, case: Case, count: int, changed: Mapping[str, str], number: str) -> None:
        """Cases, with a customer of three cases and one car; every fourth belongs to nobody."""
        customer, vehicle = f"{_last(Customer)} + n", f"{_last(Vehicle)} + n"
        few = max(1, count // 4)
        copy(Customer, {"id": self.customer.pk}, few, {
            "id": customer, "phone": f"CAST(13000000000 + {customer} AS varchar)",
            "phone_mirrored": f"CAST(10000000000 + CAST({customer} AS bigint) * 48271 % 99999999999 AS varchar)",
            "name": f"'王' || ({customer})",
        })  # fmt: skip
        copy(Vehicle, {"id": self.vehicle.pk}, few, {
            "id": vehicle, "customer_id": customer, "plate": f"'云A' || (10000 + {vehicle})",
            "plate_key": f"'云A' || (10000 + {vehicle})", "plate_mirrored": f"(10000 + {vehicle}) || 'A云'",
        })  # fmt: skip
        mine = "CASE WHEN n % 4 = 0 THEN NULL ELSE {} END"
        copy(Case, {"id": case.pk}, count, {
            **changed, "id": number, "number": f"'B-' || ({number})",
            "customer_id": mine.format(f"{_last(Customer)} - n % {few}"),
            "vehicle_id": mine.format(f"{_last(Vehicle)} - n % {few}"),
            "advisor_id": _one_of([self.world.actor.user_id or 0, *self.people[:7]], number),
        })  # fmt: skip

    def _copy_rows(self, pattern: Pattern, count: int, changed: Mapping[str, str], instance: str, person: str) -> None:
        own = {"instance_id": pattern.instance.pk}
        some = _later(clock.now(), f"CAST({instance} AS bigint) * 48271 % {30 * DAY}")
        role = f"CASE WHEN ({instance}) % {ROLES} = 0 THEN 'advisor' ELSE 'role' || (({instance}) % {ROLES}) END"
        mine = f"CASE WHEN ({instance}) % 400 = 2 AND m.status = 'open' THEN {self.world.actor.user_id} ELSE NULL END"
        began = _later(self.begun, instance)
        copy(WorkItem, own, count, {
            **changed, "sort_at": some, "due_at": some, "role": role, "assignee_id": mine,
            "completed_by_id": f"CASE WHEN m.status = 'done' THEN {person} ELSE NULL END",
            "completed_at": f"CASE WHEN m.status = 'done' THEN {began} ELSE NULL END",
        })  # fmt: skip
        copy(Job, own, count, {**changed, "due_at": some, "run_at": some})
        copy(Incident, own, count, {**changed, "raised_at": began}, f"({instance}) % 50 = 2")


def _pattern(instance_id: int, share: int) -> Pattern:
    row = Instance.unscoped.get(pk=instance_id)
    return Pattern(row, Case._base_manager.filter(pk=row.subject_id).first() if row.subject_kind else None, share)


def _last(model: type[models.Model]) -> int:
    return int(model._base_manager.aggregate(last=Max("id"))["last"] or 0)


def _one_of(numbers: list[int], instance: str) -> str:
    """SQL for one of these, which follow each other."""
    return f"({numbers[0]} + ({instance}) % {len(numbers)})"


def copy(
    model: type[models.Model], which: Mapping[str, Any], count: int, changed: Mapping[str, str], only: str = "1 = 1"
) -> None:
    """Copy the rows `which` `count` times by one statement; `changed`: columns as SQL over `m` (the row) and `n`."""
    names = [str(one.column) for one in model._meta.concrete_fields if one.column != "id" or "id" in changed]
    values = [changed.get(name, f"m.{name}") for name in names]
    where = " AND ".join(f"m.{name} = %s" for name in which)
    sql = (
        f"INSERT INTO {model._meta.db_table} ({', '.join(names)}) SELECT {', '.join(values)} "
        f"FROM {model._meta.db_table} m CROSS JOIN {_numbers(count)} WHERE {where} AND {only}"
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
