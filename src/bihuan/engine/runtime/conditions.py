"""Conditional events: asked again whenever data may have changed, they happen when their condition becomes true.

A condition that was true already must become false before it can happen again. One that cannot be told yet (a variable
is missing, say) is not true.
"""

from __future__ import annotations

from bihuan.engine.definition.model import Node
from bihuan.engine.runtime.events import VariablesSet
from bihuan.engine.runtime.inner_events import ConditionSeen, WaitOpened
from bihuan.engine.runtime.run import Run, Trouble
from bihuan.engine.runtime.state import Token, Wait
from bihuan.engine.runtime.variables import names_at
from bihuan.engine.runtime.waits import close, data_of, spec_of

_CHANGING = (VariablesSet, WaitOpened)


def check_conditions(run: Run) -> None:
    """Let every conditional event happen whose condition has become true since the last look."""
    while run.looked_at < len(run.events) or run.looked_at == 0:
        fresh = run.events[run.looked_at :]
        first_look = run.looked_at == 0
        run.looked_at = max(len(run.events), 1)
        if not first_look and not any(isinstance(event, _CHANGING) for event in fresh):
            return
        for wait in list(run.state.waits.values()):
            if wait.kind == "condition" and wait.id in run.state.waits:
                _look(run, wait)
            elif wait.kind == "data" and not missing_data(run, run.process.nodes[wait.node], wait.token):
                close(run, wait, answered=True)
                run.queue.append(wait.token)


def waits_for_data(run: Run, node: Node, token: Token) -> bool:
    """Whether the token must wait for data before its activity may begin (BPMN 2.0, 10.4.2: InputSet)."""
    if not missing_data(run, node, token.id):
        return False
    run.emit(WaitOpened(run.new_id(), "data", node.id, token.id))
    return True


def missing_data(run: Run, node: Node, token: int) -> tuple[str, ...]:
    """The variables without a value that the nearest input set lacks; none if one input set is complete."""
    names = names_at(run.state, run.state.tokens[token].scope, run.context)
    lacking = [tuple(name for name in needed if names.get(name) is None) for needed in node.needs]
    return min(lacking, key=len, default=())


def _look(run: Run, wait: Wait) -> None:
    holds = _holds(run, wait)
    if holds and not wait.left:
        node = run.process.nodes[wait.node]
        run.element(node).answer(run, node, wait, {})
    elif wait.left and not holds:
        run.emit(ConditionSeen(wait.id, holds=False))


def _holds(run: Run, wait: Wait) -> bool:
    condition = spec_of(run, wait).condition
    if condition is None:
        return False
    try:
        return run.evaluate(condition, data_of(run, wait)) is True
    except Trouble:
        return False
