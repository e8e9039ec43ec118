"""Moving running instances to another version of their process: what would happen, and doing it, one at a time.

An instance moves in one transaction or not at all; its history goes on in the same chain with one step `Migrate`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.db.models import Case, F, Q, Value, When

from bihuan.engine.definition import Node, Process
from bihuan.engine.runtime import (
    ItemOpened,
    ItemRenewed,
    MappingRefused,
    Migrate,
    MigrationPlan,
    State,
    obstacles,
    plan_migration,
    who_does,
)
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, Conflict
from bihuan.org.actor import Actor
from bihuan.processes.assigning.deciding import decide_again
from bihuan.processes.compiled import compiled_model
from bihuan.processes.contract import OpenedItem, RenewedItem, StepResult, Surroundings
from bihuan.processes.driving import begin
from bihuan.processes.finishing import finish, moments_of
from bihuan.processes.models import NEVER, Incident, Instance, Job, Offer, Subscription, Version, WorkItem
from bihuan.processes.rows import Loaded, hold_instance, transactional
from bihuan.processes.unit import Unit

PREVIEWED = 20_000
"""Instances looked at for one preview."""
APART = "和它一起的上级或下级流程不能迁移"
LIVE = (Instance.Status.RUNNING, Instance.Status.SUSPENDED)


class Migration:
    """From versions of a process to `target`, another of it, by a mapping of nodes (old id to new, "" for nowhere).

    Raises BusinessError, naming the nodes, for a mapping that does not fit. Plans are made once and kept.
    """

    def __init__(self, sources: Iterable[Version], target: Version, mapping: Mapping[str, str]) -> None:
        self.sources = {version.pk: version for version in sources}
        self.target = target
        self.mapping = dict(mapping)
        self._plans: dict[tuple[int, str], MigrationPlan] = {}
        if target.pk in self.sources:
            raise BusinessError("请选另一个版本作为目标", field="target")
        if any(version.definition_id != target.definition_id for version in self.sources.values()):
            raise BusinessError("只能在同一个流程的版本之间迁移", field="target")
        self._check()

    def plan(self, version_id: int, process_id: str) -> MigrationPlan:
        """The plan for instances of one process of a source version. Raises Conflict if the target lacks it."""
        key = version_id, process_id
        if key not in self._plans:
            old = compiled_model(self.sources[version_id]).processes[process_id]
            new = compiled_model(self.target).processes.get(self.process_in_target(version_id, process_id))
            if new is None:
                raise Conflict(f"新版本的文件里没有流程“{old.name or process_id}”")
            mapping = {source: target for source, target in self.mapping.items() if source in old.nodes}
            self._plans[key] = plan_migration(old, new, mapping)
        return self._plans[key]

    def process_in_target(self, version_id: int, process_id: str) -> str:
        """What a process of a source version is called in the target: the main one may have another id."""
        return self.target.process_id if process_id == self.sources[version_id].process_id else process_id

    def process_name(self, version_id: int, process_id: str) -> str:
        """What a process of a source version is called."""
        return compiled_model(self.sources[version_id]).processes[process_id].name or process_id

    def processes(self) -> list[tuple[Version, Process]]:
        """Every process of the source versions that the target has too."""
        model = compiled_model(self.target)
        return [
            (version, process)
            for version in self.sources.values()
            for process in compiled_model(version).processes.values()
            if self.process_in_target(version.pk, process.id) in model.processes
        ]

    def _check(self) -> None:
        known: set[str] = set()
        for version, process in self.processes():
            known.update(process.nodes)
            try:
                self.plan(version.pk, process.id)
            except MappingRefused as refused:
                raise BusinessError(str(refused), field="mapping") from None
        unknown = [source for source in self.mapping if source not in known]
        if unknown:
            raise BusinessError(f"原版本没有环节：{'、'.join(unknown)}", field="mapping")


@dataclass(frozen=True, slots=True)
class Seen:
    """An instance that was looked at, and why it cannot move."""

    instance_id: int
    site_id: int
    title: str
    called_for: str
    """Of a called process its name, and for which of many it was called."""
    version: int
    reasons: tuple[str, ...]


@dataclass(slots=True)
class Preview:
    """How many instances would move, which would not; `unseen` were not looked at, because there are too many.

    `standing` counts the instances that stand at each node of the source versions now.
    """

    movable: int = 0
    blocked: list[Seen] = field(default_factory=list)
    unseen: int = 0
    standing: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        return self.movable + len(self.blocked) + self.unseen


def preview_migration(migration: Migration, *, limit: int = PREVIEWED) -> Preview:
    """What moving every running instance of the source versions would do. Nothing is written."""
    rows = running_instances(migration.sources)
    shown = Preview(unseen=max(0, rows.count() - limit))
    columns = "pk", "site_id", "version_id", "process_id", "title", "called_for", "parent_id", "state"
    families: list[list[Seen]] = []
    family_of: dict[int, list[Seen]] = {}
    for pk, site_id, version_id, process_id, title, called_for, parent_id, text in (
        rows.order_by("pk").values_list(*columns)[:limit].iterator(chunk_size=500)
    ):
        state = State.from_json(text)
        shown.standing.update(state.nodes())
        reasons = reasons_against(migration, version_id, process_id, state)
        number = migration.sources[version_id].number
        if parent_id not in family_of:
            families.append([])
        family_of[pk] = family_of.get(parent_id, families[-1])
        if parent_id is not None:
            called_for = "、".join(filter(None, [migration.process_name(version_id, process_id), called_for]))
        family_of[pk].append(Seen(pk, site_id, title, called_for, number, reasons))
    for family in families:
        if not any(one.reasons for one in family):
            shown.movable += len(family)
            continue
        shown.blocked += [one if one.reasons else replace(one, reasons=(APART,)) for one in family]
    return shown


def moving_together(instance_id: int, migration: Migration) -> list[Instance]:
    """An instance with who called it and what it called, as far as they are to move too, callers first: they were drawn
    together, and move together or not at all. Others that the same caller has called are instances of their own.

    Locks the hierarchy, so that nothing is called meanwhile.
    """
    held = hold_instance(instance_id)
    root = held.root_id or held.id
    families: dict[int, list[Instance]] = {}
    for row in running_instances(migration.sources).filter(Q(pk=root) | Q(root_id=root)).order_by("pk"):
        family = families[row.pk] = families.get(row.parent_id, [])
        family.append(row)
    return families.get(instance_id, [])


def running_instances(version_ids: Iterable[int]) -> Any:
    """The rows of what runs (or stands still) on these versions, called processes included."""
    return Instance.unscoped.filter(version_id__in=list(version_ids), status__in=LIVE)


def reasons_against(migration: Migration, version_id: int, process_id: str, state: State) -> tuple[str, ...]:
    """Why an instance in this state cannot move by itself; none if it can."""
    try:
        plan = migration.plan(version_id, process_id)
    except Conflict as refusal:
        return (refusal.message,)
    return tuple(dict.fromkeys(obstacle.reason for obstacle in obstacles(plan, state)))


@transactional
def migrate_instance(
    instance_id: int, migration: Migration, *, actor: Actor, reason: str, around: Surroundings
) -> StepResult:
    """Move one instance. Raises Conflict with the reasons if it cannot, or has moved or ended meanwhile.

    Open work keeps its number and its draft, and its holder if the new version may give it to them; a limit that is
    another one now counts from when the work was opened.
    """
    instance = hold_instance(instance_id)
    source = migration.sources.get(instance.version_id)
    if source is None:
        raise Conflict("已经不在要迁移的版本上")
    reasons = reasons_against(migration, source.pk, instance.facts.process_id, instance.state)
    if reasons:
        raise Conflict("；".join(reasons))
    plan = migration.plan(source.pk, instance.facts.process_id)
    _rename_rows(instance.id, {old: new for old, new in plan.renamed_nodes().items() if new})
    process_id = migration.process_in_target(source.pk, instance.facts.process_id)
    Instance.unscoped.filter(pk=instance.id).update(version_id=migration.target.pk, process_id=process_id)
    # Read again, it is one of the target with the state it had.
    moved = hold_instance(instance_id)
    unit = begin(actor, clock.now(), around)
    unit.submit(moved, Migrate(plan))
    for event in moved.events:
        if isinstance(event, ItemRenewed):
            old = plan.old.nodes[instance.state.waits[event.wait].node]
            moved.renewed.append(_renew(unit, moved, old, event))
    detail = {"from": source.number, "to": migration.target.number, "reason": reason}
    return finish(unit, moved, command="Migrate", detail=detail)


def _rename_rows(instance_id: int, renamed: Mapping[str, str]) -> None:
    """Rows name the nodes of the version that the instance is on, what was done before included."""
    if not renamed:
        return
    cases = [When(node_id=old, then=Value(new)) for old, new in renamed.items()]
    new_name = Case(*cases, default=F("node_id"))
    for rows in (WorkItem.unscoped, Job.objects, Subscription.unscoped, Incident.unscoped):
        rows.filter(instance_id=instance_id, node_id__in=list(renamed)).update(node_id=new_name)


def _renew(unit: Unit, instance: Loaded, old: Node, event: ItemRenewed) -> RenewedItem:
    """Give the row of an open item what the new version says of its step."""
    row = WorkItem.unscoped.get(instance_id=instance.id, wait=event.wait)
    node = instance.process.nodes[event.node]
    opened = ItemOpened(
        event.wait, event.node, event.token, event.name, event.role, event.assignee, event.form, event.title,
        event.variables,
    )  # fmt: skip
    before = row.limit_key, row.assignee_id
    row.name, row.title = event.name[:200], (event.title or instance.facts.title)[:200]
    row.form_key, row.script_key, row.button = event.form, node.extension.script, node.extension.button
    row.limit_key = node.extension.limit
    offered: tuple[int, ...] = ()
    if who_does(old) != who_does(node):
        offered = _give(unit, instance, row, opened)
    if row.limit_key != before[0]:
        row.due_at, row.warn_at = moments_of(unit, instance, opened, row.limit_key, row.opened_at)
        row.sort_at = row.due_at or NEVER
    row.save(
        update_fields=[
            "name", "title", "form_key", "script_key", "button", "limit_key", "role", "shared", "assignee", "why",
            "unattended_since", "due_at", "warn_at", "sort_at",
        ]
    )  # fmt: skip
    told = OpenedItem(
        row.pk, row.wait, row.node_id, row.name, row.title, row.role, row.assignee_id, row.form_key, row.limit_key,
        row.opened_at, row.due_at, row.warn_at, offered, row.unattended_since is not None,
    )  # fmt: skip
    return RenewedItem(told, before[0], row.assignee_id != before[1] or bool(offered))


def _give(unit: Unit, instance: Loaded, row: WorkItem, opened: ItemOpened) -> tuple[int, ...]:
    """Whose the item is by the new rule; answers the people it is offered to by name."""
    found = instance.decided[opened.wait] = decide_again(unit, instance, opened, row.assignee_id)
    row.role = ",".join(part.strip() for part in found.role.split(",") if part.strip())[:200]
    row.shared, row.assignee_id, row.why = "," in row.role, found.assignee_id, found.why[:300]
    row.unattended_since = unit.now if found.unattended else None
    Offer.objects.filter(item_id=row.pk).delete()
    Offer.objects.bulk_create(Offer(item_id=row.pk, user_id=user) for user in found.offered)
    return found.offered
