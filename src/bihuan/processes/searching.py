"""Finding instances among a million: by process, version, state, node, person, subject, number, moment, variable, text.

Whatever is asked, a page costs about the same: what an index can find it finds (at most `CANDIDATES` of each kind),
and what only reading can find (values of variables, words of a title or of what is wrong) is looked for in `SCANNED`
rows a page, newest first; the cursor then says how far the search has come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db import connection

from bihuan.engine.runtime import State
from bihuan.engine.runtime.writing import written
from bihuan.kernel.sql import moment, stored_moment
from bihuan.processes.models import Instance, Version

CANDIDATES = 300
SCANNED = 2000
STUCK = "stuck"

Cursor = tuple[datetime, int]
"""The beginning and number of an instance: the next page holds older ones."""


@dataclass(frozen=True, slots=True)
class InstanceSearch:
    """What is looked for at one site; empty fields do not matter. All that is given must hold.

    `status` is one of an instance or `stuck` (something waits for a retry); `node_id` where it stands; `person_id` who
    began it, did some of it or holds some of it; `subjects` what it is about; `incident` words of what is wrong.
    """

    process: str = ""
    version: int | None = None
    status: str = ""
    node_id: str = ""
    person_id: int | None = None
    subject_kind: str = ""
    subjects: Sequence[int] | None = None
    number: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    incident: str = ""
    title: str = ""
    variable: str = ""
    value: str = ""

    @property
    def reads_rows(self) -> bool:
        """Whether rows have to be read and looked into."""
        return bool(self.title or self.variable)


@dataclass(slots=True)
class Found:
    """A page of instances, newest first. `next` begins the next page, None at the end; `scanned_to` says how far a
    search that reads rows has come if it stopped before its page was full; `cut` that more fit than were looked at."""

    rows: list[Instance] = field(default_factory=list)
    next: Cursor | None = None
    scanned_to: datetime | None = None
    cut: bool = False


def search_instances(query: InstanceSearch, *, site_id: int, after: Cursor | None = None, limit: int = 50) -> Found:
    """One page of what fits at the site."""
    if query.reads_rows:
        found = _scan(query, site_id, after, limit)
    else:
        heads = _heads(query, site_id, after, limit + 1)
        more = heads[limit - 1] if len(heads) > limit else None
        found = Found(_loaded([number for _, number in heads[:limit]]), next=more)
    found.cut = found.next is None and _is_cut(query, site_id)
    return found


def _is_cut(query: InstanceSearch, site_id: int) -> bool:
    """Whether there are more candidates than were looked at."""
    if query.incident and _there_are(SCANNED, f"SELECT id FROM processes_incident WHERE {_OPEN_INCIDENT}", [site_id]):
        return True
    return any(_there_are(CANDIDATES, *part) for part in _candidates(query, site_id))


def _there_are(many: int, sql: str, values: list[Any]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM (SELECT id FROM ({sql}) AS every LIMIT {many}) AS c", values)
        return bool(cursor.fetchone()[0] >= many)


def _scan(query: InstanceSearch, site_id: int, after: Cursor | None, limit: int) -> Found:
    """Read up to `SCANNED` rows in their order and keep those that hold what is looked for."""
    fits, kept, position = _looking_for(query), list[int](), after
    heads = _heads(query, site_id, after, SCANNED + 1)
    for part in range(0, min(len(heads), SCANNED), 500):
        block = heads[part : part + 500]
        rows = Instance.unscoped.filter(pk__in=[number for _, number in block]).values_list("pk", "title", "state")
        found = {number: fits(title, state) for number, title, state in rows}
        for head in block:
            position = head
            if found.get(head[1]):
                kept.append(head[1])
                if len(kept) == limit:
                    return Found(_loaded(kept), next=position if head != heads[-1] else None)
    if len(heads) <= SCANNED or position is None:
        return Found(_loaded(kept))
    return Found(_loaded(kept), next=position, scanned_to=position[0])


def _looking_for(query: InstanceSearch) -> Callable[[str, str], bool]:
    name = f'"{query.variable}"'

    def fits(title: str, state: str) -> bool:
        if query.title and query.title.casefold() not in title.casefold():
            return False
        if not query.variable:
            return True
        # A quick look at the text before the state is read in full.
        return name in state and any(_equal(value, query.value) for value in _values(state, query.variable))

    return fits


def _values(state: str, name: str) -> Iterator[Any]:
    for scope in State.from_json(state).scopes.values():
        if name in scope.variables:
            yield scope.variables[name]


def _equal(value: Any, wanted: str) -> bool:
    """Texts fit when they contain what is looked for, numbers when they are equal, others as FEEL writes them."""
    if not wanted:
        return True
    if isinstance(value, str):
        return wanted.casefold() in value.casefold()
    if isinstance(value, bool):
        return wanted in (("true", "是") if value else ("false", "否"))
    if isinstance(value, (int, Decimal)):
        try:
            return value == Decimal(wanted)
        except InvalidOperation:
            return False
    return wanted in written(value)


def _loaded(numbers: list[int]) -> list[Instance]:
    rows = Instance.unscoped.select_related("version__definition", "started_by").defer("version__xml", "state")
    found = rows.in_bulk(numbers)
    return [found[number] for number in numbers if number in found]


_Part = tuple[str, list[Any]]
"""Some SQL and its values."""


def _heads(query: InstanceSearch, site_id: int, after: Cursor | None, limit: int) -> list[Cursor]:
    """Beginning and number of the instances that fit as far as indexes tell, newest first."""
    sets = list(_candidates(query, site_id))
    where, values = _range(query, site_id, after)
    if sets:
        first, *others = sets
        parts = [(f"i.id IN ({sql})", params) for sql, params in others]
        parts += [_one_of("i.version_id", _versions(query))] if query.process else []
        parts += [("i.status = %s", [query.status])] if query.status in Instance.Status.values else []
        conditions = " AND ".join([where, *(sql for sql, _ in parts)])
        sql = (
            f"WITH c AS MATERIALIZED ({first[0]}) SELECT DISTINCT i.started_at, i.id FROM c {_each()} "
            f"WHERE i.id = c.id AND {conditions} {_ORDER} LIMIT %s"
        )
        params = [*first[1], *values, *(value for _, more in parts for value in more), limit]
        return _read(sql, params)
    branches = [(f"{where} AND {more}", [*values, *extra]) for more, extra in _branches(query)]
    selects = [
        f"SELECT * FROM (SELECT i.started_at, i.id FROM processes_instance i WHERE {sql} {_ORDER} LIMIT %s) AS b{n}"
        for n, (sql, _) in enumerate(branches)
    ]
    if not selects:
        return []
    sql = f"SELECT i.started_at, i.id FROM ({' UNION ALL '.join(selects)}) AS i {_ORDER} LIMIT %s"
    return _read(sql, [*(value for _, params in branches for value in (*params, limit)), limit])


_ORDER = "ORDER BY i.started_at DESC, i.id DESC"


def _each() -> str:
    """Candidates first and their rows one by one, whatever the planner thinks: there are few of them."""
    if connection.vendor == "sqlite":
        return "CROSS JOIN processes_instance i"
    columns = "id, site_id, version_id, status, started_at"
    return f"CROSS JOIN LATERAL (SELECT {columns} FROM processes_instance x WHERE x.id = c.id OFFSET 0) i"


def _range(query: InstanceSearch, site_id: int, after: Cursor | None) -> _Part:
    parts: list[_Part] = [("i.site_id = %s", [site_id])]
    if query.since is not None:
        parts.append(("i.started_at >= %s", [moment(query.since)]))
    if query.until is not None:
        parts.append(("i.started_at < %s", [moment(query.until)]))
    if after is not None:
        parts.append(("(i.started_at, i.id) < (%s, %s)", [moment(after[0]), after[1]]))
    return " AND ".join(sql for sql, _ in parts), [value for _, values in parts for value in values]


def _branches(query: InstanceSearch) -> list[_Part]:
    """One branch for each status (and version), so that each reads only the head of its part of an index."""
    statuses = [query.status] if query.status in Instance.Status.values else list(Instance.Status.values)
    if not query.process:
        return [("i.status = %s", [status]) for status in statuses]
    return [
        ("i.version_id = %s AND i.status = %s", [version, status])
        for version in _versions(query)
        for status in statuses
    ]


def _versions(query: InstanceSearch) -> list[int]:
    rows = Version.objects.filter(definition__key=query.process)
    if query.version is not None:
        rows = rows.filter(number=query.version)
    return list(rows.order_by("-number").values_list("pk", flat=True)[:100])


def _candidates(query: InstanceSearch, site_id: int) -> Iterator[_Part]:
    """The sets of instances that an index can name, each of at most `CANDIDATES`, the surest first."""
    if query.number is not None:
        yield "SELECT id FROM processes_instance WHERE id = %s", [query.number]
    if query.subjects is not None:
        sql, values = _one_of("subject_id", list(query.subjects))
        yield _newest("processes_instance", "id", f"subject_kind = %s AND {sql}", "id", [query.subject_kind, *values])
    if query.status == STUCK or query.incident:
        yield _stuck(query.incident, site_id)
    if query.node_id:
        yield _standing_at(query.node_id, site_id)
    if query.person_id is not None:
        yield _had_part(query.person_id)


_OPEN_INCIDENT = "site_id = %s AND resolved_at IS NULL"


def _stuck(words: str, site_id: int) -> _Part:
    """The newest open incidents of the site, or those of the newest `SCANNED` that say these words."""
    if not words:
        return _newest("processes_incident", "instance_id", _OPEN_INCIDENT, "raised_at", [site_id])
    among = f"SELECT * FROM processes_incident WHERE {_OPEN_INCIDENT} ORDER BY raised_at DESC LIMIT {SCANNED}"
    return _newest(
        f"({among})", "instance_id", "reason LIKE %s ESCAPE '!'", "raised_at", [site_id, f"%{_like(words)}%"]
    )


def _standing_at(node_id: str, site_id: int) -> _Part:
    where = "site_id = %s AND node_id = %s"
    tables = (
        ("processes_workitem", f"{where} AND status = 'open'"),
        ("processes_subscription", where),
        ("processes_incident", f"{where} AND resolved_at IS NULL"),
        ("processes_job", f"{where} AND kind = 'timer'"),
    )
    return _any_of([_newest(table, "instance_id", sql, "id", [site_id, node_id]) for table, sql in tables])


def _had_part(person_id: int) -> _Part:
    return _any_of(
        [
            _newest(
                "processes_workitem", "instance_id", "assignee_id = %s AND status = 'open'", "sort_at", [person_id]
            ),
            _newest("processes_workitem", "instance_id", "completed_by_id = %s", "completed_at", [person_id]),
            _newest("processes_instance", "id", "started_by_id = %s", "started_at", [person_id]),
        ]
    )


def _newest(table: str, column: str, where: str, order: str, values: list[Any]) -> _Part:
    # The order is that of an index; without `t` it would be that of the column we answer.
    sql = f"SELECT {column} AS id FROM {table} t WHERE {where} ORDER BY t.{order} DESC LIMIT {CANDIDATES}"
    return f"SELECT id FROM ({sql}) AS newest", values


def _any_of(parts: list[_Part]) -> _Part:
    return " UNION ".join(sql for sql, _ in parts), [value for _, values in parts for value in values]


def _one_of(column: str, values: list[int]) -> _Part:
    return (f"{column} IN ({', '.join(['%s'] * len(values))})", list(values)) if values else ("1 = 0", [])


def _like(text: str) -> str:
    """The text for LIKE with `!` as its escape character."""
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


def _read(sql: str, params: list[Any]) -> list[Cursor]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        found = [(stored_moment(row[0]), int(row[1])) for row in cursor.fetchall()]
    return [(started_at, number) for started_at, number in found if started_at is not None]
