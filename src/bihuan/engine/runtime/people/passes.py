"""Passes: how a repeated, ad-hoc or event sub-process stood around a step when that was done, and opening one again.

The state forgets a pass once it is over. Whoever keeps the history gives it with the command, so that one goes back
into that very pass: the second of three items, with its data, the others done.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bihuan.engine.definition.model import Node
from bihuan.engine.runtime.apply import apply
from bihuan.engine.runtime.commands import CommandRejected
from bihuan.engine.runtime.elements.sub_process import declare
from bihuan.engine.runtime.events import Event, ItemOpened, NodeEntered, ScopeClosed, ScopeOpened, VariablesSet
from bihuan.engine.runtime.flows import stand
from bihuan.engine.runtime.inner_events import ActivityBegun, WaitOpened
from bihuan.engine.runtime.inside import listen_inside
from bihuan.engine.runtime.migration.events import InstanceMigrated
from bihuan.engine.runtime.outputs import map_inputs
from bihuan.engine.runtime.people.events import ActivitiesCounted, LoopRecounted
from bihuan.engine.runtime.run import Run, Trouble
from bihuan.engine.runtime.state import ROOT, Scope, State, Token, new_state
from bihuan.engine.runtime.waits import listen


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass of the sub-process `node`; `scope` was its inside, `values` the data in it, `begun` (ad-hoc) what was
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
    while scope.id != ROOT:
        owner = state.tokens[scope.token]
        if scope.kind == "undo":
            return ()
        if scope.kind == "sub":
            number, whole, total, items = owner.loop, 0, 0, None
            around = state.scopes[owner.scope]
            if around.kind == "each" and around.node == scope.node:
                multi = state.scopes[around.parent]
                number, whole, total, items = int(around.variables["loopCounter"]), multi.id, multi.total, multi.items
            begun = tuple(scope.items or ())
            found.insert(0, Pass(scope.node, scope.id, number, whole, total, items, dict(scope.variables), begun))
        scope = state.scopes[owner.scope]
    return tuple(found)


def passes_in(history: Iterable[Event], waits: Collection[int]) -> dict[int, tuple[Pass, ...]]:
    """The passes in which these items were opened, as they stood when they were over."""
    state, found = new_state(), dict[int, tuple[Pass, ...]]()
    over: dict[int, Scope] = {}
    for event in history:
        if isinstance(event, ScopeClosed) and state.scopes[event.scope].kind == "sub":
            over[event.scope] = state.scopes[event.scope]
        apply(state, event)
        if isinstance(event, InstanceMigrated):
            for scope in over.values():
                scope.items = [name for name in (event.new_id(old) for old in scope.items or ()) if name]
            found = {wait: tuple(_moved(one, event) for one in passes) for wait, passes in found.items()}
        if isinstance(event, ItemOpened) and event.wait in waits:
            found[event.wait] = passes_around(state, state.tokens[event.token])
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


def open_pass(run: Run, node: Node, scope: int, held: Pass | None, *, quiet: bool) -> int | None:
    """Stand in a sub-process without starting it, as in the pass `held`; None if an incident holds it.

    `quiet`: nothing listens at its edges or inside, and nobody may begin anything, since only one step in it is done.
    """
    token = stand(run, node.id, scope)
    owner = token
    try:
        if node.loop is not None and node.loop.standard:
            run.emit(NodeEntered(node.id, token.id, scope, "", max(held.number if held is not None else 0, 1)))
            owner = run.state.tokens[token.id]
        elif node.loop is not None and held is not None:
            owner = _repetition(run, node, token, held)
        map_inputs(run, node, owner)
        if node.boundary and not quiet:
            listen(run, [run.process.nodes[event] for event in node.boundary], token.id, scope, scope)
        inner = run.new_id()
        run.emit(ScopeOpened(inner, owner.data, node.id, owner.id, "sub"))
        if held is not None and held.values:
            run.emit(VariablesSet(inner, dict(held.values)))
        else:
            declare(run, node, inner)
        if not quiet:
            listen_inside(run, node.id, inner)
    except Trouble as trouble:
        run.incident(owner, "enter", trouble.reason)
        return None
    if node.ad_hoc is not None and not quiet:
        run.emit(WaitOpened(run.new_id(), "adhoc", node.id, owner.id))
        if held is not None and held.begun:
            run.emit(ActivitiesCounted(inner, list(held.begun)))
    return inner


def _repetition(run: Run, node: Node, token: Token, held: Pass) -> Token:
    """The whole again with all its repetitions done but one; in a row those behind it are to be done too."""
    loop = node.loop
    assert loop is not None
    multi = run.new_id()
    run.emit(ScopeOpened(multi, token.scope, node.id, token.id, "multi", held.total, held.items, bool(loop.output)))
    over = held.number - 1 if loop.sequential else held.total - 1
    run.emit(LoopRecounted(multi, over, over, _results(run, loop.output, held)))
    each = run.new_id()
    run.emit(ScopeOpened(each, multi, node.id, token.id, "each"))
    values: dict[str, Any] = {"loopCounter": held.number}
    if loop.item and held.items is not None:
        values[loop.item] = held.items[held.number - 1]
    run.emit(VariablesSet(each, values))
    owner = run.new_id()
    run.emit(NodeEntered(node.id, owner, each, "", held.number))
    return run.state.tokens[owner]


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
