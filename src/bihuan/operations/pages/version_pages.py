"""Versions of a process on screen: what runs on each, moving it to another, holding it, and what came of that."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count

from bihuan.engine.runtime import compatible_nodes
from bihuan.engine.runtime.migration.plan import KINDS, name_of
from bihuan.kernel.errors import BusinessError, NotFound
from bihuan.operations.sweeps import MIGRATE, ask_migration, find_migration, held_instances, resume_held, stop_and_hold
from bihuan.org.actor import Actor
from bihuan.processes.comparing import Differences, compare, compare_all
from bihuan.processes.migrating import (
    LIVE,
    Migration,
    Preview,
    Seen,
    preview_migration,
)
from bihuan.processes.models import Definition, Instance, Sweep, SweepRow, Version, labelled
from bihuan.processes.publishing import stop_version
from bihuan.processes.reviewing import Remark, remarks_on
from bihuan.processes.sweeping import Counts, counts_of
from bihuan.records.exporting import export_xlsx

SHOWN = 100
"""Rows of a list of instances on screen; the export has all."""
RECENT = 10
ELSEWHERE = "其他门店的事项"


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A version with how many instances run on it, stand still, and stand still because it was held."""

    version: Version
    running: int
    suspended: int
    held: int

    @property
    def live(self) -> int:
        return self.running + self.suspended


@dataclass(frozen=True, slots=True)
class VersionsPage:
    """The versions of a process, newest first, and the newest sweeps over what runs on them."""

    definition: Definition
    rows: list[VersionRow]
    sweeps: list[tuple[Sweep, Counts]]


@dataclass(frozen=True, slots=True)
class Place:
    """A node without a place in the target: how many instances stand there, and what may take its place."""

    node_id: str
    name: str
    kind: str
    standing: int
    options: list[tuple[str, str]]
    chosen: str


@dataclass(slots=True)
class MigrationPage:
    """The way from versions to another: what is different, what has no place, and what would happen to whom."""

    definition: Definition
    rows: list[VersionRow]
    sources: list[int]
    target: int
    differences: Differences | None = None
    drawn: tuple[tuple[int, str], ...] = ()
    """The versions whose diagrams show the differences: their numbers and the marks on each, as JSON."""
    places: list[Place] = field(default_factory=list)
    preview: Preview | None = None
    blocked: list[tuple[str, list[Seen]]] = field(default_factory=list)
    remarks: tuple[Remark, ...] = ()
    """What to look at in the file of the target."""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class SweepPage:
    """How far a sweep is, and what came of it; first what was refused."""

    sweep: Sweep
    counts: Counts
    versions: list[int]
    rows: list[SweepRow]


def versions_page(key: str, *, actor: Actor) -> VersionsPage:
    """The versions of a process and what runs on them."""
    actor.require("process.view")
    definition = _definition(key)
    sweeps = definition.sweeps.select_related("asked_by", "target").order_by("-pk")[:RECENT]
    return VersionsPage(definition, _rows(definition), [(sweep, counts_of(sweep)) for sweep in sweeps])


def change_version(version_id: int, *, how: str, reason: str, actor: Actor) -> Sweep | None:
    """Stop a version and let what runs go on (`stop`) or hold it (`hold`); let it begin again (`go_on`); let what was
    held go on (`resume`)."""
    if how == "resume":
        return resume_held(version_id, reason=reason, actor=actor)
    if how == "hold":
        return stop_and_hold(version_id, reason=reason, actor=actor)
    actor.require("process.manage")
    if how not in ("stop", "go_on"):
        raise BusinessError("没有这个操作")
    stop_version(version_id, stopped=how == "stop", reason=reason, actor=actor)
    return None


def migration_page(
    key: str, sources: Iterable[int], target: int, mapping: Mapping[str, str], *, actor: Actor
) -> MigrationPage:
    """What moving would do. Without sources it is about every version but the target on which something runs."""
    actor.require(MIGRATE)
    definition = _definition(key)
    rows = _rows(definition)
    target = target or (definition.current.number if definition.current is not None else 0)
    chosen = sorted(set(sources)) or [row.version.number for row in rows if row.live and row.version.number != target]
    shown = MigrationPage(definition, rows, chosen, target)
    if not chosen:
        return shown
    try:
        suggested = _suggestions(find_migration(key, chosen, target, {}))
        migration = find_migration(key, chosen, target, {**suggested, **mapping})
    except BusinessError as refusal:
        shown.problem = refusal.message
        return shown
    shown.remarks = remarks_on(migration.target)
    newest = max(migration.sources.values(), key=lambda version: version.number)
    shown.differences = compare_all(
        migration.plan(version.pk, process.id) for version, process in migration.processes() if version == newest
    )
    drawn = compare(migration.plan(newest.pk, newest.process_id))
    if not drawn.is_none:
        before, after = _marks(drawn)
        shown.drawn = ((newest.number, json.dumps(before)), (target, json.dumps(after)))
    shown.preview = preview_migration(migration)
    shown.places = _places(migration, shown.preview)
    grouped: dict[str, list[Seen]] = defaultdict(list)
    for one in shown.preview.blocked:
        grouped["；".join(one.reasons)].append(one)
    shown.blocked = sorted(grouped.items(), key=lambda group: -len(group[1]))
    return shown


def start_migration(
    key: str, sources: Iterable[int], target: int, mapping: Mapping[str, str], *, reason: str, actor: Actor
) -> Sweep:
    """Have it done."""
    actor.require(MIGRATE)
    return ask_migration(find_migration(key, sources, target, mapping), reason=reason, actor=actor)


def sweep_page(sweep_id: int, *, actor: Actor) -> SweepPage:
    """How far a sweep is and what came of it."""
    sweep = _sweep(sweep_id, actor)
    rows = sweep.rows.select_related("instance", "instance__site")
    refused = rows.filter(outcome=SweepRow.Outcome.REFUSED).order_by("pk")[:SHOWN]
    return SweepPage(sweep, counts_of(sweep), _numbers(sweep), list(refused))


def sweep_workbook(sweep_id: int, *, actor: Actor) -> bytes:
    """Every instance of a sweep with what came of it."""
    sweep = _sweep(sweep_id, actor)
    rows = sweep.rows.select_related("instance", "instance__site", "instance__version").order_by("outcome", "pk")
    lines = (
        (row.instance_id, row.instance.site.name, title_for(row.instance, actor), row.instance.version.number,
         row.get_outcome_display(), row.reason, row.at)
        for row in rows.iterator(chunk_size=500)
    )  # fmt: skip
    headings = ("编号", "门店", "事项", "现在的版本", "结果", "原因", "时间")
    return export_xlsx(headings, lines, title=sweep.get_kind_display())


def title_for(one: Instance | Seen, actor: Actor) -> str:
    """What an instance is about, for those who may look at its site."""
    if not actor.is_system and one.site_id not in actor.site_ids:
        return ELSEWHERE
    return labelled(one.title, [one.called_for])


def _definition(key: str) -> Definition:
    found = Definition.objects.select_related("current").filter(key=key, current__isnull=False).first()
    if found is None:
        raise NotFound("没有这个流程")
    return found


def _sweep(sweep_id: int, actor: Actor) -> Sweep:
    actor.require("process.view")
    rows = Sweep.objects.select_related("definition", "target", "asked_by").defer("target__xml")
    found = rows.filter(pk=sweep_id).first()
    if found is None:
        raise NotFound("没有这次批量处理")
    return found


def _numbers(sweep: Sweep) -> list[int]:
    return list(Version.objects.filter(pk__in=sweep.sources).order_by("number").values_list("number", flat=True))


def _rows(definition: Definition) -> list[VersionRow]:
    versions = list(definition.versions.defer("xml").select_related("published_by", "definition").order_by("-number"))
    live = Instance.unscoped.filter(version__in=versions, status__in=LIVE)
    counts = {
        (version, status): n
        for version, status, n in live.values_list("version_id", "status").annotate(n=Count("pk")).order_by()
    }
    held = held_instances(definition)
    return [
        VersionRow(
            version,
            counts.get((version.pk, Instance.Status.RUNNING), 0),
            counts.get((version.pk, Instance.Status.SUSPENDED), 0),
            len(held.get(version.pk, ())),
        )
        for version in versions
    ]


def _marks(found: Differences) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the diagrams of the older and the newer version show of their differences, node by node, then the flows."""
    before: dict[str, Any] = {one.node: {"state": "removed"} for one in found.removed}
    after: dict[str, Any] = {one.node: {"state": "added"} for one in found.added}
    for one in found.changed:
        mark = {"state": "changed", "note": "、".join(one.what)}
        before[one.was], after[one.node] = mark, mark
    before.update({flow: {"state": "removed"} for flow in found.flows_removed})
    after.update({flow: {"state": "added"} for flow in found.flows_added})
    return before, after


def _suggestions(migration: Migration) -> dict[str, str]:
    """For nodes without a place: the one new node of the same kind and name."""
    found: dict[str, str] = {}
    for version, process in migration.processes():
        plan = migration.plan(version.pk, process.id)
        taken = set(plan.nodes.values())
        for node in process.nodes.values():
            if node.id not in plan.nodes and node.name:
                fit = [one.id for one in compatible_nodes(process, plan.new, node.id) if one.name == node.name]
                free = [one for one in fit if one not in taken]
                if len(free) == 1:
                    found[node.id] = free[0]
    return found


def _places(migration: Migration, preview: Preview) -> list[Place]:
    """Nodes where somebody may stand that have no place by their id, those with most instances first."""
    found: dict[str, Place] = {}
    for version, process in migration.processes():
        plan = migration.plan(version.pk, process.id)
        for node in process.nodes.values():
            standing = preview.standing[node.id]
            if node.id in plan.new.nodes and node.id not in migration.mapping and node.id in plan.nodes:
                continue
            if not standing and not node.name:
                continue
            options = [(one.id, name_of(one)) for one in compatible_nodes(process, plan.new, node.id) if one.name]
            chosen = migration.mapping.get(node.id, "")
            found.setdefault(node.id, Place(node.id, name_of(node), KINDS[node.kind], standing, options, chosen))
    return sorted(found.values(), key=lambda place: -place.standing)
