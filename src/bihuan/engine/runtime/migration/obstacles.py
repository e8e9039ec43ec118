"""What keeps one instance from moving to another version: told by step and reason, before anything is touched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from msgspec.structs import replace

from bihuan.engine.definition.model import Node
from bihuan.engine.runtime.migration.listening import Listening
from bihuan.engine.runtime.migration.plan import MigrationPlan, name_of
from bihuan.engine.runtime.people.rework import redoing
from bihuan.engine.runtime.people.ways import is_join, reach, starved
from bihuan.engine.runtime.state import ROOT, Scope, State, Token


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why an instance cannot move: at `node` (an id of the old version, "" for the whole), in words."""

    node: str
    reason: str


def obstacles(plan: MigrationPlan, state: State) -> list[Obstacle]:
    """Everything in the way of an instance; nothing is, if the list is empty."""
    if state.status not in ("running", "suspended"):
        return [Obstacle("", "流程已经结束" if state.status == "ended" else "流程还没有开始")]
    undoing = [scope for scope in state.scopes.values() if scope.kind == "undo"]
    if undoing or any(record.by for record in state.records.values()):
        return [Obstacle(undoing[0].node if undoing else "", "正在补偿已经办过的环节，等补偿结束再迁移")]
    found = [
        *_of_tokens(plan, state),
        *_of_joins(plan, state),
        *_of_records(plan, state),
    ]
    if found:
        return list(dict.fromkeys(found))
    ahead = [*_of_branches(plan, state), *_of_standing_still(plan, state)]
    return list(dict.fromkeys(ahead))


def level_of(state: State, token: Token) -> Scope:
    """The process or sub-process that a token runs in."""
    scope = state.scopes[token.scope]
    while scope.kind in ("each", "multi", "local"):
        scope = state.scopes[scope.parent]
    return scope


def _of_tokens(plan: MigrationPlan, state: State) -> Iterator[Obstacle]:
    for token in state.tokens.values():
        node = plan.old.nodes[token.node]
        if node.id in plan.refused:
            yield Obstacle(node.id, plan.refused[node.id])
        elif node.id not in plan.nodes:
            yield Obstacle(node.id, f"新版本没有「{name_of(node)}」，也没有指定由哪个环节接着办")
        else:
            yield from _of_level(plan, state, token, node)


def _of_level(plan: MigrationPlan, state: State, token: Token, node: Node) -> Iterator[Obstacle]:
    level = level_of(state, token)
    around = "" if level.id == ROOT else plan.nodes.get(level.node)
    target = plan.new.nodes[plan.nodes[node.id]]
    if around is not None and target.parent != around:
        where = f"移进了「{name_of(plan.new.nodes[target.parent])}」" if target.parent else "移出了子流程"
        yield Obstacle(node.id, f"「{name_of(node)}」在新版本里{where}")


def _of_joins(plan: MigrationPlan, state: State) -> Iterator[Obstacle]:
    """Whoever waits at a join must have come by a branch that the new one has too, and each by one of its own."""
    waiting = [
        (token.node, token.scope, [token.flow])
        for token in state.tokens.values()
        if token.node in plan.nodes and is_join(plan.old.nodes[token.node])
    ]
    waiting += [(node, scope, flows) for (scope, node), flows in state.gateways.items() if node in plan.nodes]
    for node_id, _, flows in waiting:
        node, incoming = plan.old.nodes[node_id], plan.new.nodes[plan.nodes[node_id]].incoming
        if any(flow and plan.flows.get(flow) not in incoming for flow in flows):
            yield Obstacle(node_id, f"「{name_of(node)}」等的分支变了，已经到的分支在新版本里找不到")


def _of_records(plan: MigrationPlan, state: State) -> Iterator[Obstacle]:
    for record in state.records.values():
        if record.node not in plan.nodes:
            label = name_of(plan.old.nodes[record.node])
            yield Obstacle(record.node, f"「{label}」办过了，需要时要能补偿，新版本里没有它")


def _of_branches(plan: MigrationPlan, state: State) -> Iterator[Obstacle]:
    """Nobody may wait for a branch that was never begun, and no step may be come to by two that ran side by side."""
    aside = redoing(state)
    for scope in state.scopes.values():
        if scope.kind not in ("process", "sub"):
            continue
        here = [token for token in state.tokens.values() if token.scope == scope.id and token.id not in aside]
        places = tuple(sorted((token.node, token.flow) for token in here))
        # Of thousands of instances most stand at the same places.
        if places not in plan.looked_at:
            plan.looked_at[places] = tuple((each.node, each.reason) for each in _from_places(plan, places))
        yield from (Obstacle(*each) for each in plan.looked_at[places])


def _from_places(plan: MigrationPlan, places: Iterable[tuple[str, str]]) -> Iterator[Obstacle]:
    here = [Token(number, node, ROOT, flow) for number, (node, flow) in enumerate(places, start=1)]
    moved = [replace(token, node=plan.nodes[token.node], flow=plan.flows.get(token.flow, "")) for token in here]
    before = {plan.nodes.get(join, "") for join in starved(plan.old, here)}
    for join in sorted(starved(plan.new, moved) - before):
        label = name_of(plan.new.nodes[join])
        yield Obstacle(here[0].node, f"新版本的「{label}」要等另一条分支，这件已经走过了分叉，那条分支不会再来")
    for index, token in enumerate(moved):
        ways = reach(plan.new, tokens=[token], others=[other for other in moved if other is not token])
        ways_before = reach(plan.old, tokens=[here[index]], others=[one for one in here if one is not here[index]])
        for other, old in zip(moved, here, strict=True):
            met = other.node in ways.nodes and old.node not in ways_before.nodes
            if met and other.node != token.node and not is_join(plan.new.nodes[other.node]):
                first, then = name_of(plan.new.nodes[token.node]), name_of(plan.new.nodes[other.node])
                yield Obstacle(old.node, f"「{first}」和「{then}」原来同时办，新版本里先后办，「{then}」会办两遍")


def _of_standing_still(plan: MigrationPlan, state: State) -> Iterator[Obstacle]:
    """A suspended instance takes no step, so nothing in it may have to be looked at again."""
    if state.status == "suspended":
        for token in Listening(plan, state).to_look_at():
            label = name_of(plan.old.nodes[token.node])
            yield Obstacle(token.node, f"「{label}」等的内容变了，请先恢复流程再迁移")
