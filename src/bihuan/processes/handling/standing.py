"""Standing still and going on, the whole family of an instance together."""

from __future__ import annotations

from bihuan.engine.runtime import CancelInstance, Resume, Suspend
from bihuan.kernel import clock
from bihuan.kernel.errors import Conflict
from bihuan.org.actor import Actor
from bihuan.processes.contract import StepResult, Surroundings
from bihuan.processes.driving import begin
from bihuan.processes.finishing import finish
from bihuan.processes.models import Instance
from bihuan.processes.rows import hold_instance, transactional


@transactional
def suspend_instance(instance_id: int, *, actor: Actor, reason: str, around: Surroundings) -> StepResult:
    """Stand still with every process it called (挂起)."""
    return _together(instance_id, Suspend(), "running", "流程已经挂起或结束", actor, reason, around)


@transactional
def resume_instance(instance_id: int, *, actor: Actor, reason: str = "", around: Surroundings) -> StepResult:
    """Go on with every process it called (恢复)."""
    return _together(instance_id, Resume(), "suspended", "流程没有挂起", actor, reason, around)


def _together(
    instance_id: int,
    command: Suspend | Resume,
    status: str,
    refusal: str,
    actor: Actor,
    reason: str,
    around: Surroundings,
) -> StepResult:
    first = hold_instance(instance_id)
    if first.parent_id is not None:
        raise Conflict("这是被调用的流程，请挂起或恢复它的上级流程")
    if first.state.status != status:
        raise Conflict(refusal)
    unit = begin(actor, clock.now(), around)
    unit.submit(first, command)
    family = Instance.unscoped.filter(root_id=instance_id, ended_at__isnull=True).order_by("pk")
    for child_id in family.values_list("pk", flat=True):
        child = unit.hold(child_id)
        if child.state.status == status:
            unit.submit(child, command)
    return finish(unit, first, command=type(command).__name__, detail={"reason": reason})


@transactional
def end_instance(instance_id: int, *, actor: Actor, reason: str, withdrawn: bool, around: Surroundings) -> StepResult:
    """End it for good, running or suspended: withdrawn by who began it (撤销), else called off (终止)."""
    instance = hold_instance(instance_id)
    if instance.state.status == "ended":
        raise Conflict("流程已经结束")
    if instance.parent_id is not None and instance.state.status == "suspended":
        # Its caller stands still too, and would not hear of the end.
        raise Conflict("上级流程已挂起，请先恢复它")
    unit = begin(actor, clock.now(), around)
    unit.submit(instance, CancelInstance(reason, "withdrawn" if withdrawn else "cancelled"))
    return finish(unit, instance, command="Withdraw" if withdrawn else "Terminate", detail={"reason": reason})
