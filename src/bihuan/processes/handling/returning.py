"""Going back, taking back, jumping, waking: the instance stands somewhere else afterwards, and history says why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bihuan.accounts.models import User
from bihuan.engine.runtime import (
    AwaitCaller,
    CallOffRework,
    CallRequested,
    IncidentRaised,
    ItemOpened,
    Jump,
    Restore,
    SendBack,
    State,
    Wait,
    passes_around,
)
from bihuan.kernel import clock
from bihuan.kernel.errors import Conflict, NotAllowed
from bihuan.org.actor import Actor
from bihuan.processes.assigning.deciding import stand_in
from bihuan.processes.contract import NO_VALUES, Decided, StepResult, Surroundings
from bihuan.processes.driving import begin
from bihuan.processes.families import find_rework
from bihuan.processes.finishing import finish
from bihuan.processes.handling.allowing import is_final, require_allowed
from bihuan.processes.handling.called import steps_back, wake_for
from bihuan.processes.handling.passed import RECALLED, Inside, Passed, label_of, step_named
from bihuan.processes.history import states_around
from bihuan.processes.holding import on_behalf, refuse_closed
from bihuan.processes.models import Instance, WorkItem, labelled
from bihuan.processes.rows import Held, Loaded, hold_instance, read_item, transactional
from bihuan.processes.unit import Unit

TRACES = frozenset({"ServiceRequested", "CallRequested", "MessageThrown", "SignalThrown"})
"""Events that have reached something outside the instance."""


@transactional
def send_back(
    held: Held, target: str, *, straight: bool, actor: Actor, reason: str, around: Surroundings
) -> StepResult:
    """Return from a held item to a step passed before; the person who did it has it again, if they still work here.

    `target` is the step's key, label, node id or name.
    """
    process = held.instance.process
    require_allowed("send_back", process, held.node)
    step = step_named(steps_back(held), target)
    if step is None:
        raise Conflict("只能退回到已经办过、还允许退回的环节")
    unit = begin(actor, clock.now(), around)
    unit.take(held.instance)
    # Walking again from a called process, the call ends, and the called process with it.
    where = unit.hold(step.above) if step.above else held.instance
    behind = held.item_id if step.above and straight else 0
    if behind:
        unit.submit(held.instance, AwaitCaller(held.wait))
    name = _label_of(held)
    open_ = _open_items(where)
    _go_back(unit, where, step, straight=straight, behind=behind)
    detail = {
        "item": held.item_id, "name": name, "target": step.label, "straight": straight, "reason": reason,
        "to": step.done_by_id, **_what_went(unit, where, open_, held), **on_behalf(held, actor),
    }  # fmt: skip
    if not straight and held.wait in held.instance.state.waits:
        detail["beside"] = True
    return finish(unit, where, command="SendBack", detail=detail)


def _go_back(unit: Unit, where: Loaded, step: Passed, *, straight: bool, behind: int) -> None:
    """To a step of the instance itself, or into a process that it called; straight back to the item `behind` a call."""
    if not step.way:
        unit.submit(where, SendBack(step.wait, step.node_id, straight, step.into, behind))
        _give_to(unit, where, step)
        return
    call = step.way[0]
    unit.instead[where.id, call.node_id] = wake_for(unit, step.way, step)
    unit.submit(where, SendBack(step.wait, call.node_id, straight, call.into, behind))
    if unit.instead:
        # The call could not be made: better to be told than to wait at an incident that calls another one anew.
        waking = [unit.hold(instance_id) for instance_id, _ in unit.instead]
        why = [event.reason for one in waking for event in one.events if isinstance(event, IncidentRaised)]
        raise Conflict(f"“{step.of[0]}”现在不能再办，不能退回到里面：{'；'.join(why) or '没有重新调用它'}")
    _give_to(unit, unit.hold(step.way[-1].instance_id), step)


def _label_of(held: Held) -> str:
    """The item as people call it, with which of many it is for."""
    instance, called_for = held.instance, ""
    if instance.parent_id is not None:
        called_for = Instance.unscoped.values_list("called_for", flat=True).get(pk=instance.id)
    return label_of(instance.process, instance.state, held.wait, held.name, called_for)


def _open_items(instance: Loaded) -> dict[int, str]:
    """What is open now, by wait, as people call it."""
    process, state = instance.process, instance.state
    items = [wait for wait in state.waits.values() if wait.kind == "item"]
    return {wait.id: label_of(process, state, wait.id, process.nodes[wait.node].label) for wait in items}


def _what_went(unit: Unit, instance: Loaded, open_: Mapping[int, str], own: Held | None = None) -> dict[str, Any]:
    """For the history: the work, besides one's own, that was open and is taken away, here and in what was called."""
    mine = own.wait if own is not None and own.instance is instance else 0
    gone = [label for wait, label in open_.items() if wait != mine and wait not in instance.state.waits]
    ended = [one.id for one in unit.loaded.values() if one is not instance and one.state.status == "ended"]
    if ended:
        # Their rows are written at the end of the unit.
        rows = WorkItem.unscoped.filter(instance_id__in=ended, completed_at__isnull=True).select_related("instance")
        gone += [row.label for row in rows.order_by("pk") if own is None or row.pk != own.item_id]
    return {"gone": list(dict.fromkeys(gone))} if gone else {}


def _give_to(unit: Unit, instance: Loaded, step: Passed) -> None:
    """The one item opened at the step goes to who did it last, or who acts for them on leave; a sign-off asks all its
    people again."""
    node = instance.process.nodes[step.node_id]
    active = User.objects.filter(pk=step.done_by_id, is_active=True).exists()
    if node.loop is not None or not active:
        return
    for event in instance.events:
        if isinstance(event, ItemOpened) and event.node == step.node_id:
            why = f"退回给上次办理的{step.done_by}"
            away = step.done_by_id in unit.staff_at(instance.facts.site_id).away
            found = stand_in(unit, instance, event, step.done_by_id) if away else None
            instance.decided[event.wait] = found or Decided(step.done_by_id, (), event.role, why, {"rule": "send_back"})


@transactional
def call_off_return(held: Held, *, actor: Actor, reason: str, around: Surroundings) -> StepResult:
    """Whoever sent a step back straight goes on without its being redone."""
    unit = begin(actor, clock.now(), around)
    unit.take(held.instance)
    above = find_rework(unit, held.instance, held.item_id)
    if above is not None:
        caller, rework = above
        unit.submit(caller, CallOffRework(rework.wait, held.item_id))
    else:
        unit.submit(held.instance, CallOffRework(held.wait))
    return finish(unit, held.instance, command="CallOffRework",
                  detail={"name": _label_of(held), "reason": reason, **on_behalf(held, actor)})  # fmt: skip


@transactional
def recall_item(item_id: int, *, actor: Actor, reason: str = "", around: Surroundings) -> StepResult:
    """Take back the step one completed, while nobody has acted on what came of it (撤回); or that somebody completed
    who acted for one.

    Refused once a program, a message or a called process was set off by it, and across final steps.
    """
    held = read_item(item_id)
    row = WorkItem.unscoped.get(pk=item_id)
    if row.status != WorkItem.Status.DONE:
        raise Conflict(f"“{held.name}”还没有办完，不用撤回" if not row.is_over else "这项工作已经取消，不能撤回")
    if row.answer == RECALLED:
        raise Conflict(f"“{held.name}”已经撤回过了")
    if not actor.is_system and actor.user_id not in (row.completed_by_id, row.assignee_id):
        raise NotAllowed(f"“{held.name}”不是您办的，不能撤回")
    require_allowed("recall", held.instance.process, held.node)
    if is_final(held.node):
        raise Conflict(f"“{held.name}”办完后不能撤回")
    if held.instance.state.status == "ended":
        if held.instance.parent_id is not None:
            raise Conflict("子流程办完已经回到上级流程，请从上级流程退回")
        raise Conflict("流程已经结束，需要时请用唤醒")
    before, after, step = states_around(held.instance.id, item_id)
    # A message that had been kept for it is gone, too.
    if step.get("messages") or any(event["type"] in TRACES for event in step["events"]):
        raise Conflict("这一步已经触发了自动处理或通知了别处，不能撤回")
    result = _restore(held.instance, before, after, "recall", actor, reason, around, name=held.name)
    WorkItem.unscoped.filter(pk=item_id).update(answer=RECALLED)
    return result


@transactional
def wake_instance(instance_id: int, *, actor: Actor, reason: str, around: Surroundings) -> StepResult:
    """An ended instance runs again where it stopped: at its last steps, or at all that were open when it was ended,
    with the processes it had called then."""
    instance = hold_instance(instance_id)
    require_allowed("wake", instance.process)
    if instance.state.status != "ended":
        raise Conflict("流程还在进行，不用唤醒")
    if instance.parent_id is not None:
        raise Conflict("这是被调用的流程，请唤醒它的上级流程")
    before, after, _ = states_around(instance_id, None)
    return _restore(instance, before, after, "wake", actor, reason, around)


def _restore(
    instance: Loaded,
    before: State,
    after: State,
    how: str,
    actor: Actor,
    reason: str,
    around: Surroundings,
    *,
    name: str = "",
) -> StepResult:
    unit = begin(actor, clock.now(), around)
    open_ = _open_items(instance)
    _restore_in(unit, instance, before, after, how)
    detail = {"how": how, "name": name, "reason": reason, **_what_went(unit, instance, open_)}
    return finish(unit, instance, command="Restore", detail=detail)


def _restore_in(unit: Unit, instance: Loaded, before: State, after: State, how: str) -> None:
    calls = [wait for wait in before.waits.values() if wait.kind == "call" and wait.id not in after.waits]
    for node in {wait.node for wait in calls}:
        ended = [wait.id for wait in sorted(calls, key=lambda wait: wait.token) if wait.node == node]
        _wake_called(unit, instance, node, ended)
    unit.submit(instance, Restore(before, after, how))
    _give_back(instance, before, after)


def _wake_called(unit: Unit, caller: Loaded, node: str, calls: list[int]) -> None:
    """Instead of calling anew at a node, the processes that ended with their calls run again, in the order of these."""

    def wake(event: CallRequested) -> None:
        call, *further = calls
        if further:
            _wake_called(unit, caller, node, further)
        child = unit.hold(Instance.unscoped.values_list("pk", flat=True).get(parent_id=caller.id, parent_wait=call))
        child.parent_wait = event.wait
        Instance.unscoped.filter(pk=child.id).update(parent_wait=event.wait)
        before, after, _ = states_around(child.id, None)
        _restore_in(unit, child, before, after, "wake")

    unit.instead[caller.id, node] = wake


def _give_back(instance: Loaded, before: State, after: State) -> None:
    """Items that are open again belong to whom they belonged to before.

    Tokens come back in the order in which they arose, so of several that cannot be told apart the first is the first.
    """
    waits = [wait for wait in before.waits.values() if wait.kind == "item" and wait.id not in after.waits]
    rows = {row.wait: row for row in WorkItem.unscoped.filter(instance_id=instance.id, wait__in=[w.id for w in waits])}
    closed = [(_place(before, wait), rows[wait.id]) for wait in sorted(waits, key=lambda wait: (wait.token, wait.id))]
    for event in instance.events:
        wait = instance.state.waits.get(event.wait) if isinstance(event, ItemOpened) else None
        if wait is None:
            continue
        place = _place(instance.state, wait)
        old = next((each for each in closed if each[0] == place), None)
        if old is None:
            continue
        closed.remove(old)
        person = old[1].assignee_id or old[1].completed_by_id
        if person is not None:
            instance.decided[wait.id] = Decided(person, (), old[1].role, "重新打开，仍由原来的人办理", NO_VALUES)


def _place(state: State, wait: Wait) -> tuple[str, tuple[tuple[str, int], ...], int]:
    """What an item is for: its step, which of many it is in, and who was asked about it (0: nobody, its holder's)."""
    asked = next((ask.person for ask in state.asks.values() if ask.item == wait.id), 0)
    around = passes_around(state, state.tokens[wait.token])
    return wait.node, tuple((one.node, one.number) for one in around), asked


@transactional
def jump(
    instance_id: int,
    source: int,
    target: str,
    *,
    actor: Actor,
    reason: str,
    around: Surroundings,
    give_to: Passed | None = None,
    inside: Inside | None = None,
    others_done: bool = False,
) -> StepResult:
    """Put the instance, or the token of one wait, elsewhere: an administrator, or who began it (`give_to`).

    `inside`: into these passes of what is repeated around the target. `others_done`: branches that would be missing at
    a join count as done.
    """
    instance = hold_instance(instance_id)
    if instance.state.status == "ended":
        raise Conflict("流程已经结束")
    unit = begin(actor, clock.now(), around)
    open_ = _open_items(instance)
    into = give_to.into if give_to is not None else inside.into if inside is not None else ()
    unit.submit(instance, Jump(source, target, into, others_done))
    if give_to is not None:
        _give_to(unit, instance, give_to)
    how = "jump" if give_to is None else "take_back"
    label = labelled(instance.process.nodes[target].label, [inside.of] if inside is not None and inside.of else ())
    detail: dict[str, Any] = {"target": label, "reason": reason, "how": how, **_what_went(unit, instance, open_)}
    if others_done:
        detail["others_done"] = True
    return finish(unit, instance, command="Jump", detail=detail)


def is_started_by(instance: Instance, actor: Actor) -> bool:
    """Whether the actor began the instance."""
    return actor.user_id is not None and instance.started_by_id == actor.user_id


def require_live(held: Held, actor: Actor) -> None:
    """Refuse an item that is over; one that waits for others may still be acted on by its holder."""
    if not held.is_open and held.status != WorkItem.Status.WAITING:
        refuse_closed(held, actor)
