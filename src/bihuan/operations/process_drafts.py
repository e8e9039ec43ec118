"""A new version of a process from a file: checked and compared with the version in force, then published."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import transaction

from bihuan.engine.definition import DefinitionError, Model, Node, Process, parse_bpmn
from bihuan.engine.runtime.migration.plan import MigrationPlan, plan_migration
from bihuan.kernel.errors import BusinessError, Conflict, NotFound
from bihuan.operations.references import installed, missing_at, missing_for_copy
from bihuan.org.actor import Actor
from bihuan.processes.auto_starts import problems_of_start, start_events
from bihuan.processes.comparing import Differences, compare_all
from bihuan.processes.compiled import compiled_model, process_of
from bihuan.processes.handling.allowing import problems_of
from bihuan.processes.models import Definition, Version
from bihuan.processes.publishing import as_text, publish
from bihuan.processes.reviewing import Remark, as_remarks
from bihuan.processes.rhythm import problems_of_rhythm

MAX_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Draft:
    """A file that is to become the next version: why it cannot yet (`problems`), what to look at all the same
    (`remarks`), and what it does differently. `based_on` is the version it was compared with."""

    definition: Definition
    based_on: int
    name: str = ""
    text: str = ""
    problems: tuple[Remark, ...] = ()
    remarks: tuple[Remark, ...] = ()
    differences: Differences | None = None


def check_draft(key: str, content: bytes, *, actor: Actor) -> Draft:
    """What publishing this file as a process would mean. Needs `process.manage`."""
    definition = draft_of(key, actor=actor).definition
    current = _current(definition)
    if len(content) > MAX_BYTES:
        raise BusinessError(f"文件超过 {MAX_BYTES // 1_000_000} MB", "file")
    try:
        model = parse_bpmn(content, source=f"{key}.bpmn")
    except DefinitionError as refused:
        problems, remarks = as_remarks(refused.problems), as_remarks(refused.advice)
        return Draft(definition, current.number, problems=problems, remarks=remarks)
    process = model.processes.get(key, model.main)
    differences = compare_all(_plans(current, model, process))
    problems = (*as_remarks(problems_of_rhythm(model), model), *_missing(model, process))
    return Draft(
        definition,
        current.number,
        name=current.name if process.name == process.id else process.name,
        text="" if problems else as_text(content),
        problems=problems,
        remarks=as_remarks(model.advice, model),
        differences=differences,
    )


@transaction.atomic
def publish_draft(key: str, text: str, *, expected: int, actor: Actor) -> Version:
    """Put a checked file in force: new instances begin on it, what runs goes on as it began. Needs `process.manage`.

    Conflict when somebody else published since it was compared.
    """
    # Of two people who compared with the same version, the second is to be told.
    Definition.objects.select_for_update().filter(key=key).first()
    # A browser sends every line of a form with another end than the file had.
    draft = check_draft(key, text.replace("\r\n", "\n").encode(), actor=actor)
    if draft.based_on != expected:
        raise Conflict("这个流程刚刚被同事换过版本，请重新选择文件核对")
    if draft.problems:
        raise BusinessError(f"{draft.problems[0].label}：{draft.problems[0].reason}", "file")
    return publish(draft.text, key, name=draft.name, actor=actor)


def draft_of(key: str, *, actor: Actor) -> Draft:
    """The process to be published anew, before there is a file."""
    actor.require("process.manage")
    definition = Definition.objects.select_related("current").filter(key=key, current__isnull=False).first()
    if definition is None:
        raise NotFound("没有这个流程")
    return Draft(definition, _current(definition).number)


def _current(definition: Definition) -> Version:
    assert definition.current is not None
    return definition.current


def _plans(current: Version, model: Model, main: Process) -> Iterator[MigrationPlan]:
    """How the processes of the version in force and those of the file fit each other: the main ones, and those drawn
    beside them under the same id."""
    yield plan_migration(process_of(current), main)
    for process_id, old in compiled_model(current).processes.items():
        if process_id != current.process_id and process_id in model.processes:
            yield plan_migration(old, model.processes[process_id])


def _missing(model: Model, main: Process) -> Iterator[Remark]:
    """What the steps of the file name that is not installed, and why it could not begin by itself."""
    known = installed()
    for process in model.processes.values():
        holders: list[Process | Node] = [process, *process.nodes.values()]
        for holder in holders:
            label = holder.name or holder.id
            for reason in problems_of(holder.extension):
                yield Remark(label, holder.line, reason)
            for copy in holder.copies:
                for reason in missing_for_copy(copy, known):
                    yield Remark(label, copy.line, reason)
        for node in process.nodes.values():
            for reason in missing_at(node, process, known):
                yield Remark(node.label, node.line, reason)
    for event in start_events(model, main):
        for reason in problems_of_start(event):
            yield Remark(event.node.label, event.node.line, reason)
