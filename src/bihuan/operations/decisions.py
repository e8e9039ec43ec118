"""Decision tables of the rule book: published like its texts, asked by business-rule tasks of running processes.

A table is a TextVersion with the key `decision/<file>`; a task names a decision of any file by its id or its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction

from bihuan.audit.log import record
from bihuan.engine.definition import DefinitionError
from bihuan.engine.dmn import DecisionError, DecisionModel, parse_dmn
from bihuan.engine.runtime import encode
from bihuan.forms.models import TextVersion
from bihuan.forms.texts import MAX_TEXT_LENGTH, publish_text
from bihuan.kernel.errors import BusinessError, Conflict, NotFound
from bihuan.org.actor import Actor
from bihuan.processes.contract import ServiceCall

PREFIX = "decision/"
"""What the keys of decision files begin with."""


@dataclass(frozen=True, slots=True)
class DecisionFile:
    """A file of decisions in force: its key without the prefix, its version, and what is in it."""

    key: str
    number: int
    published_at: datetime
    model: DecisionModel

    def find(self, name: str) -> str | None:
        """The id of the decision with this id or name."""
        if name in self.model.decisions:
            return name
        return next((one.id for one in self.model.decisions.values() if one.name == name), None)


def decision_files() -> list[DecisionFile]:
    """Every file of decisions in force, by key; one query, and one for each that was not read before."""
    newest: dict[str, tuple[int, str, int, datetime]] = {}
    rows = TextVersion.objects.filter(key__startswith=PREFIX).order_by("key", "number")
    for key, pk, sha256, number, at in rows.values_list("key", "pk", "sha256", "number", "published_at"):
        newest[key.removeprefix(PREFIX)] = (pk, sha256, number, at)
    return [DecisionFile(key, number, at, _parsed(pk, sha)) for key, (pk, sha, number, at) in newest.items()]


@lru_cache(maxsize=64)
def _parsed(pk: int, sha256: str) -> DecisionModel:
    # The digest is part of the key so that a restored database is read anew.
    key, body = TextVersion.objects.values_list("key", "body").get(pk=pk)
    return parse_dmn(body, source=f"{key}.dmn")


def answer_decision(call: ServiceCall, visible: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a business-rule task from the tables in force, and note in the case's history which rules applied.

    `visible` are the read-only names besides the variables. A context becomes a variable for each of its entries, any
    other value is the `result`. Raises BusinessError, which stops the process at the task: no such decision, or
    rules that contradict their hit policy.
    """
    for file in decision_files():
        found = file.find(call.decision)
        if found is not None:
            return _answer(file, found, call, visible)
    raise BusinessError(f"规则书里没有决策“{call.decision}”，请流程负责人发布决策表后重试")


def _answer(file: DecisionFile, decision: str, call: ServiceCall, visible: Mapping[str, Any]) -> dict[str, Any]:
    names = {**visible, **call.variables, **call.inputs}
    now = call.now.astimezone(ZoneInfo(call.instance.timezone))
    try:
        decided = file.model.decide(decision, names, now=now)
    except DecisionError as failure:
        raise BusinessError(failure.message) from None
    record(
        actor_id=call.actor.user_id,
        action="decision.made",
        chain=call.instance.chain,
        site_id=call.instance.site_id,
        data={
            "decision": decision,
            "name": file.model.decisions[decision].name,
            "file": file.key,
            "version": file.number,
            "rules": {table: list(numbers) for table, numbers in decided.rules.items()},
            "value": encode(decided.value),
        },
        at=call.now,
    )
    return dict(decided.value) if isinstance(decided.value, dict) else {"result": decided.value}


def decision_versions(key: str, *, actor: Actor) -> list[TextVersion]:
    """Every version of one file of decisions, newest first."""
    actor.require("process.view")
    found = list(TextVersion.objects.filter(key=f"{PREFIX}{key}").order_by("-number"))
    if not found:
        raise NotFound("没有这份决策表")
    return found


@transaction.atomic
def publish_decisions(key: str, content: bytes, *, expected: int, actor: Actor) -> int:
    """Put a new version of a file of decisions in force at once; answers its number.

    Refused with every problem of the file, when a decision that is there now would be missing, and when somebody else
    published in between.
    """
    actor.require("process.manage")
    newest = decision_versions(key, actor=actor)[0]
    if newest.number != expected:
        raise Conflict("这份决策表刚刚被同事换过，请刷新后再换")
    if len(content) > MAX_TEXT_LENGTH:
        raise BusinessError("文件超过 10 万字", "file")
    try:
        model = parse_dmn(content, source=f"{key}.dmn", strict=True)
    except DefinitionError as refused:
        told = "；".join(f"第 {one.line} 行 {one.reason}" for one in refused.problems[:5])
        raise BusinessError(f"文件有 {len(refused.problems)} 处问题，没有发布：{told}", "file") from None
    missing = [
        one.name for one in _parsed(newest.pk, newest.sha256).decisions.values() if one.id not in model.decisions
    ]
    if missing:
        raise BusinessError(f"新文件里没有决策“{'、'.join(missing)}”，正在使用的流程会停下", "file")
    made = publish_text(newest.key, content.decode("utf-8-sig"), source_pack="")
    if made.pk != newest.pk:
        record(
            actor_id=actor.user_id,
            action="decision.publish",
            chain=f"text:{newest.key}",
            site_id=actor.site_id,
            data={"number": made.number},
        )
    return made.number
