"""Installing a pack, again or for the first time: new versions beside old ones, local changes kept and reported."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import transaction

from bihuan.audit.log import record
from bihuan.forms.models import FormVersion, TextVersion
from bihuan.forms.publishing import publish_form
from bihuan.forms.texts import newest_text, publish_text
from bihuan.limits.rulebook import parse_calendars
from bihuan.limits.work_calendars import publish_calendar
from bihuan.operations.rules import NOTICE
from bihuan.org.actor import Actor
from bihuan.org.grants import define_role
from bihuan.org.models import Role
from bihuan.packs.checking import check_pack
from bihuan.packs.kinds import own_kinds
from bihuan.packs.loading import Pack, PackError, PackNote, load_pack
from bihuan.processes.models import Definition
from bihuan.processes.publishing import publish, renew_limits
from bihuan.records.knowledge import save_note
from bihuan.records.models import KnowledgeNote, OwnKind


@dataclass(slots=True)
class InstallReport:
    """What an installation did. Each list holds names like `process service_visit` or `script greet`.

    `kept` are parts that somebody changed locally: the pack's newer text was not put in force over them.
    """

    new: list[str] = field(default_factory=list)
    renewed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)


@transaction.atomic
def install_pack(folder: Path, *, actor: Actor, overwrite: bool = False) -> InstallReport:
    """Check and install the pack in a folder; all of it or nothing. Repeating it changes nothing.

    Running work stays on the versions it began with. What was changed locally since the last installation is kept and
    named in the report, unless `overwrite`. Needs `process.manage`. Raises PackError when the pack does not check.
    """
    actor.require("process.manage")
    problems = check_pack(folder)
    if problems:
        raise PackError(problems)
    pack = load_pack(folder)
    report = InstallReport()
    _install_roles(pack, actor, report)
    for key, schema in pack.forms.items():
        _install_form(pack, key, schema, report, overwrite)
    for key, body in pack.scripts.items():
        _install_text(pack, f"script/{key}", body, report, overwrite)
    for key, body in pack.decisions.items():
        _install_text(pack, f"decision/{key}", body, report, overwrite)
    for key, body in pack.notices.items():
        _install_text(pack, f"{NOTICE}{key}", body, report, overwrite)
    _install_text(pack, f"limits/{pack.key}", pack.limits_text, report, overwrite)
    for calendar in parse_calendars(pack.limits_text).values():
        is_new = publish_calendar(calendar.key, name=calendar.name, week=calendar.week, holidays=calendar.holidays)
        (report.new if is_new else report.unchanged).append(f"calendar {calendar.key}")
    for note in pack.notes:
        _install_note(pack, note, actor, report, overwrite)
    _install_kinds(pack, report)
    for process in pack.processes:
        _install_process(pack, process.key, process.xml, actor, report, overwrite)
    # Also what was kept, and other packs' processes, go by the limits as they are now.
    report.renewed += [f"process {version.definition.key}" for version in renew_limits(actor=actor)]
    record(
        actor_id=actor.user_id,
        action="pack.install",
        chain=f"pack:{pack.key}",
        data={
            "version": pack.version,
            "new": len(report.new),
            "renewed": len(report.renewed),
            "kept": report.kept,
        },
    )
    return report


def _install_roles(pack: Pack, actor: Actor, report: InstallReport) -> None:
    there = set(Role.objects.filter(key__in=pack.roles).values_list("key", flat=True))
    for role in pack.roles.values():
        define_role(role.key, name=role.name, actor=actor, actions=role.grants, desk=role.desk, by_duty=role.by_duty)
        (report.unchanged if role.key in there else report.new).append(f"role {role.key}")


def _install_kinds(pack: Pack, report: InstallReport) -> None:
    """Cases that are open keep the name and number they have."""
    there = OwnKind.objects.in_bulk()
    for own in own_kinds(pack):
        before = there.get(own.key)
        same = before is not None and (before.name, before.letters) == (own.name, own.letters)
        if not same:
            own.save()
        (report.new if before is None else report.unchanged if same else report.renewed).append(f"kind {own.key}")


def _install_form(pack: Pack, key: str, schema: Mapping[str, Any], report: InstallReport, overwrite: bool) -> None:
    newest = FormVersion.objects.filter(key=key).order_by("-number").first()
    if _is_local(newest, pack) and not overwrite and newest is not None and newest.schema != schema:
        report.kept.append(f"form {key}")
        return
    installed = publish_form(key, schema, source_pack=pack.key)
    _note_outcome(report, f"form {key}", newest.number if newest is not None else None, installed.number)


def _install_text(pack: Pack, key: str, body: str, report: InstallReport, overwrite: bool) -> None:
    newest = TextVersion.objects.filter(key=key).order_by("-number").first()
    if _is_local(newest, pack) and not overwrite and newest is not None and newest.body != body:
        report.kept.append(key.replace("/", " "))
        return
    installed = publish_text(key, body, source_pack=pack.key)
    _note_outcome(report, key.replace("/", " "), newest.number if newest is not None else None, installed.number)


def _install_note(pack: Pack, note: PackNote, actor: Actor, report: InstallReport, overwrite: bool) -> None:
    """Knowledge is edited in place, so what was installed last time is remembered to tell a local edit from ours."""
    shipped = json.dumps({"title": note.title, "body": note.body}, ensure_ascii=False, sort_keys=True)
    last_shipped = newest_text(f"knowledge/{note.key}")
    there = KnowledgeNote.objects.filter(key=note.key).first()
    if there is not None and not overwrite:
        now = json.dumps({"title": there.title, "body": there.body}, ensure_ascii=False, sort_keys=True)
        if now != shipped and now != last_shipped:
            report.kept.append(f"knowledge {note.key}")
            return
    saved = save_note(note.key, actor=actor, title=note.title, body=note.body)
    publish_text(f"knowledge/{note.key}", shipped, source_pack=pack.key)
    _note_outcome(report, f"knowledge {note.key}", there.version if there is not None else None, saved.version)


def _install_process(pack: Pack, key: str, xml: bytes, actor: Actor, report: InstallReport, overwrite: bool) -> None:
    definition = Definition.objects.select_related("current").filter(key=key).first()
    current = definition.current if definition is not None else None
    if current is not None and current.source_pack != pack.key and not overwrite:
        report.kept.append(f"process {key}")
        return
    installed = publish(xml, key, source=f"{key}.bpmn", source_pack=pack.key, actor=actor)
    _note_outcome(report, f"process {key}", current.number if current is not None else None, installed.number)


def _is_local(newest: FormVersion | TextVersion | None, pack: Pack) -> bool:
    return newest is not None and newest.source_pack != pack.key


def _note_outcome(report: InstallReport, what: str, before: int | None, after: int) -> None:
    if before is None:
        report.new.append(what)
    elif before == after:
        report.unchanged.append(what)
    else:
        report.renewed.append(what)
