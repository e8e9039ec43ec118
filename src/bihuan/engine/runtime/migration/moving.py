"""Moving one instance to another version: what stood at a node stands at the node in its place."""

from __future__ import annotations

from bihuan.engine.definition.model import Node
from bihuan.engine.definition.specs import Assignment
from bihuan.engine.runtime.commands import CommandRejected, Migrate
from bihuan.engine.runtime.elements.user_task import describe_item
from bihuan.engine.runtime.events import IncidentRaised, IncidentResolved, VariablesSet
from bihuan.engine.runtime.migration.events import InstanceMigrated, ItemRenewed
from bihuan.engine.runtime.migration.listening import Listener, Listening
from bihuan.engine.runtime.migration.obstacles import obstacles
from bihuan.engine.runtime.migration.plan import MigrationPlan, text_of
from bihuan.engine.runtime.run import Run, Trouble
from bihuan.engine.runtime.waits import close, listen


def migrate(run: Run, command: Migrate) -> None:
    """Move to the version that `run` is of. Rejected, with every reason, if anything is in the way."""
    plan, state = command.plan, run.state
    found = obstacles(plan, state)
    if found:
        raise CommandRejected("；".join(dict.fromkeys(obstacle.reason for obstacle in found)))
    if state.suspended_at is not None:
        # Whatever begins to wait now has waited for nothing yet when the instance goes on.
        run.now = state.suspended_at
    listening = Listening(plan, state)
    beginning, to_look_at = listening.beginning(), listening.to_look_at()
    renewed = [wait.id for wait in state.waits.values() if wait.kind == "item" and _reads_differently(plan, wait.node)]
    for wait in listening.ending():
        close(run, wait)
    for incident in [held for held in state.incidents.values() if held.node not in plan.nodes]:
        run.emit(IncidentResolved(incident.id, "cancelled"))
    run.emit(InstanceMigrated(plan.renamed_nodes(), plan.renamed_flows()))
    _declare(run)
    for listener in beginning:
        _listen(run, listener)
    asked = {ask.item for ask in state.asks.values()}
    for number in renewed:
        if number not in asked:
            _renew(run, number)
    for token in to_look_at:
        for wait in [held for held in state.waits.values() if held.token == token.id and held.kind == "data"]:
            close(run, wait)
        run.queue.append(token.id)


def _declare(run: Run) -> None:
    """Data keeps its values; what the new version declares in a sub-process that is open begins there without one."""
    for scope in [held for held in run.state.scopes.values() if held.kind == "sub"]:
        added = [name for name in run.process.nodes[scope.node].own_data if name not in scope.variables]
        if added:
            run.emit(VariablesSet(scope.id, dict.fromkeys(added)))


def _listen(run: Run, listener: Listener) -> None:
    for name in listener.events:
        node, token = run.process.nodes[name], run.state.tokens.get(listener.token)
        data = listener.scope
        if token is not None:
            data = token.scope if node.kind == "boundaryEvent" else token.data
        before = len(run.events)
        try:
            listen(run, [node], listener.token, listener.scope, data)
            if len(run.events) == before and token is not None and token.node == name:
                raise Trouble(f"「{node.label}」等的时间永远不会到")
        except Trouble as trouble:
            stage = "timer"
            if token is not None and token.node == name:
                stage = "work" if node.kind == "receiveTask" else "enter"
            run.emit(IncidentRaised(run.new_id(), name, trouble.reason, listener.token, stage))


def _renew(run: Run, number: int) -> None:
    wait = run.state.waits[number]
    token = run.state.tokens[wait.token]
    node = run.process.nodes[token.node]
    try:
        item = describe_item(run, node, token, number)
    except Trouble as trouble:
        # As if it opened now: nobody can be told whose it is until the fault is mended.
        close(run, wait)
        run.incident(token, "work", trouble.reason)
        return
    told = item.name, item.role, item.assignee, item.form, item.title, item.variables
    run.emit(ItemRenewed(number, node.id, token.id, *told))


def _reads_differently(plan: MigrationPlan, node_id: str) -> bool:
    return _words(plan.old.nodes[node_id]) != _words(plan.new.nodes[plan.nodes[node_id]])


def _words(node: Node) -> tuple[object, ...]:
    """What a person is told of a step, and what decides who does it."""
    return node.label, node.extension, text_of(node.title), *who_does(node)


def who_does(node: Node) -> tuple[object, ...]:
    """What decides who does a step, to be compared."""
    rule = node.assignment or Assignment()
    named = (rule.source, rule.argument, rule.levels, rule.rank, rule.pick, rule.nobody, rule.fallback)
    doubts = (rule.starter, rule.again, text_of(rule.expression), text_of(rule.skipped))
    return node.extension.role, text_of(node.role), text_of(node.assignee), named, doubts
