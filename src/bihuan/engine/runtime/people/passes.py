"""Passes: how a repeated, ad-hoc or event sub-process stood around a step when that was done, and opening one again.

The state forgets a pass once it is over. Whoever keeps the history gives it with the command, so that one goes back
into that very pass: the second of three items, with its data, the others done.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bihuan.engine.definition.model import Node, Process
from bihuan.engine.runtime.apply import apply
from bihuan.engine.runtime.cancelling import call_off_reworks, drop_incidents, empty_scope
from bihuan.engine.runtime.commands import CommandRejected
from bihuan.engine.runtime.elements.sub_process import declare
from bihuan.engine.runtime.events import (
    CallRequested,
    Event,
    ItemOpened,
    NodeEntered,
    ScopeClosed,
    ScopeOpened,
    VariablesSet,
)
from bihuan.engine.runtime.flows import stand
from bihuan.engine.runtime.inner_events import ActivityBegun, WaitOpened
from bihuan.engine.runtime.inside import listen_inside
from bihuan.engine.runtime.migration.events import InstanceMigrated
from bihuan.engine.runtime.outputs import close_local, map_inputs
from bihuan.engine.runtime.people.events import ActivitiesCounted, LoopRecounted
from bihuan.engine.runtime.run import Run
from bihuan.engine.runtime.state import ROOT, Scope, State, Token, new_state
from bihuan.engine.runtime.waits import close, listen


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass of the activity `node`; `scope` was its inside, `values` the data in it, `begun` (ad-hoc) what was
    begun in it.

    `number` is the round of a loop, or the repetition (from 1) of a multi-instance, whose scope `whole` had `total`
    repetitions for `items`.
    """

    node: str
    scope: int
    number: int = 0
    whole: int = 0
    total: int = 0
    items: list[Any] | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    begun: tuple[str, ...] = ()


def is_special(node: Node) -> bool:
    """Whether one can only go back into a sub-process by saying which pass."""
    return node.loop is not None or node.by_event or node.ad_hoc is not None


def passes_around(state: State, token: Token) -> tuple[Pass, ...]:
    """The passes a token stands in, outermost first; none while something is being undone around it."""
    found: list[Pass] = []
    scope = state.scopes[token.scope]
    if scope.kind == "each" and scope.node == token.node:
        found.append(_of_many(state, scope, scope))
    while scope.id != ROOT:
        owner = state.tokens[scope.token]
        if scope.kind == "undo":
            return ()
        if scope.kind == "sub":
            around = state.scopes[owner.scope]
            many = around.kind == "each" and around.node == scope.node
            one = _of_many(state, around, scope) if many else Pass(scope.node, scope.id, owner.loop)
            found.insert(0, replace(one, values=dict(scope.variables), begun=tuple(scope.items or ())))
        scope = state.scopes[owner.scope]
    return tuple(found)


def _of_many(state: State, each: Scope, inside: Scope) -> Pass:
    multi = state.scopes[each.parent]
    return Pass(each.node, inside.id, int(each.variables["loopCounter"]), multi.id, multi.total, multi.items)


def passes_in(history: Iterable[Event], waits: Collection[int]) -> dict[int, tuple[Pass, ...]]:
    """The passes in which these items were opened and these calls made, as they stood when they were over."""
    state, found = new_state(), dict[int, tuple[Pass, ...]]()
    over: dict[int, Scope] = {}
    for event in history:
        if isinstance(event, ScopeClosed) and state.scopes[event.scope].kind == "sub":
            over[event.scope] = state.scopes[event.scope]
        apply(state, event)
        if isinstance(event, InstanceMigrated):
            for scope in over.values():
                scope.items = [name for name in (event.new_id(old) for old in scope.items or ()) if name]
            moved = {wait: tuple(_moved(one, event) for one in passes) for wait, passes in found.items()}
            # What the new version does not have was no pass of anything in it.
            found = {wait: passes for wait, passes in moved.items() if all(one.node for one in passes)}
        if isinstance(event, (ItemOpened, CallRequested)) and event.wait in waits:
            token = state.tokens[event.token]
            found[event.wait] = passes_around(state, token)
            if isinstance(event, CallRequested) and token.loop and state.scopes[token.scope].kind != "each":
                found[event.wait] += (Pass(token.node, ROOT, token.loop),)
    return {wait: tuple(_at_last(one, over.get(one.scope)) for one in passes) for wait, passes in found.items()}


def _moved(one: Pass, event: InstanceMigrated) -> Pass:
    """The pass as the version knows it that the instance is on now."""
    return replace(one, node=event.new_id(one.node), begun=tuple(filter(None, map(event.new_id, one.begun))))


def _at_last(one: Pass, scope: Scope | None) -> Pass:
    return one if scope is None else replace(one, values=dict(scope.variables), begun=tuple(scope.items or ()))


def refuse_unclear(node: Node, held: Pass | None, label: str) -> None:
    """Refuse to open a sub-process without its pass where that cannot be told."""
    if node.by_event and held is None:
        raise CommandRejected(f"「{label}」在「{node.label}」里面，那里要由它的事件开始")
    if node.loop is not None and not node.loop.standard and held is None:
        raise CommandRejected(f"「{label}」在「{node.label}」里面，那里一项一项地办，要从它的开头重新办")


def refuse_elsewhere(process: Process, state: State, token: Token, into: Iterable[Pass]) -> None:
    """Refuse to leave the pass a token stands in for another one of what is open around both."""
    own = {one.node: one for one in passes_around(state, token)}
    for one in into:
        held, node = own.get(one.node), process.nodes[one.node]
        if held is not None and (held.number != one.number or (node.by_event and held.scope != one.scope)):
            raise CommandRejected(f"「{node.label}」里要去的是另一项，请从那一项跳转，或跳转整个流程")


def open_pass(run: Run, node: Node, scope: int, held: Pass | None, *, quiet: bool) -> int:
    """Stand in a sub-process without starting it, as in the pass `held`. Raises Trouble.

    `quiet`: nothing listens at its edges or inside, and nobody may begin anything, since only one step in it is done.
    """
    return open_inside(run, node, stand_in_pass(run, node, scope, held, quiet=quiet), held, quiet=quiet)


def stand_in_pass(run: Run, node: Node, scope: int, held: Pass | None, *, quiet: bool) -> Token:
    """The token of that pass, with the activity as a whole standing around it. Raises Trouble."""
    token = stand(run, node.id, scope)
    owner = token
    if node.loop is not None and node.loop.standard:
        run.emit(NodeEntered(node.id, token.id, scope, "", max(held.number if held is not None else 0, 1)))
        owner = run.state.tokens[token.id]
    elif node.loop is not None and held is not None:
        owner = _repetition(run, node, token, held, quiet=quiet)
    if node.boundary and not quiet:
        listen(run, [run.process.nodes[event] for event in node.boundary], token.id, scope, scope)
    return owner


def open_inside(run: Run, node: Node, owner: Token, held: Pass | None, *, quiet: bool) -> int:
    """The inside of a sub-process at which `owner` stands. Raises Trouble."""
    map_inputs(run, node, owner)
    inner = run.new_id()
    run.emit(ScopeOpened(inner, owner.data, node.id, owner.id, "sub"))
    if held is not None and held.values:
        run.emit(VariablesSet(inner, dict(held.values)))
    else:
        declare(run, node, inner)
    if not quiet:
        listen_inside(run, node.id, inner)
    if node.ad_hoc is not None and not quiet:
        run.emit(WaitOpened(run.new_id(), "adhoc", node.id, owner.id))
        if held is not None and held.begun:
            run.emit(ActivitiesCounted(inner, list(held.begun)))
    return inner


def inside_from(state: State, whole: Token, number: int, *, alone: bool) -> list[Token]:
    """What runs in a repeated activity from this pass on, or in this one `alone`."""
    held = [scope for scope in state.scopes.values() if scope.token == whole.id and scope.kind in ("each", "sub")]
    if alone or any(scope.kind == "each" for scope in held):
        held = [scope for scope in held if _is_from(scope, number, alone=alone)]
    return [token for token in state.tokens.values() if token.scope in {scope.id for scope in held}]


def _is_from(each: Scope, number: int, *, alone: bool) -> bool:
    own = int(each.variables.get("loopCounter", 0))
    return own == number if alone else own >= number


def begin_again(run: Run, whole: Token, held: Pass) -> Token:
    """Stand in a pass of a repeated activity that is still open: a round of a loop, one of many, in a row those behind
    it to be done too."""
    state, node = run.state, run.node(whole)
    loop = node.loop
    assert loop is not None
    if loop.standard:
        _leave_round(run, whole)
        run.emit(NodeEntered(node.id, whole.id, whole.scope, whole.flow, held.number))
        return state.tokens[whole.id]
    multi = next(scope for scope in state.scopes.values() if scope.kind == "multi" and scope.token == whole.id)
    alone = not loop.sequential
    open_ = [scope for scope in state.scopes.values() if scope.kind == "each" and scope.parent == multi.id]
    for scope in [scope for scope in open_ if _is_from(scope, held.number, alone=alone)]:
        empty_scope(run, scope.id)
        run.emit(ScopeClosed(scope.id))
        open_.remove(scope)
    begun = multi.started - 1 if alone else held.number - 1
    results = None if multi.results is None else [*multi.results]
    if results is not None:
        results[held.number - 1 : held.number if alone else None] = [None] * (1 if alone else multi.total - begun)
    run.emit(LoopRecounted(multi.id, begun, begun - len(open_), results))
    return _stand_for(run, node, multi, whole.id, held.number)


def _leave_round(run: Run, whole: Token) -> None:
    """What runs in the present round of a loop is given up; the events at the edge of the whole keep listening."""
    drop_incidents(run, whole)
    for scope in [scope for scope in run.state.scopes.values() if scope.token == whole.id and scope.kind == "sub"]:
        empty_scope(run, scope.id)
        run.emit(ScopeClosed(scope.id))
    own = [wait for wait in run.state.waits.values() if wait.token == whole.id and wait.kind in ("adhoc", "call")]
    for wait in own:
        call_off_reworks(run, wait.id)
        close(run, wait)
    close_local(run, whole)


def _stand_for(run: Run, node: Node, multi: Scope, whole: int, number: int) -> Token:
    """A token for one of many, with its number and item."""
    each = run.new_id()
    run.emit(ScopeOpened(each, multi.id, node.id, whole, "each"))
    values: dict[str, Any] = {"loopCounter": number}
    if node.loop is not None and node.loop.item and multi.items is not None:
        values[node.loop.item] = multi.items[number - 1]
    run.emit(VariablesSet(each, values))
    token = run.new_id()
    run.emit(NodeEntered(node.id, token, each, "", number))
    return run.state.tokens[token]


def _repetition(run: Run, node: Node, token: Token, held: Pass, *, quiet: bool) -> Token:
    """The whole again with all its repetitions done but one; in a row those behind it are to be done too, unless only
    this one is redone for somebody who waits (`quiet`)."""
    loop = node.loop
    assert loop is not None
    multi = run.new_id()
    run.emit(ScopeOpened(multi, token.scope, node.id, token.id, "multi", held.total, held.items, bool(loop.output)))
    over = held.number - 1 if loop.sequential and not quiet else held.total - 1
    run.emit(LoopRecounted(multi, over, over, _results(run, loop.output, held)))
    return _stand_for(run, node, run.state.scopes[multi], token.id, held.number)


def _results(run: Run, output: str, held: Pass) -> list[Any] | None:
    """What the other repetitions have given, as the variable they were gathered in still has it."""
    if not output:
        return None
    kept = run.state.variables.get(output)
    results = [*kept] if isinstance(kept, list) and len(kept) == held.total else [None] * held.total
    results[held.number - 1] = None
    return results


def note_begun(run: Run, scope: int, activity: str) -> None:
    """In an ad-hoc sub-process, what is gone to counts as begun."""
    held = run.state.scopes[scope]
    node = run.process.nodes.get(held.node)
    if node is not None and node.ad_hoc is not None and activity in run.process.levels[node.id].starts:
        run.emit(ActivityBegun(scope, activity))


def count_back(run: Run, scope: int, activity: str) -> None:
    """In an ad-hoc sub-process in turn, what was begun from this activity on is to be begun again."""
    begun = run.state.scopes[scope].items or []
    if activity in begun:
        run.emit(ActivitiesCounted(scope, begun[: begun.index(activity)]))
