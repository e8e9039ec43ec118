"""What a move does, and doing it: tokens go, sub-processes open again around the target, the target is entered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bihuan.engine.definition.model import Node
from bihuan.engine.runtime.cancelling import cancel_token
from bihuan.engine.runtime.commands import CommandRejected
from bihuan.engine.runtime.events import IncidentRaised, NodeEntered
from bihuan.engine.runtime.flows import stand
from bihuan.engine.runtime.inner_events import GatewayReset
from bihuan.engine.runtime.inside import listen_inside
from bihuan.engine.runtime.people.events import ItemParked, ReworkBegun
from bihuan.engine.runtime.people.parking import parked_by
from bihuan.engine.runtime.people.passes import (
    Pass,
    begin_again,
    count_back,
    note_begun,
    open_inside,
    open_pass,
    stand_in_pass,
)
from bihuan.engine.runtime.run import Run, Trouble
from bihuan.engine.runtime.state import State, Wait


@dataclass(frozen=True, slots=True)
class Move:
    """What a move does: the tokens that go (with all that runs inside them), and the way to the target.

    `scope` is the level where it happens, `path` the nodes to be entered there: sub-processes that open again around
    the target, then the target. `origin` is the token it starts from, in that scope. With `stays` the origin's work
    goes on: the branch beside it is what is done again. `placed` are branches that were done and stay done: they get
    their place at the join (scope level, join, flow) again. `passes` says by node in which pass of a sub-process on
    the path; `resumes`: the level goes on that an event sub-process had interrupted; `whole` is the token of a repeated
    activity on the path that is still open: only the pass is opened in it. Complex gateways that begin `anew` have gone
    on, and what they let go on is done again.
    """

    origin: int
    scope: int
    path: tuple[str, ...]
    gone: tuple[int, ...]
    stays: bool = False
    placed: tuple[tuple[int, str, str], ...] = ()
    passes: Mapping[str, Pass] = field(default_factory=dict)
    resumes: bool = False
    whole: int = 0
    anew: tuple[str, ...] = ()

    @property
    def target(self) -> str:
        return self.path[-1]


def refuse_unopenable(run: Run, move: Move, *, quiet: bool) -> None:
    """Tried on a copy: a sub-process whose inputs or events cannot be computed would be neither open nor closed."""
    if len(move.path) == 1 and move.target not in move.passes:
        return
    trial = Run(run.process, State.from_json(run.state.to_text()), run.now, run.context, run.elements)
    try:
        _stand_at_target(trial, move, _open_levels(trial, move, quiet=quiet), quiet=quiet)
    except Trouble as trouble:
        raise CommandRejected(trouble.reason) from None


def go(run: Run, move: Move) -> None:
    for token in move.gone:
        if token in run.state.tokens:
            cancel_token(run, run.state.tokens[token])
    for node in move.anew:
        run.emit(GatewayReset(node, move.scope))
    if move.resumes:
        try:
            listen_inside(run, run.process.nodes[move.path[0]].parent, move.scope)
        except Trouble as trouble:
            run.emit(IncidentRaised(run.new_id(), move.path[0], trouble.reason, 0, "listen"))
    if move.whole and len(move.path) == 1:
        run.queue.append(begin_again(run, run.state.tokens[move.whole], move.passes[move.target]).id)
        return
    level = run.process.nodes.get(run.process.nodes[move.path[0]].parent)
    if level is not None and _in_turn(level) and not move.whole:
        count_back(run, move.scope, move.path[0])
    scope = _open_levels(run, move, quiet=False)
    note_begun(run, scope, move.target)
    run.queue.append(_stand_at_target(run, move, scope, quiet=False))


def redo(run: Run, wait: Wait, move: Move, behind: int) -> None:
    if not behind and not parked_by(run.state, wait.id):
        run.emit(ItemParked(wait.id))
    first = run.state.next_id
    scope = _open_levels(run, move, quiet=True)
    token = run.state.next_id
    entered = _stand_at_target(run, move, scope, quiet=True)
    run.emit(ReworkBegun(token, wait.id, first, behind))
    run.queue.append(entered)


def _stand_at_target(run: Run, move: Move, scope: int, *, quiet: bool) -> int:
    """The token to enter the target with: of many calls the one asked for, with the others done; many people do their
    step all again. Raises Trouble."""
    node, held = run.process.nodes[move.target], move.passes.get(move.target)
    if held is not None and node.loop is not None and node.kind == "callActivity":
        return stand_in_pass(run, node, scope, held, quiet=quiet).id
    return stand(run, node.id, scope).id


def _place_again(run: Run, move: Move, depth: int, scope: int) -> None:
    taken = {(token.node, token.flow) for token in run.state.tokens.values() if token.scope == scope}
    for level, join, flow in move.placed:
        if level == depth and (join, flow) not in taken:
            run.emit(NodeEntered(join, run.new_id(), scope, flow))


def _open_levels(run: Run, move: Move, *, quiet: bool) -> int:
    """Open sub-processes inside one another without starting them. Raises Trouble where one cannot be.

    `quiet`: nothing listens at their edges or inside, since only one step in them is done.
    """
    scope = move.scope
    _place_again(run, move, 0, scope)
    for depth, sub in enumerate(move.path[:-1], start=1):
        node, held = run.process.nodes[sub], move.passes.get(sub)
        try:
            if depth == 1 and move.whole and held is not None:
                whole = begin_again(run, run.state.tokens[move.whole], held)
                scope = open_inside(run, node, whole, held, quiet=False)
            else:
                if not quiet:
                    note_begun(run, scope, sub)
                scope = open_pass(run, node, scope, held, quiet=quiet)
        except Trouble as trouble:
            raise Trouble(f"「{node.label}」现在打不开：{trouble.reason}") from None
        if not quiet and _in_turn(node):
            count_back(run, scope, move.path[depth])
        _place_again(run, move, depth, scope)
    return scope


def _in_turn(node: Node) -> bool:
    return node.ad_hoc is not None and node.ad_hoc.sequential
