"""Multi-instance and standard loops: counting, handing out items, gathering results, ending early.

The token that came to the activity stays at it and owns a `multi` scope; each repetition has an `each` scope with its
`loopCounter` (from 1) and item, and a token of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from bihuan.engine.definition.model import Node
from bihuan.engine.runtime.cancelling import cancel_token, clear_token
from bihuan.engine.runtime.events import (
    LoopAdvanced,
    NodeEntered,
    NodeLeft,
    ScopeClosed,
    ScopeOpened,
    VariablesSet,
)
from bihuan.engine.runtime.outputs import assign, close_local, hand_out
from bihuan.engine.runtime.people.events import LoopRecounted
from bihuan.engine.runtime.people.signoff import REMOVED, VOTES, WEIGHTS, Ballot, cast_vote, weigh
from bihuan.engine.runtime.run import Run, Trouble
from bihuan.engine.runtime.state import Scope, Token
from bihuan.engine.runtime.throwing import throw_from
from bihuan.engine.runtime.variables import counters

MAX_REPETITIONS = 2_000
"""Repetitions of one multi-instance activity; more is taken for a mistake and becomes an incident."""


def is_repetition(run: Run, token: Token) -> bool:
    """Whether the token is one repetition, not the activity as a whole."""
    scope = run.state.scopes[token.scope]
    return scope.kind == "each" and scope.node == token.node


def measure(run: Run, node: Node, token: Token) -> tuple[int, list[Any] | None]:
    """How often the activity is to be done, and for which items. Raises Trouble."""
    loop = node.loop
    assert loop is not None
    items: list[Any] | None = None
    if loop.collection is not None:
        value = run.evaluate(loop.collection, token.scope)
        if not isinstance(value, list):
            raise Trouble(f"「{node.label}」要逐个办理的「{loop.collection.text}」不是列表")
        items, total = value, len(value)
    else:
        assert loop.cardinality is not None
        number = run.evaluate(loop.cardinality, token.scope)
        if isinstance(number, bool) or not isinstance(number, (int, Decimal)) or number != int(number) or number < 0:
            raise Trouble(f"「{node.label}」的办理次数「{loop.cardinality.text}」不是零或正整数")
        total = int(number)
    if total > MAX_REPETITIONS:
        raise Trouble(f"「{node.label}」要重复 {total} 次，最多 {MAX_REPETITIONS} 次")
    return total, items


def open_all(run: Run, node: Node, token: Token, total: int, items: list[Any] | None) -> None:
    """Open the scope of the whole and the first repetition, or all of them at once."""
    loop = node.loop
    assert loop is not None
    weights = weigh(run, node, token, total, items)
    multi = run.new_id()
    run.emit(ScopeOpened(multi, token.scope, node.id, token.id, "multi", total, items, bool(loop.output)))
    if weights is not None:
        run.emit(VariablesSet(multi, {WEIGHTS: weights}))
    for index in range(1, min(total, 1) + 1 if loop.sequential else total + 1):
        spawn(run, node, run.state.scopes[multi], index)


def spawn(run: Run, node: Node, multi: Scope, index: int) -> None:
    """Begin the repetition of this number."""
    loop = node.loop
    assert loop is not None
    each = run.new_id()
    run.emit(ScopeOpened(each, multi.id, node.id, multi.token, "each"))
    values: dict[str, Any] = {"loopCounter": index}
    if loop.item and multi.items is not None:
        values[loop.item] = multi.items[index - 1]
    run.emit(VariablesSet(each, values))
    token = run.new_id()
    run.emit(NodeEntered(node.id, token, each, "", index))
    run.queue.append(token)


def keep_results(run: Run, node: Node, token: Token, results: Mapping[str, Any], *, skipped: bool) -> bool:
    """Put the results of one repetition where they belong. False if that failed and an incident holds it.

    With an output collection the results stay inside the repetition; without one they go out like those of any task.
    """
    loop = node.loop
    assert loop is not None
    if node.signoff is not None and results:
        run.emit(VariablesSet(token.scope, dict(results)))
    if node.outputs or not (loop.output or node.signoff):
        return hand_out(run, node, token, results, skipped=skipped)
    if node.result_variable and results and not skipped:
        results = {node.result_variable: results["result"] if set(results) == {"result"} else dict(results)}
    close_local(run, token)
    if results:
        run.emit(VariablesSet(token.scope, dict(results)))
    return True


def count_one(run: Run, node: Node, token: Token, *, skipped: bool) -> Token | None:
    """One repetition is over. The token of the whole activity if it is over too, else None."""
    loop = node.loop
    assert loop is not None
    each = run.state.scopes[token.scope]
    multi = run.state.scopes[each.parent]
    index = token.loop
    try:
        result = run.evaluate(loop.result, each.id) if loop.result is not None and loop.output else None
        names = counters(multi, 1)
        if loop.output and multi.results is not None:
            names[loop.output] = [*multi.results[: index - 1], result, *multi.results[index:]]
        over = loop.completion is not None and run.holds(loop.completion, each.id, names)
        ballot = cast_vote(run, node, multi, each) if node.signoff is not None else None
    except Trouble as trouble:
        if not skipped:
            run.incident(token, "count", trouble.reason)
            return None
        result, over, ballot = None, False, None
    if loop.throws and not (loop.throws_once and multi.done):
        _announce(run, node, run.state.tokens[multi.token], names)
        if token.id not in run.state.tokens:
            return None
    clear_token(run, token)
    run.emit(NodeLeft(node.id, token.id))
    run.emit(ScopeClosed(each.id))
    run.emit(LoopAdvanced(multi.id, index, result))
    if ballot is not None:
        run.emit(VariablesSet(multi.id, {VOTES: ballot.votes}))
    return go_on(run, node, multi, ballot, over=over)


def go_on(run: Run, node: Node, multi: Scope, ballot: Ballot | None, *, over: bool) -> Token | None:
    """After one repetition: the token of the whole activity if it is over, else None, with the next begun in a row."""
    loop = node.loop
    assert loop is not None
    outer = run.state.tokens[multi.token]
    if loop.sequential:
        _pass_over(run, multi)
    decided = ballot is not None and ballot.verdict is not None
    if over or decided or multi.done >= multi.total:
        close_all(run, node, outer)
        if node.signoff is not None:
            assign(run, outer.scope, {node.signoff.vote: bool(ballot and ballot.final)})
        return outer
    if loop.sequential:
        spawn(run, node, multi, multi.started + 1)
    return None


def _pass_over(run: Run, multi: Scope) -> None:
    """In a row, those who were taken out before their turn are passed over."""
    out = multi.variables.get(REMOVED, ())
    while multi.started + 1 in out and multi.done == multi.started:
        run.emit(LoopRecounted(multi.id, multi.started + 1, multi.done + 1, multi.results))


def _announce(run: Run, node: Node, outer: Token, names: Mapping[str, Any]) -> None:
    """Throw what the model wants thrown when a repetition is completed; a condition that cannot be told is not true."""
    loop = node.loop
    assert loop is not None
    for condition, spec in loop.throws:
        if outer.id not in run.state.tokens:
            return
        try:
            if condition is None or run.holds(condition, outer.scope, names):
                throw_from(run, node, outer, spec)
        except Trouble:
            continue


def close_all(run: Run, node: Node, outer: Token) -> None:
    """The whole is over: what still runs is cancelled, the gathered results become a variable."""
    loop = node.loop
    assert loop is not None
    state = run.state
    multi = next(scope for scope in state.scopes.values() if scope.token == outer.id and scope.kind == "multi")
    rest = [scope for scope in state.scopes.values() if scope.kind == "each" and scope.parent == multi.id]
    for scope in rest:
        for token in [token for token in state.tokens.values() if token.scope == scope.id]:
            cancel_token(run, token)
        run.emit(ScopeClosed(scope.id))
    results = multi.results
    run.emit(ScopeClosed(multi.id))
    if loop.output:
        assign(run, outer.scope, {loop.output: results or []})


def goes_on(run: Run, node: Node, token: Token) -> bool:
    """Whether a standard loop does another round. Raises Trouble."""
    loop = node.loop
    assert loop is not None
    if loop.maximum is not None and token.loop >= loop.maximum:
        return False
    return loop.condition is None or run.holds(loop.condition, token.data, {"loopCounter": token.loop})


def start_round(run: Run, node: Node, token: Token, number: int) -> None:
    """The token begins this round of a standard loop."""
    run.emit(NodeEntered(node.id, token.id, token.scope, token.flow, number))
