"""The one entry: a command on a state gives events. The state is advanced only by applying them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from bihuan.engine.definition.model import Process
from bihuan.engine.runtime import commands as c
from bihuan.engine.runtime import incidents
from bihuan.engine.runtime.cancelling import call_off_reworks, end_instance
from bihuan.engine.runtime.commands import CommandRejected
from bihuan.engine.runtime.conditions import check_conditions
from bihuan.engine.runtime.copying import request_copies
from bihuan.engine.runtime.elements.ad_hoc import AdHocSubProcess
from bihuan.engine.runtime.events import (
    CallClosed,
    Event,
    IncidentRaised,
    InstanceStarted,
    ItemClosed,
    ServiceClosed,
    VariablesSet,
)
from bihuan.engine.runtime.flows import end_scope_if_hollow
from bihuan.engine.runtime.inside import begin_by_event, listen_inside, start_inside
from bihuan.engine.runtime.joins import release_joins
from bihuan.engine.runtime.migration.moving import migrate
from bihuan.engine.runtime.people import asking, moving, parking, restoring, suspending
from bihuan.engine.runtime.people import commands as p
from bihuan.engine.runtime.run import MAX_AUTOMATIC, ChooseWay, Run, Trouble
from bihuan.engine.runtime.state import ROOT, Incident, State, Token, Wait
from bihuan.engine.runtime.table import ELEMENTS
from bihuan.engine.runtime.throwing import throw_error, throw_escalation
from bihuan.engine.runtime.values import UnfitValue, normalised


def step(
    process: Process,
    state: State,
    command: c.Command,
    now: datetime,
    *,
    context: Mapping[str, Any] | None = None,
    choose_way: ChooseWay | None = None,
) -> list[Event]:
    """Carry out a command and all that follows from it without waiting. Returns what happened, in order.

    `now` is an aware moment. `context` holds read-only names that expressions see below the variables; its entry
    `timezone` (a zone name) is the site's zone for timers and for `today()`; without it the zone of `now` is. Only a
    rehearsal gives `choose_way`: what runs for real has conditions. Raises CommandRejected, and then nothing has
    changed.
    """
    run = Run(process, state, now, context, ELEMENTS, choose_way)
    _COMMANDS[type(command)](run, command)
    _drain(run)
    return run.events


def _drain(run: Run) -> None:
    state, queue = run.state, run.queue
    watches = run.process.watches
    while state.status == "running":
        if watches:
            check_conditions(run)
        while queue or run.throwing:
            token = state.tokens.get(_next(run))
            if token is None:
                continue
            run.steps += 1
            if run.steps > MAX_AUTOMATIC:
                reason = f"一步里自动走过的环节超过 {MAX_AUTOMATIC} 个，可能是没有出口的循环"
                run.incident(token, "limit", reason)
                continue
            node = run.process.nodes[token.node]
            try:
                run.elements[node.kind].enter(run, node, token)
            except Trouble as trouble:
                run.incident(token, "enter", trouble.reason)
            if watches and state.status == "running":
                check_conditions(run)
        if run.hollow and state.status == "running":
            end_scope_if_hollow(run, run.hollow.pop())
            continue
        if state.status != "running" or not run.process.reach or not release_joins(run):
            break
    if state.status == "running":
        incidents.report_deadlock(run)


def _next(run: Run) -> int:
    """The token whose turn it is. Those that throw to whoever listens come last, so that nobody misses it."""
    while run.queue:
        identity = run.queue.popleft()
        token = run.state.tokens.get(identity)
        if token is None or run.process.nodes[token.node].kind not in _THROWERS or not _announces(run, token):
            return identity
        run.throwing.append(identity)
    return run.throwing.popleft()


_THROWERS = frozenset({"intermediateThrowEvent", "endEvent", "sendTask"})


def _announces(run: Run, token: Token) -> bool:
    event = run.process.nodes[token.node].event
    return event is not None and any(part.kind in ("signal", "message") for part in event.all_parts)


def _values(variables: Mapping[str, Any]) -> dict[str, Any]:
    if not variables:
        return {}
    try:
        return normalised(variables)
    except UnfitValue as unfit:
        raise CommandRejected(str(unfit)) from None


def _running(run: Run) -> None:
    if run.state.status == "new":
        raise CommandRejected("流程还没有开始")
    if run.state.status == "suspended":
        raise CommandRejected("流程已挂起，恢复后才能继续")
    if run.state.status != "running":
        raise CommandRejected("流程已经结束")


def _wait(run: Run, wait: int, kind: str) -> Wait:
    _running(run)
    held = run.state.waits.get(wait)
    if held is None or held.kind != kind:
        raise CommandRejected("这项工作已经办过或取消了" if kind == "item" else "已经不在等这件事了")
    return held


def _start(run: Run, command: c.Start) -> None:
    if run.state.status != "new":
        raise CommandRejected("流程已经开始过")
    variables = _values(command.variables)
    level = run.process.levels[""]
    starts = _starts(run, command.start_node)
    run.emit(InstanceStarted(command.start_node or ""))
    named = run.process.nodes[starts[0]] if len(starts) == 1 else None
    begun = named is not None and named.id in level.triggers
    mapped = named is not None and (bool(named.outputs) or named.kind != "startEvent") and begun
    if variables and not mapped:
        run.emit(VariablesSet(ROOT, variables))
    request_copies(run, run.process.copies, "", ROOT, "open")
    if level.listeners:
        try:
            listen_inside(run, "", ROOT)
        except Trouble as trouble:
            run.emit(IncidentRaised(run.new_id(), level.listeners[0], trouble.reason, 0, "listen"))
    if named is not None and (mapped or (named.event is not None and named.event.parallel)):
        begin_by_event(run, named, command.part, variables if mapped else {})
    else:
        start_inside(run, starts, ROOT)


def _starts(run: Run, start_node: str | None) -> tuple[str, ...]:
    level, nodes = run.process.levels[""], run.process.nodes
    if start_node is not None:
        if start_node not in level.triggers and start_node not in level.starts:
            raise CommandRejected(f"流程没有开始事件「{start_node}」")
        return (start_node,)
    if level.starts and nodes[level.starts[0]].kind != "startEvent":
        return level.starts
    candidates = level.starts or level.triggers
    if len(candidates) != 1:
        raise CommandRejected("流程有几个开始事件，请指定从哪一个开始")
    return candidates


def _begin_activity(run: Run, command: c.BeginActivity) -> None:
    wait = _wait(run, command.wait, "adhoc")
    node = run.process.nodes[wait.node]
    element = run.element(node)
    assert isinstance(element, AdHocSubProcess)
    element.begin_one(run, node, run.state.tokens[wait.token], command.activity)


def _answer(kind: str) -> Callable[[Run, Any], None]:
    def answer(run: Run, command: Any) -> None:
        if kind in ("message", "signal") and run.state.status == "suspended" and command.wait in run.state.waits:
            suspending.keep_message(run, run.state.waits[command.wait], _values(command.variables))
            return
        wait = _wait(run, command.wait, kind)
        variables = _values(command.variables) if kind != "timer" else {}
        if kind == "call":
            call_off_reworks(run, wait.id)
        node = run.process.nodes[wait.node]
        run.element(node).answer(run, node, wait, variables)

    return answer


def _complete_item(run: Run, command: c.CompleteItem) -> None:
    wait = _wait(run, command.wait, "item")
    asking.complete_item(run, wait, _values(command.variables))


def _people(function: Callable[[Run, Any], None]) -> Callable[[Run, Any], None]:
    def act(run: Run, command: Any) -> None:
        _running(run)
        function(run, command)

    return act


def _restore(run: Run, command: p.Restore) -> None:
    if run.state.status != "ended":
        _running(run)
    restoring.restore(run, command)


def _fail(kind: str) -> Callable[[Run, Any], None]:
    closed = ServiceClosed if kind == "service" else CallClosed

    def fail(run: Run, command: c.FailService | c.FailCall) -> None:
        wait = _wait(run, command.wait, kind)
        variables = _values(command.variables)
        token = run.state.tokens[wait.token]
        if kind == "call":
            call_off_reworks(run, wait.id)
        run.emit(closed(wait.id, "failed"))
        reason = command.reason
        if command.error is not None:
            if throw_error(run, token, command.error, reason, variables):
                return
            reason = f"{reason}（错误「{command.error}」没有人处理）"
        run.incident(token, "work", reason)

    return fail


def _fail_item(run: Run, command: c.FailItem) -> None:
    wait = _wait(run, command.wait, "item")
    token = run.state.tokens[wait.token]
    run.emit(ItemClosed(wait.id, "cancelled"))
    run.incident(token, "work", command.reason)


def _escalate_call(run: Run, command: c.EscalateCall) -> None:
    wait = _wait(run, command.wait, "call")
    throw_escalation(run, run.state.tokens[wait.token], command.code, _values(command.variables))


def _incident(run: Run, identity: int) -> Incident:
    _running(run)
    held = run.state.incidents.get(identity)
    if held is None:
        raise CommandRejected("这个异常已经处理过了")
    return held


def _retry(run: Run, command: c.RetryIncident) -> None:
    incidents.retry(run, _incident(run, command.incident))


def _skip(run: Run, command: c.SkipIncident) -> None:
    held = _incident(run, command.incident)
    incidents.skip(run, held, _values(command.variables), command.flow)


def _cancel(run: Run, command: c.CancelInstance) -> None:
    if run.state.status != "suspended":
        _running(run)
    end_instance(run, command.outcome, command.reason)


def _set_variables(run: Run, command: c.SetVariables) -> None:
    _running(run)
    if command.scope not in run.state.scopes:
        raise CommandRejected("没有这个变量范围")
    values = _values(command.values)
    if values:
        run.emit(VariablesSet(command.scope, values))


_COMMANDS: dict[type, Callable[[Run, Any], None]] = {
    c.Start: _start,
    c.CompleteItem: _complete_item,
    c.FailItem: _fail_item,
    c.FireTimer: _answer("timer"),
    c.DeliverMessage: _answer("message"),
    c.DeliverSignal: _answer("signal"),
    c.FinishService: _answer("service"),
    c.FailService: _fail("service"),
    c.FinishCall: _answer("call"),
    c.FailCall: _fail("call"),
    c.EscalateCall: _escalate_call,
    c.BeginActivity: _begin_activity,
    c.RetryIncident: _retry,
    c.SkipIncident: _skip,
    c.CancelInstance: _cancel,
    c.SetVariables: _set_variables,
    c.Migrate: migrate,
    p.SendBack: _people(moving.send_back),
    p.AwaitCaller: _people(parking.await_caller),
    p.AnswerFromCaller: _people(parking.answer_from_caller),
    p.CallOffRework: _people(moving.call_off_rework),
    p.Jump: _people(moving.jump),
    p.Restore: _restore,
    p.Reopen: moving.reopen,
    p.Ask: _people(asking.ask),
    p.Unask: _people(asking.unask),
    p.AddSigner: _people(asking.add_signer),
    p.RemoveSigner: _people(asking.remove_signer),
    p.Suspend: _people(suspending.suspend),
    p.Resume: suspending.resume_instance,
}
