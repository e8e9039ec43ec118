"""The rule book on screen: processes with their versions and steps, and standard scripts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from django.db import transaction

from bihuan.audit.log import record
from bihuan.audit.models import Archive
from bihuan.engine.definition import Node
from bihuan.forms.models import TextVersion
from bihuan.forms.texts import MAX_TEXT_LENGTH, publish_text
from bihuan.kernel.errors import BusinessError, Conflict, NotFound
from bihuan.operations.decisions import decision_files
from bihuan.operations.facts import PLACEHOLDER, SCRIPT_WORDS
from bihuan.operations.pages.copies import copies_in_words
from bihuan.operations.pages.reports import target_in_words
from bihuan.operations.pages.who_words import doers_in_words
from bihuan.org.actor import Actor
from bihuan.org.models import Role
from bihuan.processes.auto_starts import process_begun, start_events
from bihuan.processes.compiled import compiled_model, process_of
from bihuan.processes.models import AutoStart, Definition, Job, Version
from bihuan.processes.retention import set_retention
from bihuan.processes.reviewing import Remark, remarks_on
from bihuan.processes.starting import hold_start

_TASKS = ("userTask", "manualTask", "serviceTask", "callActivity", "businessRuleTask", "scriptTask")

_BY_SYSTEM = ("serviceTask", "scriptTask", "businessRuleTask")


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step as the table shows it: who does it, with which form, limit and script; `decision` names the file of
    decisions that a business-rule task asks."""

    node: Node
    who: str
    limit: str
    script: str
    decision: str = ""


@dataclass(frozen=True, slots=True)
class ProcessPage:
    """A process in force: its versions, newest first, what each changed in the time limits, and its steps."""

    definition: Definition
    versions: list[Version]
    limit_changes: dict[int, str]
    """In words, by the number of the version; a version may differ from the one before in its limits only."""
    steps: list[StepRow]
    copied: dict[str, list[tuple[str, str]]]
    """What is copied (抄送) and to whom, in words, by the node ("": the process)."""
    archived: int
    starts: list[AutoStart]
    """Where it begins by itself, and when next."""
    begins_by_itself: bool
    failing: dict[int, str]
    """Why the jobs of automatic starts fail, by the number of the job."""
    remarks: tuple[Remark, ...]
    """What to look at in the file of the version in force."""

    @property
    def drawn_copies(self) -> str:
        """The same as the viewer of diagrams draws it."""
        return json.dumps([
            {"node": node, "label": str(len(told)), "text": f"抄送：{'；'.join('：'.join(rule) for rule in told)}"}
            for node, told in self.copied.items()
        ])  # fmt: skip

    def label(self, start: AutoStart) -> str:
        """What the start event is called on the diagram."""
        process = process_begun(start)
        return process.nodes[start.node_id].label if process is not None else ""


def published_processes(*, actor: Actor) -> list[Definition]:
    """Every process with its version in force."""
    actor.require("process.view")
    return list(Definition.objects.select_related("current").order_by("key"))


def process_page(key: str, *, actor: Actor) -> ProcessPage:
    """One process with its steps in the order of the file."""
    actor.require("process.view")
    definition = Definition.objects.select_related("current").filter(key=key, current__isnull=False).first()
    if definition is None or definition.current is None:
        raise NotFound("没有这个流程")
    roles, limits = dict(Role.objects.values_list("key", "name")), definition.current.limits
    files = decision_files()
    steps = []
    process = process_of(definition.current)
    names = {node.id: node.label for node in process.nodes.values()}
    for node in process.nodes.values():
        if node.kind not in _TASKS:
            continue
        keys = [one.strip() for one in (node.extension.role or node.lane).split(",") if one.strip()]
        lane = "、".join(roles.get(one, one) for one in keys)
        who = "系统" if node.kind in _BY_SYSTEM else doers_in_words(node, lane, roles, names)
        limit = limits.get(node.extension.limit)
        asked = (node.decision or node.label) if node.kind == "businessRuleTask" else ""
        decision = next((file.key for file in files if file.find(asked)), "") if asked else ""
        steps.append(StepRow(node, who, limit["name"] if limit else "", node.extension.script, decision))
    versions = list(definition.versions.defer("xml").select_related("published_by").order_by("-number"))
    archived = Archive.objects.count() if actor.can("process.manage") else 0
    starts = AutoStart.objects.filter(definition=definition, site_id__in=actor.site_ids)
    starts = starts.select_related("site", "held_by", "version").order_by("site__path", "pk")
    by_itself = bool(start_events(compiled_model(definition.current), process))
    failed = Job.objects.filter(pk__in=[row.job_id for row in starts if row.job_id], attempts__gt=0)
    failing = dict(failed.exclude(last_error="").values_list("pk", "last_error")) if by_itself else {}
    copied = {"": copies_in_words("整个流程", process.copies, roles, names, limits)} if process.copies else {}
    for node in process.nodes.values():
        if node.copies:
            event = node.event is not None
            copied[node.id] = copies_in_words(node.label, node.copies, roles, names, limits, event=event)
    changes = {new.number: _limit_changes(old.limits, new.limits) for new, old in pairwise(versions)}
    return ProcessPage(
        definition, versions, changes, steps, copied, archived, list(starts), by_itself, failing,
        remarks_on(definition.current),
    )  # fmt: skip


def _limit_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """派工 10 分 → 12 分；新增 路试 20 分；不再有 预检; "" when nothing changed."""
    told = []
    for key in sorted(before.keys() | after.keys()):
        if key not in before:
            told.append(f"新增 {after[key]['name']} {target_in_words(after[key]['target'])}")
        elif key not in after:
            told.append(f"不再有 {before[key]['name']}")
        elif before[key]["target"] != after[key]["target"]:
            old, new = target_in_words(before[key]["target"]), target_in_words(after[key]["target"])
            told.append(f"{after[key]['name']} {old} → {new}")
        elif before[key] != after[key]:
            told.append(f"{after[key]['name']} 的提醒、升级或起止有变")
    return "；".join(told)


def change_start(start_id: int, *, how: str, reason: str, actor: Actor) -> AutoStart:
    """Hold an automatic start at a site (`hold`) or let it begin again (`free`)."""
    site_id = AutoStart.objects.filter(pk=start_id).values_list("site_id", flat=True).first()
    if site_id is None:
        raise NotFound("没有这个自动发起")
    actor.require("process.manage", site_id)
    if how not in ("hold", "free"):
        raise BusinessError("没有这个操作")
    return hold_start(start_id, held=how == "hold", reason=reason, actor=actor)


def change_retention(key: str, days: str, *, actor: Actor) -> None:
    """Keep finished instances of a process for so many days from now on; nothing typed keeps them for ever."""
    actor.require("process.manage")
    words = days.strip()
    if words and not (words.isascii() and words.isdigit() and len(words) < 7):
        raise BusinessError("保存天数应为整数；不填表示一直保存", field="days")
    set_retention(key, int(words) if words else None, actor=actor)


def process_xml(key: str, number: int | None = None, *, actor: Actor) -> str:
    """The BPMN of a version by its number, else of the one in force."""
    actor.require("process.view")
    definition = Definition.objects.select_related("current").filter(key=key).first()
    if definition is None or definition.current is None:
        raise NotFound("没有这个流程")
    version = definition.current if number is None else definition.versions.filter(number=number).first()
    if version is None:
        raise NotFound("没有这个版本")
    return version.xml


@dataclass(frozen=True, slots=True)
class ScriptRow:
    """A script in force, and the steps at which it is said (empty when none says it now)."""

    key: str
    steps: str
    version: TextVersion


def scripts(*, actor: Actor) -> list[ScriptRow]:
    """The scripts in force, in the order of the steps that say them."""
    actor.require("process.view")
    said: dict[str, list[str]] = {}
    for definition in published_processes(actor=actor):
        for node in process_of(definition.current).nodes.values() if definition.current else ():
            if node.extension.script:
                said.setdefault(node.extension.script, []).append(node.label)
    newest: dict[str, TextVersion] = {}
    for row in TextVersion.objects.filter(key__startswith="script/").order_by("key", "number"):
        newest[row.key.removeprefix("script/")] = row
    keys = [key for key in said if key in newest] + [key for key in newest if key not in said]
    return [ScriptRow(key, "、".join(dict.fromkeys(said.get(key, ()))), newest[key]) for key in keys]


def script_versions(key: str, *, actor: Actor) -> list[TextVersion]:
    """Every version of one script, newest first."""
    actor.require("process.view")
    found = list(TextVersion.objects.filter(key=f"script/{key}").order_by("-number"))
    if not found:
        raise NotFound("没有这段话术")
    return found


@transaction.atomic
def publish_script(key: str, body: str, *, expected: int, actor: Actor) -> TextVersion:
    """Publish a new version of a script (AUTO-32). Refused for unknown placeholders and when somebody was faster."""
    actor.require("process.manage")
    newest = script_versions(key, actor=actor)[0]
    if newest.number != expected:
        raise Conflict("这段话术刚刚被同事修改过，请刷新后再改")
    text = body.replace("\r\n", "\n").strip()
    if not text or len(text) > MAX_TEXT_LENGTH:
        raise BusinessError("请填写话术正文，最多 10 万字", field="body")
    unknown = sorted(set(PLACEHOLDER.findall(text)) - set(SCRIPT_WORDS))
    if unknown:
        raise BusinessError(f"没有这些占位词：{'、'.join(f'{{{word}}}' for word in unknown)}", field="body")
    made = publish_text(newest.key, text, source_pack=newest.source_pack)
    if made.pk != newest.pk:
        record(
            actor_id=actor.user_id,
            action="text.publish",
            chain=f"text:{newest.key}",
            site_id=actor.site_id,
            data={"number": made.number},
            before={"body": newest.body},
            after={"body": text},
        )
    return made
