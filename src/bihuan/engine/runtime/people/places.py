"""Where a move happens: the innermost level around its target that is open, whoever stands in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bihuan.engine.definition.model import Node, Process
from bihuan.engine.runtime.people.passes import Pass, is_special, refuse_unclear
from bihuan.engine.runtime.people.rework import redoing
from bihuan.engine.runtime.people.ways import flows_back, loose_reach
from bihuan.engine.runtime.state import ROOT, Scope, State, Token


@dataclass(frozen=True, slots=True)
class Place:
    """The level `scope`, and the nodes to be entered in it: closed sub-processes around the target, then the target.

    `own` is the mover's token in that level, None if the mover stands elsewhere. `whole` is the token of the first node
    on the path where that is open, but the pass asked for is not.
    """

    scope: int
    path: tuple[str, ...]
    own: Token | None
    whole: Token | None = None


def place_of(process: Process, state: State, mover: Token, target: str, passes: Mapping[str, Pass]) -> Place:
    """The innermost open level around the target in these passes. Refused where it is not clear which pass."""
    mine = _levels_of(state, mover)
    aside = redoing(state) - {state.scopes[scope].token for scope in mine}
    scope, path = ROOT, _way_down(process, target)
    while len(path) > 1:
        inner = _inside(state, process, path[0], scope, passes, aside, mine)
        if inner is None:
            break
        scope, path = inner.id, path[1:]
    for outer in path[:-1]:
        refuse_unclear(process.nodes[outer], passes.get(outer), process.nodes[target].label)
    whole = None
    first = process.nodes[path[0]]
    if first.loop is not None and first.id in passes and first.signoff is None:
        here = (token for token in state.tokens.values() if token.scope == scope and token.node == first.id)
        whole = next((token for token in here if token.id not in aside), None)
    return Place(scope, tuple(path), mine.get(scope), whole)


def level_of(process: Process, state: State, token: Token, target: str) -> tuple[Token, int]:
    """The innermost open level around a token that also holds the target, with the token's ancestor there."""
    levels = {process.nodes[node].parent for node in _way_down(process, target)}
    while True:
        scope = state.scopes[token.scope]
        if scope.kind in ("process", "sub") and ("" if scope.id == ROOT else scope.node) in levels:
            return token, scope.id
        token = state.tokens[scope.token]


def path_to(process: Process, target: str, level: str, passes: Mapping[str, Pass]) -> tuple[str, ...]:
    """The sub-processes from a level down to a node in it, and the node. Refused where it is not clear which pass."""
    way = _way_down(process, target)
    path = way[next(index for index, node in enumerate(way) if process.nodes[node].parent == level) :]
    for outer in path[:-1]:
        refuse_unclear(process.nodes[outer], passes.get(outer), process.nodes[target].label)
    return tuple(path)


def whose_way(process: Process, state: State, scope: int, entry: str) -> Token | None:
    """Who of those walking in a level has come by the entry; None where nobody walks."""
    aside = redoing(state)
    walking = [token for token in state.tokens.values() if token.scope == scope and token.id not in aside]
    behind = loose_reach(process, (), [entry], flows_back(process, process.nodes[entry].parent)).nodes
    return next((token for token in walking if token.node in behind), walking[0] if walking else None)


def _way_down(process: Process, target: str) -> list[str]:
    way = [target]
    while process.nodes[way[0]].parent:
        way.insert(0, process.nodes[way[0]].parent)
    return way


def _levels_of(state: State, token: Token) -> dict[int, Token]:
    """The token, and those whose inside it is in, by the scope they stand in."""
    found = {token.scope: token}
    while token.scope != ROOT:
        token = state.tokens[state.scopes[token.scope].token]
        found[token.scope] = token
    return found


def _inside(
    state: State,
    process: Process,
    sub: str,
    level: int,
    passes: Mapping[str, Pass],
    aside: set[int],
    mine: Mapping[int, Token],
) -> Scope | None:
    """The open inside of a sub-process in a level: of the pass asked for, else the mover's own, else the only one."""
    node, held = process.nodes[sub], passes.get(sub)
    insides = [
        scope
        for scope in state.scopes.values()
        if scope.kind == "sub" and scope.node == sub and scope.token not in aside and _level(state, scope) == level
    ]
    if held is not None and is_special(node):
        insides = [scope for scope in insides if _is_pass(process, state, node, scope, held)]
    elif node.by_event or (node.loop is not None and not node.loop.standard):
        insides = [scope for scope in insides if scope.id in mine]
    return next((scope for scope in insides if scope.id in mine), insides[0] if insides else None)


def _level(state: State, inside: Scope) -> int:
    """The level in which the sub-process of this inside stands."""
    around = state.scopes[state.tokens[inside.token].scope]
    if around.kind == "each" and around.node == inside.node:
        return state.tokens[around.token].scope
    return around.id


def _is_pass(process: Process, state: State, node: Node, inside: Scope, held: Pass) -> bool:
    """Whether that pass is this one. What was taken back has another scope, but its number."""
    owner = state.tokens[inside.token]
    if node.loop is not None:
        return owner.loop == held.number
    if node.by_event and not any(process.nodes[trigger].interrupting for trigger in process.levels[node.id].triggers):
        return inside.id == held.scope
    return True
