"""Going back, and jumping: which tokens go, which stay, and where the instance stands afterwards.

`plan_*` say it without doing it, so that a person can be told before they confirm; what they refuse is refused alike.
"""

from __future__ import annotations

from dataclasses import dataclass

from bihuan.engine.definition.model import Process
from bihuan.engine.runtime.cancelling import cancel_token
from bihuan.engine.runtime.commands import CommandRejected
from bihuan.engine.runtime.events import NodeEntered, ScopeOpened
from bihuan.engine.runtime.flows import arrive, stand
from bihuan.engine.runtime.inside import listen_inside
from bihuan.engine.runtime.outputs import map_inputs
from bihuan.engine.runtime.people import commands as c
from bihuan.engine.runtime.people.events import ItemParked, Moved, ReworkBegun
from bihuan.engine.runtime.people.parking import parked_by, withdraw_asks
from bihuan.engine.runtime.people.ways import is_join, loose_reach, reach, stand_ins, starved
from bihuan.engine.runtime.run import Run, Trouble
from bihuan.engine.runtime.state import ROOT, State, Token, Wait
from bihuan.engine.runtime.waits import listen

PERSONAL = frozenset({"userTask", "manualTask"})


@dataclass(frozen=True, slots=True)
class Move:
    """What a move does: the tokens that go (with all that runs inside them), and the way to the target.

    `scope` is the level where it happens, `path` the nodes to be entered there: sub-processes that open again around
    the target, then the target. `origin` is the token it starts from, in that scope. With `stays` the origin's work
    goes on: the branch beside it is what is done again. `placed` are branches that were done and stay done: they get
    their place at the join (scope level, join, flow) again.
    """

    origin: int
    scope: int
    path: tuple[str, ...]
    gone: tuple[int, ...]
    stays: bool = False
    placed: tuple[tuple[int, str, str], ...] = ()

    @property
    def target(self) -> str:
        return self.path[-1]


def plan_send_back(process: Process, state: State, command: c.SendBack) -> Move:
    """What sending back does. Raises CommandRejected where it cannot be done."""
    wait = _source(state, command.wait)
    target = process.nodes.get(command.target)
    if target is None or target.kind not in PERSONAL:
        raise CommandRejected("只能退回到由人办理的环节")
    if any(ask.item == wait.id for ask in state.asks.values()):
        raise CommandRejected("您是被请来看这一步的，请选不同意并写明原因，由请您的人退回")
    origin, scope, path = _place(process, state, state.tokens[wait.token], command.target)
    if command.straight:
        return _plan_straight(state, wait, origin, scope, path, command.target)
    move = _plan_again(process, state, origin, scope, path)
    if path == (origin.node,):
        raise CommandRejected(f"「{target.label}」就是现在的环节")
    return move


def _plan_straight(state: State, wait: Wait, origin: Token, scope: int, path: tuple[str, ...], target: str) -> Move:
    if wait.kind != "item":
        raise CommandRejected("只有待办的环节才能让对方办完直接回到这里")
    if any(rework.wait == wait.id for rework in state.reworks.values()):
        raise CommandRejected("已经请前面的环节重办，办完会直接回到这里")
    if state.tokens[wait.token].node == target:
        raise CommandRejected("这就是现在的环节")
    return Move(origin.id, scope, path, (), stays=True)


def _plan_again(process: Process, state: State, origin: Token, scope: int, path: tuple[str, ...]) -> Move:
    here = [token for token in state.tokens.values() if token.scope == scope]
    beside = [token for token in here if token.id != origin.id]
    level = process.nodes[path[0]].parent
    placed = [(0, *place) for place in stand_ins(process, path[0], origin.node, beside, level)]
    again = reach(process, [path[0]], others=beside, placed=[place[1:] for place in placed])
    gone = tuple(token.id for token in here if again.holds(process, token))
    # A token that only redoes a step for somebody who waits is on no way of its own.
    aside = {rework.top for rework in state.reworks.values()}
    if not set(gone) - aside:
        label = process.nodes[path[-1]].label
        raise CommandRejected(f"从「{label}」走不到现在的环节，不能退回到那里")
    for depth, inner in enumerate(path[1:], start=1):
        placed += [(depth, *place) for place in stand_ins(process, inner, "", (), path[depth - 1])]
    move = Move(origin.id, scope, path, gone, stays=origin.id not in gone, placed=tuple(placed))
    _refuse_starving(process, here, move)
    return move


def plan_jump(process: Process, state: State, command: c.Jump) -> Move:
    """What an administrator's jump does. Raises CommandRejected where the rest could never end."""
    target = process.nodes.get(command.target)
    if target is None:
        raise CommandRejected("流程里没有这个环节")
    if target.kind in ("startEvent", "boundaryEvent") or target.by_event:
        raise CommandRejected(f"不能跳到「{target.label}」，请选它后面的环节")
    if is_join(target):
        raise CommandRejected(f"「{target.label}」是汇合点，请选它前面或后面的环节")
    if not command.source:
        all_here = [token for token in state.tokens.values() if token.scope == ROOT]
        move = Move(0, ROOT, _path(process, command.target, ""), tuple(token.id for token in all_here))
        _refuse_starving(process, all_here, move)
        return move
    origin, scope, path = _place(process, state, _token_of(state, command.source), command.target)
    if any(rework.top == origin.id for rework in state.reworks.values()):
        raise CommandRejected("这一步是退回后重办的，办完就回到退回的环节；请从那里跳转")
    here = [token for token in state.tokens.values() if token.scope == scope]
    beside = [token for token in here if token.id != origin.id]
    back = reach(process, [path[0]], others=beside)
    gone = {token.id for token in here if back.holds(process, token)} | {origin.id}
    if not back.holds(process, origin) and path[0] not in reach(process, tokens=[origin], others=beside).nodes:
        # Behind a join: whoever was still to come there has been overtaken.
        gone |= {token.id for token in beside if path[0] in loose_reach(process, [token]).nodes}
    move = Move(origin.id, scope, path, tuple(sorted(gone)))
    _refuse_starving(process, here, move)
    return move


def _refuse_starving(process: Process, here: list[Token], move: Move) -> None:
    left = [token for token in here if token.id not in move.gone]
    served = {join for depth, join, _ in move.placed if not depth}
    waiting = starved(process, left, [move.path[0]]) - starved(process, here) - served
    if not move.placed:
        for inner in move.path[1:]:
            waiting |= starved(process, (), [inner])
    if waiting:
        join, label = process.nodes[min(waiting)], process.nodes[move.target].label
        raise CommandRejected(
            f"「{label}」在另一条并行分支上，去了那里汇合点「{join.label}」就等不齐了；请选分支之前或汇合之后的环节"
        )


def _source(state: State, wait: int) -> Wait:
    held = state.waits.get(wait)
    if held is None or not held.token:
        raise CommandRejected("这项工作已经办过或取消了")
    return held


def _token_of(state: State, source: int) -> Token:
    held = state.waits.get(source) or state.incidents.get(source)
    if held is None or held.token not in state.tokens:
        raise CommandRejected("这项工作已经办过或取消了")
    return state.tokens[held.token]


def _path(process: Process, target: str, level: str) -> tuple[str, ...]:
    """The sub-processes from a level down to a node in it, and the node."""
    path = [target]
    while process.nodes[path[0]].parent != level:
        path.insert(0, process.nodes[path[0]].parent)
    for outer in path[:-1]:
        node = process.nodes[outer]
        if node.loop is not None or node.by_event or node.kind == "adHocSubProcess":
            raise CommandRejected(f"「{process.nodes[target].label}」在「{node.label}」里面，要从它的开头重新办")
    return tuple(path)


def _place(process: Process, state: State, token: Token, target: str) -> tuple[Token, int, tuple[str, ...]]:
    """The innermost open level around the token that also holds the target, with the token's ancestor there."""
    levels = {""}
    node = process.nodes[target]
    while node.parent:
        levels.add(node.parent)
        node = process.nodes[node.parent]
    while True:
        scope = state.scopes[token.scope]
        level = "" if scope.id == ROOT else scope.node
        if scope.kind in ("process", "sub") and level in levels:
            return token, scope.id, _path(process, target, level)
        token = state.tokens[scope.token]


def send_back(run: Run, command: c.SendBack) -> None:
    """Return to a step passed before."""
    move = plan_send_back(run.process, run.state, command)
    wait = run.state.waits[command.wait]
    if command.straight:
        withdraw_asks(run, wait.id)
        run.emit(Moved(wait.node, move.target, "straight"))
        _redo(run, wait, move)
        return
    run.emit(Moved(wait.node, move.target, "send_back"))
    _go(run, move)


def call_off_rework(run: Run, command: c.CallOffRework) -> None:
    """The step sent back straight need not be redone."""
    wait = _source(run.state, command.wait)
    rework = next((each for each in run.state.reworks.values() if each.wait == wait.id), None)
    if rework is None:
        raise CommandRejected("没有请前面的环节重办")
    run.emit(Moved(run.state.tokens[rework.token].node, wait.node, "recall"))
    cancel_token(run, run.state.tokens[rework.top])


def jump(run: Run, command: c.Jump) -> None:
    """Stand somewhere else, by order of an administrator."""
    move = plan_jump(run.process, run.state, command)
    origin = run.state.tokens[move.origin].node if move.origin else ""
    run.emit(Moved(origin, move.target, "jump"))
    _go(run, move)


def _go(run: Run, move: Move) -> None:
    for token in move.gone:
        if token in run.state.tokens:
            cancel_token(run, run.state.tokens[token])
    scope = _open_levels(run, move, quiet=False)
    if scope is not None:
        arrive(run, move.target, scope)


def _redo(run: Run, wait: Wait, move: Move) -> None:
    if not parked_by(run.state, wait.id):
        run.emit(ItemParked(wait.id))
    first = run.state.next_id
    scope = _open_levels(run, move, quiet=True)
    if scope is None:
        return
    token = run.new_id()
    run.emit(NodeEntered(move.target, token, scope))
    run.emit(ReworkBegun(token, wait.id, first))
    run.queue.append(token)


def _place_again(run: Run, move: Move, depth: int, scope: int) -> None:
    for level, join, flow in move.placed:
        if level == depth:
            run.emit(NodeEntered(join, run.new_id(), scope, flow))


def _open_levels(run: Run, move: Move, *, quiet: bool) -> int | None:
    """Open sub-processes inside one another without starting them; None if an incident holds one of them.

    `quiet`: nothing listens at their edges or inside, since only one step in them is done.
    """
    scope = move.scope
    _place_again(run, move, 0, scope)
    for depth, sub in enumerate(move.path[:-1], start=1):
        node = run.process.nodes[sub]
        token = stand(run, sub, scope)
        try:
            map_inputs(run, node, token)
            if node.boundary and not quiet:
                listen(run, [run.process.nodes[event] for event in node.boundary], token.id, scope, scope)
            inner = run.new_id()
            run.emit(ScopeOpened(inner, token.data, sub, token.id, "sub"))
            if not quiet:
                listen_inside(run, sub, inner)
        except Trouble as trouble:
            run.incident(token, "enter", trouble.reason)
            return None
        scope = inner
        _place_again(run, move, depth, scope)
    return scope
