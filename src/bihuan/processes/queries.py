"""Inboxes and open work: what is there to do, for whom, by when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from bihuan.kernel.sql import moment, stored_moment
from bihuan.org.actor import Actor
from bihuan.processes.models import WorkItem, labelled

MOST_BRANCHES = 60
_COLUMNS = (
    "w.id, w.instance_id, w.site_id, w.node_id, w.name, w.title, w.role, w.assignee_id, w.form_key, w.limit_key, "
    "w.button, w.opened_at, w.due_at, w.warn_at, w.sort_at"
)
_FROM = f"SELECT {_COLUMNS} FROM processes_workitem w WHERE w.status = 'open' AND "
_AFTER = " AND (w.sort_at, w.id) > (%s, %s)"
_ORDER = " ORDER BY w.sort_at, w.id LIMIT %s"


@dataclass(frozen=True, slots=True)
class InboxItem:
    """One line of an inbox: the open item with the case its instance is about."""

    id: int
    instance_id: int
    site_id: int
    node_id: str
    name: str
    title: str
    role: str
    assignee_id: int | None
    form_key: str
    limit_key: str
    button: str
    opened_at: datetime
    due_at: datetime | None
    warn_at: datetime | None
    sort_at: datetime
    subject_kind: str
    subject_id: int | None
    called_for: str

    @property
    def label(self) -> str:
        """Its name, and for which of many its process was called."""
        return labelled(self.name, [self.called_for])

    @property
    def cursor(self) -> tuple[datetime, int]:
        """Where the next page begins."""
        return self.sort_at, self.id

    def is_late(self, now: datetime) -> bool:
        return self.due_at is not None and self.due_at < now


def inbox(
    actor: Actor,
    *,
    sites: Iterable[int] | None = None,
    after: tuple[datetime, int] | None = None,
    limit: int = 50,
    mine_only: bool = False,
) -> list[InboxItem]:
    """The work an actor may complete, most urgent first: their own, that of the people they act for, offered work.

    `sites` narrows to some of the actor's sites; `after` is the `cursor` of the last line of the page before.
    """
    wanted = None if sites is None else frozenset(sites)
    sites = sorted(site for site in actor.roles_by_site if wanted is None or site in wanted)
    branches: list[tuple[str, list[Any]]] = []
    if actor.user_id is not None and sites:
        marks = ", ".join(["%s"] * len(sites))
        branches.append((f"w.assignee_id = %s AND w.site_id IN ({marks})", [actor.user_id, *sites]))
    branches.extend(_of_principals(actor, sites))
    if not mine_only:
        branches.extend(_offered({site: actor.offered_roles_at(site) for site in sites}))
        branches.extend(_offered_by_name(actor, sites))
    return _top(branches, after, limit)


_NAMED = "EXISTS (SELECT 1 FROM processes_offer o WHERE o.item_id = w.id AND o.user_id = %s)"
_OF_PROCESS = "EXISTS (SELECT 1 FROM processes_instance p WHERE p.id = w.instance_id AND p.process_id = %s)"
_HAS_ROLE = "(',' || w.role || ',') LIKE %s"


def _offered_by_name(actor: Actor, sites: Sequence[int]) -> list[tuple[str, list[Any]]]:
    """Open work offered to the person among others, whatever their roles."""
    if actor.user_id is None or not sites:
        return []
    return [
        (f"{where} AND w.role = '' AND w.assignee_id IS NULL AND {_NAMED}", [*values, actor.user_id])
        for where, values in _at(list(sites), branches=len(sites))
    ]


def _of_principals(actor: Actor, sites: Iterable[int]) -> list[tuple[str, list[Any]]]:
    """The work of the people one acts for: what is theirs, and with a delegation of one process what they may take."""
    branches: list[tuple[str, list[Any]]] = []
    for one in actor.acting_for:
        if one.site_id not in sites:
            continue
        narrow = ([(_HAS_ROLE, f"%,{one.role},%")] if one.role else []) + (
            [(_OF_PROCESS, one.process)] if one.process else []
        )
        also = "".join(f" AND {text}" for text, _ in narrow)
        values = [value for _, value in narrow]
        branches.append((f"w.assignee_id = %s AND w.site_id = %s{also}", [one.user_id, one.site_id, *values]))
        if one.process:
            branches.extend(
                (f"w.site_id = %s AND w.role = %s AND w.assignee_id IS NULL AND {_OF_PROCESS}",
                 [one.site_id, role, one.process])
                for role in sorted(one.roles)
            )  # fmt: skip
    return branches


def _offered(sites: Mapping[int, Iterable[str]]) -> list[tuple[str, list[Any]]]:
    """One branch per site and role, so that each reads only the head of its part of the index.

    Where that would be very many, the sites of the same roles together (all a group's, as a rule): each branch then
    reads all open work of the role there.
    """
    alike: dict[tuple[str, ...], list[int]] = {}
    for site, roles in sorted(sites.items()):
        alike.setdefault(tuple(sorted(roles)), []).append(site)
    count = sum(len(keys) * len(there) for keys, there in alike.items())
    branches: list[tuple[str, list[Any]]] = []
    for keys, there in alike.items():
        several = " OR ".join([_HAS_ROLE] * len(keys))
        for where, values in _at(there, branches=count) if keys else ():
            branches.extend((f"{where} AND w.role = %s AND w.assignee_id IS NULL", [*values, key]) for key in keys)
            shared = [*values, *(f"%,{key},%" for key in keys)]
            branches.append((f"w.shared AND {where} AND w.assignee_id IS NULL AND ({several})", shared))
    return branches


def _at(sites: Sequence[int], *, branches: int) -> list[tuple[str, list[Any]]]:
    """The sites one by one, or together where that would come to too many branches."""
    if branches <= MOST_BRANCHES:
        return [("w.site_id = %s", [site]) for site in sites]
    return [(f"w.site_id IN ({', '.join(['%s'] * len(sites))})", list(sites))]


def _top(branches: list[tuple[str, list[Any]]], after: tuple[datetime, int] | None, limit: int) -> list[InboxItem]:
    if not branches or limit <= 0:
        return []
    page = "" if after is None else _AFTER
    position = [] if after is None else [moment(after[0]), after[1]]
    parts = [f"SELECT * FROM ({_FROM}{where}{page}{_ORDER}) AS b{n}" for n, (where, _) in enumerate(branches)]
    values = [value for _, params in branches for value in (*params, *position, limit)]
    sql = (
        f"SELECT w.*, i.subject_kind, i.subject_id, i.called_for FROM ({' UNION ALL '.join(parts)}) AS w "
        "JOIN processes_instance i ON i.id = w.instance_id" + _ORDER
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [*values, limit])
        return [_inbox_item(row) for row in cursor.fetchall()]


def _inbox_item(row: tuple[Any, ...]) -> InboxItem:
    return InboxItem(*row[:11], *(stored_moment(value) for value in row[11:15]), *row[15:])


_PLACES = """
WITH RECURSIVE place(site_id, role) AS (
  SELECT s.id, (SELECT min(w.role) FROM processes_workitem w
                WHERE w.status = 'open' AND w.site_id = s.id AND w.role > '') FROM org_site s
  UNION ALL
  SELECT p.site_id, (SELECT min(w.role) FROM processes_workitem w
                     WHERE w.status = 'open' AND w.site_id = p.site_id AND w.role > p.role)
  FROM place p WHERE p.role IS NOT NULL
) SELECT site_id, role FROM place WHERE role IS NOT NULL"""


def places_with_work() -> set[tuple[int, str]]:
    """At which sites there is open work for which roles: one look into the index for each, however much work it is."""
    with connection.cursor() as cursor:
        cursor.execute(_PLACES)
        return set(cursor.fetchall())


def open_items(instance_id: int) -> list[WorkItem]:
    """The open items of an instance in the order in which they arose."""
    rows = WorkItem.unscoped.filter(instance_id=instance_id, status=WorkItem.Status.OPEN)
    return list(rows.select_related("assignee").order_by("id"))


def open_items_of_subject(subject_kind: str, subject_id: int) -> list[WorkItem]:
    """The open items of everything that runs on a case."""
    rows = WorkItem.unscoped.filter(
        instance__subject_kind=subject_kind, instance__subject_id=subject_id, status=WorkItem.Status.OPEN
    )
    return list(rows.select_related("assignee", "instance").order_by("sort_at", "id"))
