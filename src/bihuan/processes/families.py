"""Called processes: instances of their own, started, finished and cancelled in the transaction of their caller."""

from __future__ import annotations

from datetime import datetime

from bihuan.engine.runtime import (
    AnswerFromCaller,
    CallClosed,
    CallerForsaken,
    CallOffRework,
    CallRequested,
    CancelInstance,
    EscalateCall,
    EscalationThrown,
    FailCall,
    FinishCall,
    InstanceEnded,
    Rework,
    ReworkOver,
    Start,
    new_state,
)
from bihuan.kernel.errors import Conflict, NotFound
from bihuan.org.models import Site
from bihuan.processes.compiled import compiled_process
from bihuan.processes.contract import InstanceFacts
from bihuan.processes.handling.passed import names_around
from bihuan.processes.models import Instance, Version, WorkItem
from bihuan.processes.publishing import current_version
from bihuan.processes.rows import Loaded, starter_of
from bihuan.processes.unit import Unit

MAX_FOR = 100


def insert_instance(
    version: Version,
    *,
    process_id: str,
    site_id: int,
    subject_kind: str,
    subject_id: int | None,
    title: str,
    at: datetime,
    started_by_id: int | None,
    chain: str = "",
    parent: Loaded | None = None,
    parent_wait: int | None = None,
    called_for: str = "",
) -> Loaded:
    """A new row, not yet started, so that everything it opens can name it; in the case whose `chain` is given, its
    caller's, that of its subject, else in one of its own."""
    state = new_state()
    row = Instance.unscoped.create(
        site_id=site_id,
        version=version,
        process_id=process_id,
        subject_kind=subject_kind,
        subject_id=subject_id,
        title=title[:200],
        chain=parent.facts.chain if parent else chain or (f"{subject_kind}:{subject_id}" if subject_kind else ""),
        state=state.to_text(),
        started_at=at,
        started_by_id=started_by_id,
        root_id=(parent.root_id or parent.id) if parent else None,
        parent_id=parent.id if parent else None,
        parent_wait=parent_wait,
        called_for=called_for,
    )
    if not row.chain:
        # Only the database knows the number that names the chain of an instance about nothing in particular.
        row.chain = f"instance:{row.pk}"
        Instance.unscoped.filter(pk=row.pk).update(chain=row.chain)
    return Loaded(
        facts=facts_of(row, parent.facts.timezone if parent else ""),
        lock_version=row.lock_version,
        status=row.status,
        root_id=row.root_id,
        parent_id=row.parent_id,
        parent_wait=parent_wait,
        process=compiled_process(version.pk, version.sha256, process_id),
        state=state,
        last=None,
    )


def facts_of(instance: Instance, timezone: str = "") -> InstanceFacts:
    """What is known of an instance; the zone is that of its site if it is not given."""
    zone = timezone or Site.objects.values_list("timezone", flat=True).get(pk=instance.site_id)
    return InstanceFacts(
        id=instance.pk,
        site_id=instance.site_id,
        version_id=instance.version_id,
        sha256=instance.version.sha256,
        process_id=instance.process_id,
        subject_kind=instance.subject_kind,
        subject_id=instance.subject_id,
        chain=instance.chain,
        title=instance.title,
        timezone=zone,
        is_called=instance.parent_id is not None,
    )


def call_process(unit: Unit, instance: Loaded, event: CallRequested) -> None:
    """Start the called process once the events of this step are all applied."""
    unit.later(lambda: _call(unit, instance, event))


def _call(unit: Unit, caller: Loaded, event: CallRequested) -> None:
    if event.wait not in caller.state.waits:
        return
    instead = unit.instead.pop((caller.id, event.node), None)
    if instead is not None:
        instead(event)
        return
    if unit.is_runaway:
        unit.follow(caller, FailCall(event.wait, "流程在一次处理中步数过多，可能在互相调用"))
        return
    try:
        version, process_id = _called(caller, event.called)
    except (NotFound, Conflict) as missing:
        unit.follow(caller, FailCall(event.wait, missing.message))
        return
    child = unit.take(
        insert_instance(
            version,
            process_id=process_id,
            site_id=caller.facts.site_id,
            subject_kind=caller.facts.subject_kind,
            subject_id=caller.facts.subject_id,
            title=caller.facts.title,
            at=unit.now,
            started_by_id=starter_of(caller),
            parent=caller,
            parent_wait=event.wait,
            called_for=_for_which(caller, event),
        )
    )
    unit.follow(child, Start(event.variables))


def _for_which(caller: Loaded, event: CallRequested) -> str:
    """Of a process that is called for each of many: which one, after which of many its caller is for."""
    own = names_around(caller.process, caller.state, event.token)
    if not own or caller.parent_id is None:
        return "、".join(own)[:MAX_FOR]
    outer = Instance.unscoped.values_list("called_for", flat=True).get(pk=caller.id)
    return "、".join(filter(None, [outer, *own]))[:MAX_FOR]


def _called(caller: Loaded, name: str) -> tuple[Version, str]:
    """A process of the same file goes before a published one of that key: it was drawn together with its caller."""
    own = Version.objects.get(pk=caller.version_id)
    if name != caller.facts.process_id:
        try:
            compiled_process(own.pk, own.sha256, name)
        except KeyError:
            version = current_version(name)
            return version, version.process_id
    return own, name


def tell_caller(unit: Unit, instance: Loaded, event: InstanceEnded) -> None:
    """A called process has ended: its caller goes on, or learns of the failure."""
    if instance.parent_id is None:
        return
    parent_id, wait, values = instance.parent_id, instance.parent_wait or 0, dict(instance.state.variables)

    def finish() -> None:
        caller = unit.hold(parent_id)
        if wait not in caller.state.waits:
            return
        if event.outcome in ("completed", "terminated"):
            unit.follow(caller, FinishCall(wait, values))
        else:
            reason = event.reason or f"被调用的流程“{instance.process.name or instance.process.id}”没有正常结束"
            unit.follow(caller, FailCall(wait, reason, error=event.code or None, variables=values))

    unit.later(finish)


def escalate_to_caller(unit: Unit, instance: Loaded, event: EscalationThrown) -> None:
    """An escalation that nobody in the called process took goes to its caller."""
    if event.caught_by or instance.parent_id is None:
        return
    parent_id, wait, values = instance.parent_id, instance.parent_wait or 0, dict(instance.state.variables)

    def escalate() -> None:
        caller = unit.hold(parent_id)
        if wait in caller.state.waits:
            unit.follow(caller, EscalateCall(wait, event.code, values))

    unit.later(escalate)


def cancel_called(unit: Unit, instance: Loaded, event: CallClosed) -> None:
    """A call that is cancelled takes the called process with it."""
    if event.outcome != "cancelled":
        return

    def cancel() -> None:
        running = Instance.unscoped.filter(
            parent_id=instance.id, parent_wait=event.wait, ended_at__isnull=True
        ).values_list("pk", flat=True)
        for child_id in running:
            child = unit.hold(child_id)
            if child.state.status in ("running", "suspended"):
                unit.follow(child, CancelInstance("上级流程已不再需要"))

    unit.later(cancel)


def find_rework(unit: Unit, instance: Loaded, item_id: int) -> tuple[Loaded, Rework] | None:
    """The step that a calling process redoes for an item of this one, if it still does."""
    caller = instance
    while caller.parent_id is not None:
        caller = unit.hold(caller.parent_id)
        for rework in caller.state.reworks.values():
            if rework.behind == item_id:
                return caller, rework
    return None


def return_to_called(unit: Unit, instance: Loaded, event: ReworkOver) -> None:
    """A step redone for an item of a called process is done, or need not be: that item is its holder's turn again."""

    def go_on() -> None:
        instance_id, wait = WorkItem.unscoped.values_list("instance_id", "wait").get(pk=event.behind)
        called = unit.hold(instance_id)
        if wait in called.state.awaiting:
            unit.follow(called, AnswerFromCaller(wait))

    unit.later(go_on)


def forsake_caller(unit: Unit, instance: Loaded, event: CallerForsaken) -> None:
    """The item is gone for which a calling process redoes a step: it need not."""

    def call_off() -> None:
        item_id = WorkItem.unscoped.values_list("pk", flat=True).get(instance_id=instance.id, wait=event.wait)
        found = find_rework(unit, instance, item_id)
        if found is not None:
            caller, rework = found
            unit.follow(caller, CallOffRework(rework.wait, item_id))

    unit.later(call_off)
