"""Instances that a message or signal begins: at a start event, an instantiating receive task or event-based gateway.

A message that somebody waits for begins nothing. Otherwise it begins the process that was drawn for it in the sender's
own file (another pool); if there is none, each published process in force that begins with it. A signal begins all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bihuan.engine.runtime import Start
from bihuan.processes.compiled import compiled_model, process_of
from bihuan.processes.contract import Begun, Subject
from bihuan.processes.families import insert_instance
from bihuan.processes.models import Beginning, Version
from bihuan.processes.rows import Loaded
from bihuan.processes.triggers import Trigger, trigger_for
from bihuan.processes.unit import Unit


def begin_by(
    unit: Unit, kind: str, name: str, payload: Mapping[str, Any], *, site_id: int, sender: Loaded | None = None
) -> list[int]:
    """Begin at a site what the message or signal begins; answers the new instances, about the `sender`'s subject."""
    if unit.is_runaway:
        return []
    found = [] if sender is None else list(_drawn_beside(sender, kind, name))
    if not found or kind == "signal":
        found += list(_published(kind, name, {version.sha256 for version, _ in found}))
    begun: list[int] = []
    for version, trigger in found:
        instance = insert_about(unit, version, process_id=trigger.process_id, site_id=site_id, like=sender)
        unit.follow(instance, Start(dict(payload), trigger.node_id, trigger.part))
        if sender is None or version.pk != sender.version_id:
            begin_pools(unit, instance, version)
        begun.append(instance.id)
    return begun


def insert_about(unit: Unit, version: Version, *, process_id: str, site_id: int, like: Loaded | None = None) -> Loaded:
    """A new instance in the case of another, else about a record opened for it, else about nothing."""
    facts = like.facts if like is not None else None
    subject = Subject(facts.subject_kind, facts.subject_id or 0, facts.title) if facts and facts.subject_kind else None
    if facts is None and unit.around.open_subject is not None:
        process = compiled_model(version).processes[process_id]
        subject = unit.around.open_subject(Begun(version.definition.key, version.name, process, site_id, unit.actor))
    return unit.take(
        insert_instance(
            version,
            process_id=process_id,
            site_id=site_id,
            subject_kind=subject.kind if subject else "",
            subject_id=subject.id if subject else None,
            title=subject.title if subject else (facts.title if facts else ""),
            chain=facts.chain if facts else "",
            at=unit.now,
            started_by_id=unit.actor.user_id,
        )
    )


def begin_pools(unit: Unit, main: Loaded, version: Version) -> None:
    """The main process of a file has begun: so do the other pools that begin by themselves, each about the same subject
    and without data, like in the rehearsal."""
    model = compiled_model(version)
    if len(model.processes) == 1 or main.facts.process_id != model.main.id:
        return
    for process in model.pools[1:]:
        pool = insert_about(unit, version, process_id=process.id, site_id=main.facts.site_id, like=main)
        unit.follow(pool, Start())
        unit.settle()


def _drawn_beside(sender: Loaded, kind: str, name: str) -> Iterator[tuple[Version, Trigger]]:
    version = Version.objects.get(pk=sender.version_id)
    for process in compiled_model(version).processes.values():
        trigger = trigger_for(process, kind, name)
        if trigger is not None and process.id != sender.facts.process_id:
            yield version, trigger


def _published(kind: str, name: str, drawn: set[str]) -> Iterator[tuple[Version, Trigger]]:
    """`drawn`: the file in which the sender's own pools were found; whatever was published from it has begun there."""
    rows = Beginning.objects.filter(kind=kind, name=name[:120]).select_related("definition__current")
    if drawn:
        rows = rows.exclude(definition__versions__sha256__in=drawn)
    seen: set[tuple[str, str]] = set()
    for row in rows.order_by("definition_id", "id"):
        version = row.definition.current
        # One file may be published under several keys; each of its processes begins once.
        if version is None or version.stopped_at or (version.sha256, version.process_id) in seen:
            continue
        seen.add((version.sha256, version.process_id))
        trigger = trigger_for(process_of(version), kind, name)
        if trigger is not None:
            yield version, trigger
