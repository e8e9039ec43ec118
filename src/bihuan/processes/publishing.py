"""Publishing a process: from a BPMN file to an immutable, numbered version."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import Max

from bihuan.audit.log import record
from bihuan.engine.definition import DefinitionError, Model, Problem, Process, parse_bpmn
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, Conflict, NotFound
from bihuan.org.actor import Actor
from bihuan.processes.auto_starts import follow_version, require_startable_by_itself
from bihuan.processes.compiled import compiled_model
from bihuan.processes.models import Definition, Version
from bihuan.processes.rhythm import problems_of_rhythm
from bihuan.processes.triggers import note_beginnings
from bihuan.processes.version_limits import limits_for, limits_in_force

_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_ENCODING = re.compile(rb"""^[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")


class RefusedDefinitionError(BusinessError):
    """The file cannot be published; `problems` lists every reason with file, line and element."""

    def __init__(self, key: str, problems: tuple[Problem, ...]) -> None:
        shown = "；".join(str(problem) for problem in problems[:20])
        super().__init__(f"流程“{key}”有 {len(problems)} 处问题，未发布：{shown}")
        self.problems = problems


@transaction.atomic
def publish(
    xml: str | bytes,
    key: str,
    *,
    process_id: str | None = None,
    name: str | None = None,
    source: str = "",
    source_pack: str = "",
    actor: Actor | None = None,
) -> Version:
    """Publish a BPMN file as the version in force of the process `key`, with the time limits it goes by; answers it.

    The same content published again answers the version it already is (and puts it in force). `process_id` picks one
    process of the file, else the one named like the key, else the main one. RefusedDefinitionError tells all problems;
    BusinessError why it could not begin by itself as it says.
    """
    try:
        model = parse_bpmn(xml, source=source or f"{key}.bpmn")
    except DefinitionError as refused:
        raise RefusedDefinitionError(key, refused.problems) from None
    too_often = tuple(problems_of_rhythm(model))
    if too_often:
        raise RefusedDefinitionError(key, too_often)
    process = _chosen(model, key, process_id)
    require_startable_by_itself(model, process)
    return _put_in_force(as_text(xml), key, model, process, name=name, source_pack=source_pack, actor=actor)


def _put_in_force(
    text: str, key: str, model: Model, process: Process, *, name: str | None, source_pack: str, actor: Actor | None
) -> Version:
    limits = limits_for(model, limits_in_force())
    digest = _digest(text, limits)
    label = name or process.name or key
    Definition.objects.get_or_create(key=key, defaults={"name": label})
    # Numbers are given out one at a time per definition; publishing is rare.
    definition = Definition.objects.select_for_update().get(key=key)
    version = definition.versions.filter(sha256=digest).first()
    if version is not None and definition.current_id == version.pk:
        note_beginnings(definition, model, process)
        follow_version(definition.pk)
        return version
    if version is None:
        newest = definition.versions.aggregate(newest=Max("number"))["newest"] or 0
        version = Version.objects.create(
            definition=definition,
            number=newest + 1,
            name=label,
            process_id=process.id,
            xml=text,
            limits=limits,
            sha256=digest,
            source_pack=source_pack,
            published_at=clock.now(),
            published_by_id=actor.user_id if actor else None,
        )
    Definition.objects.filter(pk=definition.pk).update(current=version, name=version.name)
    note_beginnings(definition, model, process)
    follow_version(definition.pk)
    record(
        actor_id=actor.user_id if actor else None,
        action="process.publish",
        chain=f"process:{key}",
        data={"number": version.number, "sha256": digest, "source_pack": source_pack},
    )
    return version


@transaction.atomic
def renew_limits(*, actor: Actor | None = None) -> list[Version]:
    """After a change of the rule book: each process in force whose limits it changed gets a new version; answers those.

    Running instances stay on theirs, so that new clocks of old work take the rules it began under. A stopped process
    stays stopped.
    """
    in_force, renewed = limits_in_force(), []
    for old in Version.objects.filter(pk__in=Definition.objects.values("current")).select_related("definition"):
        if _digest(old.xml, limits_for(compiled_model(old), in_force)) == old.sha256:
            continue
        # Without being checked again: rules may have grown since it was published.
        model, source_pack = compiled_model(old), old.source_pack
        process = model.processes[old.process_id]
        new = _put_in_force(
            old.xml, old.definition.key, model, process, name=old.name, source_pack=source_pack, actor=actor
        )
        if new.stopped_at != old.stopped_at:
            Version.objects.filter(pk=new.pk).update(stopped_at=old.stopped_at)
            follow_version(old.definition_id)
        renewed.append(new)
    return renewed


def current_version(key: str) -> Version:
    """The version in force of a process. Raises NotFound when none is published, Conflict while it is stopped."""
    definition = Definition.objects.select_related("current").filter(key=key).first()
    if definition is None or definition.current is None:
        raise NotFound(f"没有发布过流程“{key}”")
    require_startable(definition.current)
    return definition.current


def require_startable(version: Version) -> None:
    """Refuse to begin instances of a version that is stopped."""
    if version.stopped_at is not None:
        raise Conflict(f"流程“{version.name}”第 {version.number} 版已停用，不能发起新的；进行中的照常办理")


@transaction.atomic
def stop_version(version_id: int, *, stopped: bool, reason: str, actor: Actor) -> Version:
    """Stop a version: nothing begins on it any more, what runs goes on; or let it begin again. The reason is kept."""
    version = Version.objects.select_for_update().select_related("definition").filter(pk=version_id).first()
    if version is None:
        raise NotFound("没有这个版本")
    words = reason.strip()
    if not words or len(words) > 200:
        raise BusinessError("请填写原因，最多 200 字", field="reason")
    if (version.stopped_at is not None) == stopped:
        raise Conflict("这个版本已经停用" if stopped else "这个版本没有停用")
    version.stopped_at = clock.now() if stopped else None
    version.save(update_fields=["stopped_at"])
    follow_version(version.definition_id)
    record(
        actor_id=actor.user_id,
        action="process.stop" if stopped else "process.go_on",
        chain=f"process:{version.definition.key}",
        data={"number": version.number, "reason": words},
    )
    return version


def _digest(xml: str, limits: Mapping[str, Any]) -> str:
    content = xml + json.dumps(limits, ensure_ascii=False, sort_keys=True) if limits else xml
    return hashlib.sha256(content.encode()).hexdigest()


def _chosen(model: Model, key: str, process_id: str | None) -> Process:
    if process_id is None:
        return model.processes.get(key, model.main)
    if process_id not in model.processes:
        raise BusinessError(f"文件中没有流程“{process_id}”")
    return model.processes[process_id]


def as_text(xml: str | bytes) -> str:
    """A file as the text that is stored."""
    if isinstance(xml, str):
        text = xml
    else:
        declared = _ENCODING.match(xml)
        if declared is None and xml[:2] in (b"\xff\xfe", b"\xfe\xff"):
            text = xml.decode("utf-16")
        else:
            text = xml.decode(declared.group(1).decode("ascii") if declared else "utf-8-sig")
    # The text is stored without its encoding: a declaration of another one would make it unreadable.
    return _DECLARATION.sub("", text.removeprefix("\ufeff"), count=1).lstrip()
