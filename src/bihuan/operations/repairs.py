"""Getting stuck processes going again: retry, skip, repair of variables, one or many, and stopping what must stop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bihuan.engine.feel import FeelError, compile_expression
from bihuan.engine.runtime.writing import written
from bihuan.kernel.errors import BusinessError, NotFound
from bihuan.operations.cases import main_instance
from bihuan.operations.people.ending import terminate_case
from bihuan.operations.surroundings import CASE, surroundings
from bihuan.org.actor import Actor
from bihuan.processes import engine_store
from bihuan.processes.models import Incident, Instance

RETRY, SKIP = "retry", "skip"
MOST = 200
MAX_VALUE = 10_000


@dataclass(frozen=True, slots=True)
class Resolved:
    """What became of one incident of many: whether its process goes on, and in words."""

    incident: Incident
    goes_on: bool
    told: str


def resolve_incident(incident_id: int, *, how: str, actor: Actor, flow: str | None = None) -> bool:
    """Try a stuck step again (`retry`) or go on without it (`skip`); whether nothing is stuck in the process now.

    `flow` names the way on where skipping must choose one. Raises NotFound, NotAllowed, Conflict when it is resolved
    already or the way is missing.
    """
    found = Incident.objects.visible_to(actor).filter(pk=incident_id).first()
    if found is None:
        raise NotFound("没有这个异常")
    actor.require("process.operate", found.site_id)
    if how == RETRY:
        result = engine_store.retry_incident(incident_id, actor=actor, around=surroundings())
    elif how == SKIP:
        result = engine_store.skip_incident(incident_id, actor=actor, flow=flow, around=surroundings())
    else:
        raise BusinessError("没有这个操作")
    return not result.incidents


def resolve_incidents(incident_ids: Iterable[int], *, how: str, actor: Actor) -> list[Resolved]:
    """Retry or skip many, each in a transaction of its own: one that fails holds up no other. At most `MOST`."""
    if how not in (RETRY, SKIP):
        raise BusinessError("没有这个操作")
    chosen = list(dict.fromkeys(incident_ids))
    if not chosen:
        raise BusinessError("请先勾选要处理的异常")
    if len(chosen) > MOST:
        raise BusinessError(f"一次最多处理 {MOST} 个异常")
    rows = Incident.objects.visible_to(actor).filter(pk__in=chosen).select_related("instance__version").order_by("pk")
    return [_resolve_one(row, how, actor) for row in rows.defer("instance__version__xml")]


def _resolve_one(row: Incident, how: str, actor: Actor) -> Resolved:
    try:
        goes_on = resolve_incident(row.pk, how=how, actor=actor)
    except BusinessError as refusal:
        return Resolved(row, False, refusal.message)
    if goes_on:
        return Resolved(row, True, "已重试，流程继续" if how == RETRY else "已跳过，流程继续")
    again = Incident.unscoped.filter(instance_id=row.instance_id, resolved_at__isnull=True).order_by("-number").first()
    return Resolved(row, False, f"仍然停下：{again.reason}" if again else "仍然停下")


def repair_variables(instance_id: int, texts: Mapping[str, str], *, actor: Actor) -> list[str]:
    """Set variables of a running process to values written in FEEL (`1200`, `"文字"`, `true`); answers which changed.

    What is written as it stands is left alone. Raises BusinessError naming the variable whose value cannot be read.
    """
    instance = operated_instance(instance_id, actor=actor)
    present = instance.variables
    changed: dict[str, Any] = {}
    for name, text in texts.items():
        if len(name) > 120 or not name.strip():
            raise BusinessError("请填写变量名，最多 120 个字", field="name")
        value = _read(name, text)
        if name not in present or written(present[name]) != written(value):
            changed[name.strip()] = value
    if changed:
        engine_store.set_variables(instance_id, changed, actor=actor, around=surroundings())
    return list(changed)


def _read(name: str, text: str) -> Any:
    if len(text) > MAX_VALUE:
        raise BusinessError(f"“{name}”的值太长", field=name)
    try:
        evaluation = compile_expression(text.strip()).evaluate({})
    except FeelError as fault:
        raise BusinessError(f"“{name}”的值看不懂：{fault}。文字请加双引号", field=name) from None
    if evaluation is None and text.strip() != "null":
        raise BusinessError(f'“{name}”的值看不懂：文字请加双引号，例如 "已确认"', field=name)
    return evaluation


def stop_instance(instance_id: int, *, reason: str, actor: Actor) -> None:
    """Stop a process for good with everything it waits for; the reason is kept (termination by an administrator).

    The process that carries a case takes the case with it (终止); one beside it or called by it ends alone.
    """
    words = reason.strip()
    if not words or len(words) > 200:
        raise BusinessError("请填写终止的原因，最多 200 字", field="reason")
    instance = operated_instance(instance_id, actor=actor)
    case_id = instance.subject_id if instance.subject_kind == CASE else None
    if case_id is not None and main_instance(case_id) == instance:
        terminate_case(case_id, actor=actor, reason=words)
        return
    engine_store.cancel_instance(instance_id, words, actor=actor, around=surroundings())


def operated_instance(instance_id: int, *, actor: Actor) -> Instance:
    """An instance at a site where the actor operates processes. Raises NotFound for all others."""
    found: Instance | None = (
        Instance.objects.visible_to(actor, "process.operate")
        .select_related("version__definition", "started_by", "parent")
        .filter(pk=instance_id)
        .first()
    )
    if found is None:
        if not actor.can_anywhere("process.operate"):
            actor.require("process.operate")
        raise NotFound("没有这个流程实例")
    return found
