"""What takes long to build is built once in a process: later tests get the same rows put into their tables.

    centre_ids = remembered("centre", build)      # build() fills the database and answers plain values

What is remembered is which rows `build` added, changed and removed. That is done again only where the database stands
as it stood then (the log tells, with the numbers of its rows); anywhere else `build` runs. Rows keep their numbers:
where some were put back with theirs and others with the next free ones, the two would meet sooner or later.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime, time
from functools import cache
from typing import Any, TypeVar

from django.apps import apps
from django.db import connection, models, transaction

from bihuan.kernel import clock

T = TypeVar("T")
Row = tuple[Any, ...]


@dataclass(frozen=True)
class Change:
    """What became different in a table; of what is gone only the keys."""

    added: list[Row]
    changed: list[Row]
    removed: list[Row]


@dataclass(frozen=True)
class Table:
    """A table as it lies in the database, its key first."""

    name: str
    columns: tuple[str, ...]

    def rows(self) -> dict[Any, Row]:
        with connection.cursor() as cursor:
            cursor.execute(f'SELECT {self._names()} FROM "{self.name}"')
            # SQLite gives times of day and does not take them.
            return {row[0]: tuple(str(v) if isinstance(v, time) else v for v in row) for row in cursor.fetchall()}

    def put_back(self, change: Change) -> None:
        key = self.columns[0]
        marks = ", ".join(["%s"] * len(self.columns))
        settings = ", ".join(f'"{column}" = %s' for column in self.columns[1:])
        with connection.cursor() as cursor:
            if change.added:
                cursor.executemany(f'INSERT INTO "{self.name}" ({self._names()}) VALUES ({marks})', change.added)
            if change.changed:
                rows = [(*row[1:], row[0]) for row in change.changed]
                cursor.executemany(f'UPDATE "{self.name}" SET {settings} WHERE "{key}" = %s', rows)
            if change.removed:
                cursor.executemany(f'DELETE FROM "{self.name}" WHERE "{key}" = %s', change.removed)

    def _names(self) -> str:
        return ", ".join(f'"{column}"' for column in self.columns)


Changes = dict[Table, Change]


@dataclass(frozen=True)
class Built:
    """What `build` answered, the moment at which it left the clock, and what it did to the tables."""

    answer: Any
    at: datetime
    changes: Changes


_built: dict[tuple[Hashable, ...], Built] = {}


def remembered(key: Hashable, build: Callable[[], T]) -> T:
    """What `build` answers, with its rows in the database and the clock where it leaves it."""
    place = (key, *_where_we_stand())
    found = _built.get(place)
    if found is None:
        answer, changes = watched(build)
        _built[place] = Built(answer, clock.now(), changes)
        return answer
    put_back(found.changes)
    clock.move(found.at)
    answered: T = found.answer
    return answered


def watched(build: Callable[[], T]) -> tuple[T, Changes]:
    """What `build` answers, and what it does to the tables."""
    before = {table: table.rows() for table in _tables()}
    return build(), _differences(before)


def put_back(changes: Changes) -> None:
    """Do to the tables once more what was watched."""
    with transaction.atomic():
        for table, change in changes.items():
            table.put_back(change)


def _where_we_stand() -> tuple[Hashable, ...]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, hash FROM audit_entry ORDER BY id")
        return tuple(cursor.fetchall()), clock.now()


def _differences(before: dict[Table, dict[Any, Row]]) -> Changes:
    found = {}
    for table, old in before.items():
        new = table.rows()
        if new != old:
            found[table] = Change(
                added=[row for key, row in new.items() if key not in old],
                changed=[row for key, row in new.items() if key in old and row != old[key]],
                removed=[(key,) for key in old if key not in new],
            )
    return found


@cache
def _tables() -> tuple[Table, ...]:
    return tuple(Table(model._meta.db_table, _columns(model)) for model in apps.get_models(include_auto_created=True))


def _columns(model: type[models.Model]) -> tuple[str, ...]:
    key = model._meta.pk.column
    return key, *(field.column for field in model._meta.concrete_fields if field.column != key)
