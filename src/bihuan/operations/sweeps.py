"""Changing what runs on versions of a process: moving it to another version, holding it, letting it go on (GOV-04).

Each is asked for once, done by the worker instance by instance, and reported instance by instance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Coalesce

from bihuan.accounts.models import User
from bihuan.engine.definition import DefinitionError
from bihuan.engine.runtime import State
from bihuan.kernel.errors import BusinessError, Conflict, NotAllowed, NotFound
from bihuan.limits import clocks
from bihuan.limits.models import Clock, ClockPause
from bihuan.notify.kinds import NoticeKind
from bihuan.notify.notices import About, notify_people
from bihuan.operations.people.ending import resume_process, suspend_process
from bihuan.operations.people.telling import reason_of
from bihuan.operations.registry import under_process
from bihuan.operations.surroundings import CASE, ITEM, surroundings
from bihuan.operations.timing.case_clocks import rename_milestones
from bihuan.org.access import load_actor, system_actor
from bihuan.org.actor import Actor
from bihuan.processes.jobs import Handler, Prepared, TakenJob, enqueue
from bihuan.processes.migrating import APART, Migration, migrate_instance, moving_together, running_instances
from bihuan.processes.models import Definition, Instance, Sweep, SweepRow, Version, WorkItem
from bihuan.processes.publishing import stop_version
from bihuan.processes.rows import BUSY
from bihuan.processes.sweeping import SWEEP, Deed, begin_sweep, counts_of, do_portion, end_sweep, refuse_rest
from bihuan.records.copies import rename_copied_steps

MIGRATE = "process.migrate"


def find_migration(key: str, sources: Iterable[int], target: int, mapping: Mapping[str, str]) -> Migration:
    """The way between versions of a process, by their numbers. Raises BusinessError naming what does not fit."""
    numbers = sorted(set(sources))
    rows = Version.objects.select_related("definition").filter(definition__key=key)
    found = {version.number: version for version in rows.filter(number__in=[*numbers, target])}
    missing = [number for number in [*numbers, target] if number not in found]
    if missing or not numbers:
        raise BusinessError("请选择原版本" if not numbers else f"没有第 {missing[0]} 版", field="sources")
    return Migration([found[number] for number in numbers], found[target], mapping)


@transaction.atomic
def ask_migration(migration: Migration, *, reason: str, actor: Actor) -> Sweep:
    """Have every running instance of the source versions moved to the target. Needs `process.migrate`."""
    actor.require(MIGRATE)
    words = reason_of(reason)
    running = list(running_instances(migration.sources).order_by("pk").values_list("pk", flat=True))
    if not running:
        raise BusinessError("原版本上没有进行中的流程")
    return begin_sweep(
        Sweep.Kind.MIGRATE,
        running,
        sources=list(migration.sources.values()),
        target=migration.target,
        mapping=migration.mapping,
        reason=words,
        actor=actor,
    )


@transaction.atomic
def stop_and_hold(version_id: int, *, reason: str, actor: Actor) -> Sweep | None:
    """Stop a version, if it is not yet, and let what runs on it stand still until it is told to go on.

    None if nothing runs on it. Needs `process.migrate` and `process.manage`.
    """
    actor.require("process.manage")
    actor.require(MIGRATE)
    words = reason_of(reason)
    version = _version(version_id)
    if version.stopped_at is None:
        stop_version(version_id, stopped=True, reason=words, actor=actor)
    running = Instance.unscoped.filter(version=version, status=Instance.Status.RUNNING)
    # What it called itself stands still with it.
    apart = running.exclude(root__version=version).order_by("pk")
    held = list(apart.values_list("pk", flat=True))
    return begin_sweep(Sweep.Kind.HOLD, held, sources=[version], reason=words, actor=actor) if held else None


@transaction.atomic
def resume_held(version_id: int, *, reason: str, actor: Actor) -> Sweep:
    """Let everything go on that was held with a version, wherever it has moved since. Needs `process.migrate`."""
    actor.require(MIGRATE)
    words = reason_of(reason)
    version = _version(version_id)
    held = held_instances(version.definition).get(version.pk, [])
    if not held:
        raise Conflict("这个版本没有暂停着的流程")
    return begin_sweep(Sweep.Kind.RESUME, held, sources=[version], reason=words, actor=actor)


def held_instances(definition: Definition) -> dict[int, list[int]]:
    """Instances that were held and still stand still, by the version they were held with."""
    rows = SweepRow.objects.filter(
        sweep__definition=definition,
        sweep__kind=Sweep.Kind.HOLD,
        outcome=SweepRow.Outcome.DONE,
        instance__status=Instance.Status.SUSPENDED,
    )
    found: dict[int, list[int]] = {}
    for [version_id], instance_id in (
        rows.distinct().order_by("instance_id").values_list("sweep__sources", "instance_id")
    ):
        found.setdefault(version_id, []).append(instance_id)
    return found


def _version(version_id: int) -> Version:
    found = Version.objects.select_related("definition").filter(pk=version_id).first()
    if found is None:
        raise NotFound("没有这个版本")
    return found


def run_sweep(sweep_id: int) -> bool:
    """Do the next portion of a sweep, and end it with the last; answers whether more is waiting."""
    sweep = Sweep.objects.select_related("definition", "target", "asked_by").filter(pk=sweep_id).first()
    if sweep is None or sweep.is_over:
        return False
    try:
        deed = _deed_of(sweep)
    except (BusinessError, DefinitionError) as refusal:
        # What was asked for cannot be read any more: nobody waits for it for ever.
        refuse_rest(sweep, str(refusal))
    else:
        if do_portion(sweep, deed):
            return True
    _finish(sweep)
    return False


@transaction.atomic
def _finish(sweep: Sweep) -> None:
    if end_sweep(sweep):
        _tell_asker(sweep)
        if sweep.kind != Sweep.Kind.MIGRATE:
            _tell_holders(sweep)


def _prepare(job: TakenJob) -> Handler:
    more = run_sweep(job.payload["sweep"])
    return lambda _: None if not more else _go_on(job)


def _go_on(job: TakenJob) -> None:
    enqueue(SWEEP, job.payload)


HANDLER = Prepared(_prepare)


def _deed_of(sweep: Sweep) -> Deed:
    """What is done to one instance, in the name of who asked."""
    actor = system_actor() if sweep.asked_by is None else _as_asked(sweep.asked_by)
    if sweep.kind == Sweep.Kind.MIGRATE:
        assert sweep.target is not None
        sources = Version.objects.select_related("definition").filter(pk__in=sweep.sources)
        return partial(_migrate, Migration(sources, sweep.target, sweep.mapping), actor)
    deed = suspend_process if sweep.kind == Sweep.Kind.HOLD else resume_process
    return partial(_stand, deed, actor, sweep.reason)


def _as_asked(asker: User) -> Actor:
    try:
        return load_actor(asker)
    except NotAllowed:
        # Whoever asked has left meanwhile; what they were allowed to ask for is done all the same.
        return system_actor()


def _migrate(migration: Migration, actor: Actor, row: SweepRow) -> None:
    """Move an instance with its callers and what it called, as far as they are of these versions: all or none."""
    family = moving_together(row.instance_id, migration)
    if row.instance_id not in {one.pk for one in family}:
        if Instance.unscoped.filter(pk=row.instance_id, version=migration.target).exists():
            return  # it went along with another
        raise Conflict("已经结束，或不在要迁移的版本上")
    acting = under_process(actor, row.instance.site_id)
    for one in family:
        try:
            _move(migration, one, row.sweep.reason, acting)
        except Conflict as refusal:
            if one.pk == row.instance_id or refusal.message == BUSY:
                raise
            raise Conflict(f"{APART}：{refusal.message}") from None


def _move(migration: Migration, before: Instance, reason: str, acting: Actor) -> None:
    result = migrate_instance(before.pk, migration, actor=acting, reason=reason, around=surroundings())
    plan = migration.plan(before.version_id, before.process_id)
    rename_copied_steps(before.pk, plan.renamed_nodes())
    if before.subject_kind == CASE and before.subject_id is not None:
        rename_milestones(before.subject_id, plan.renamed_steps())
    since = State.from_json(before.state).suspended_at
    changed = [one.item.id for one in result.renewed if one.item.limit_key != one.old_limit_key]
    if since is not None:
        for held in Clock.unscoped.filter(subject_kind=ITEM, subject_id__in=changed, stopped_at__isnull=True):
            clocks.pause_clock(held.pk, reason="流程挂起", actor=acting, cause=ClockPause.Cause.INSTANCE, since=since)


def _stand(deed: Callable[..., object], actor: Actor, words: str, row: SweepRow) -> None:
    """A called process stands still with the whole hierarchy it belongs to, and goes on with it."""
    root = row.instance.root or row.instance
    called = [] if root == row.instance else list(Instance.unscoped.filter(root=root).values_list("pk", flat=True))
    if row.sweep.rows.filter(instance__in=called, outcome=SweepRow.Outcome.DONE).exists():
        return  # another of them took the hierarchy along
    deed(root, words, actor=under_process(actor, root.site_id))


def _tell_asker(sweep: Sweep) -> None:
    if sweep.asked_by_id is None:
        return
    counts = counts_of(sweep)
    title = f"{sweep.get_kind_display()}：{sweep.definition.name}"
    body = f"完成 {counts.done} 件" + (f"，{counts.refused} 件没有处理，原因见报告" if counts.refused else "")
    about = About(NoticeKind.SYSTEM, key=f"sweep {sweep.pk}")
    notify_people([sweep.asked_by_id], title, body, f"/processes/sweeps/{sweep.pk}", about)


def _tell_holders(sweep: Sweep) -> None:
    """Whoever has open work of these instances is told once how much of it stands still, or goes on."""
    done = sweep.rows.filter(outcome=SweepRow.Outcome.DONE)
    tops = done.annotate(top=Coalesce("instance__root_id", "instance_id")).values("top")
    family = Q(instance_id__in=tops) | Q(instance__root_id__in=tops)
    items = WorkItem.unscoped.filter(family, completed_at__isnull=True, assignee_id__isnull=False)
    held = Counter(items.values_list("assignee_id", flat=True))
    word = "已暂停" if sweep.kind == Sweep.Kind.HOLD else "已恢复"
    about = About(NoticeKind.PEOPLE, key=f"sweep {sweep.pk} work")
    for person, count in sorted(held.items()):
        body = f"您手上 {count} 项工作{word}：{sweep.reason}"
        notify_people([person], f"{word}：{sweep.definition.name}", body, "/", about)
