"""Going back, and jumping: which tokens go, which stay, and where the instance stands afterwards.

`plan_*` say it without doing it, so that a person can be told before they confirm; what they refuse is refused alike.
"""

from __future__ import annotations

from dataclasses import replace

from bihuan.engine.definition.model import Node, Process
from bihuan.engine.runtime.cancelling import cancel_token
from bihuan.engine.runtime.commands import CommandRejected
from bihuan.engine.runtime.people import commands as c
from bihuan.engine.runtime.people.events import InstanceWoken, Moved
from bihuan.engine.runtime.people.moves import Move, go, redo, refuse_unopenable
from bihuan.engine.runtime.people.parking import REWORKED, refuse_sending_back, withdraw_asks
from bihuan.engine.runtime.people.passes import (
    Pass,
    inside_from,
    is_special,
    refuse_elsewhere,
)
from bihuan.engine.runtime.people.places import Place, level_of, path_to, place_of, whose_way
from bihuan.engine.runtime.people.rework import redoing, redone_from
from bihuan.engine.runtime.people.ways import Fired, is_join, loose_reach, reach, stand_ins, starved
from bihuan.engine.runtime.run import Run
from bihuan.engine.runtime.state import ROOT, State, Token, Wait

PERSONAL = frozenset({"userTask", "manualTask"})
RETURNABLE = PERSONAL | {"callActivity"}
"""What one may go back to: a person's step, or a call, whose process then runs again."""


def plan_send_back(process: Process, state: State, command: c.SendBack) -> Move:
    """What sending back does. Raises CommandRejected where it cannot be done."""
    wait = _source(state, command.wait)
    target = process.nodes.get(command.target)
    if target is None or target.kind not in RETURNABLE:
        raise CommandRejected("只能退回到由人办理的环节")
    refuse_sending_back(state, wait.id)
    passes = {one.node: one for one in command.into}
    # Walking the way again begins where those walk whose step is redone.
    token = state.tokens[wait.token] if command.straight else redone_from(state, state.tokens[wait.token])
    place = place_of(process, state, token, command.target, passes)
    if place.whole is None and place.own is not None and place.path == (place.own.node,):
        raise CommandRejected(f"「{target.label}」就是现在的环节")
    if command.straight:
        move = _plan_straight(process, state, wait, place, command.behind)
    elif place.whole is not None:
        move = _plan_pass(process, state, place, place.whole, passes[place.path[0]])
    else:
        move = _plan_again(process, state, place)
    _refuse_undoing(process, state, move)
    return replace(move, passes=passes)


def _plan_straight(process: Process, state: State, wait: Wait, place: Place, behind: int) -> Move:
    if wait.kind != ("call" if behind else "item"):
        raise CommandRejected("只有待办的环节才能让对方办完直接回到这里")
    asked_already = (rework.wait == wait.id and rework.behind == behind for rework in state.reworks.values())
    if wait.id in state.awaiting or any(asked_already):
        raise CommandRejected(REWORKED)
    if place.whole is not None and len(place.path) == 1:
        raise CommandRejected(f"「{process.nodes[place.path[0]].label}」还在一项一项地办，那一项只能重新办一遍")
    _refuse_gathering(process, place.path)
    return Move(0, place.scope, place.path, (), stays=True)


def _plan_pass(process: Process, state: State, place: Place, whole: Token, held: Pass) -> Move:
    """Into another pass of what is still open: of many side by side that one alone is done again; in a row, and of the
    rounds of a loop, the later ones are given up."""
    node = process.nodes[place.path[0]]
    loop = node.loop
    assert loop is not None
    multi = next((one for one in state.scopes.values() if one.kind == "multi" and one.token == whole.id), None)
    furthest = whole.loop if multi is None else multi.started
    if held.number > furthest:
        raise CommandRejected(f"「{node.label}」还没有办到那里，不能退回")
    gone = [token.id for token in inside_from(state, whole, held.number, alone=not (loop.standard or loop.sequential))]
    placed = tuple(_stand_ins_inside(process, place.path))
    stays = place.own is None or place.own.id != whole.id or not gone
    return Move(whole.id, place.scope, place.path, tuple(gone), stays=stays, placed=placed, whole=whole.id)


def _plan_again(process: Process, state: State, place: Place) -> Move:
    scope, path = place.scope, place.path
    here = [token for token in state.tokens.values() if token.scope == scope]
    aside = redoing(state)
    walking = [token for token in here if token.id not in aside]
    around = process.nodes.get(process.nodes[path[0]].parent)
    # Whoever asks from elsewhere keeps their own work; the way is walked again by who came by the target.
    origin = place.own or whose_way(process, state, scope, path[0])
    if origin is None:
        return Move(0, scope, path, (), stays=True)
    if place.own is None and path == (origin.node,):
        raise CommandRejected(f"「{process.nodes[path[0]].label}」正在办，不用退回")
    fired = _fired(state, scope)
    if _interrupts(process, process.nodes[origin.node]):
        # What the event had interrupted goes on from the target.
        move = Move(origin.id, scope, path, (origin.id,), resumes=True)
        _refuse_starving(process, walking, move, fired)
        return move
    if process.nodes[path[0]].by_event:
        raise CommandRejected(f"「{process.nodes[path[0]].label}」不通向现在的环节，只能请对方办完直接回到这里")
    beside = [token for token in walking if token.id != origin.id]
    level = around.id if around else ""
    placed = [(0, *one) for one in stand_ins(process, path[0], origin.node, beside, level, fired)]
    again = reach(process, [path[0]], others=beside, placed=[one[1:] for one in placed], fired=fired)
    gone = tuple(token.id for token in here if again.holds(process, token))
    if not set(gone) - aside and around is not None and around.ad_hoc is not None:
        return _plan_in_ad_hoc(around, origin, scope, path)
    if not set(gone) - aside:
        label = process.nodes[path[-1]].label
        raise CommandRejected(f"从「{label}」走不到现在的环节，不能退回到那里")
    stays = place.own is None or origin.id not in gone
    placed += _stand_ins_inside(process, path)
    anew = tuple(node for node in fired if node in again.nodes)
    move = Move(origin.id, scope, path, gone, stays=stays, placed=tuple(placed), anew=anew)
    _refuse_starving(process, walking, move, fired)
    return move


def _fired(state: State, scope: int) -> dict[str, list[str]]:
    return {node: flows for (level, node), flows in state.gateways.items() if level == scope}


def _stand_ins_inside(process: Process, path: tuple[str, ...]) -> list[tuple[int, str, str]]:
    """In each sub-process that opens again, the places at joins of the branches that were done."""
    return [
        (depth, *place)
        for depth, inner in enumerate(path[1:], start=1)
        for place in stand_ins(process, inner, "", (), path[depth - 1])
    ]


def _plan_in_ad_hoc(around: Node, origin: Token, scope: int, path: tuple[str, ...]) -> Move:
    """Between activities in no order: the other is begun again beside one's own; in turn one's own comes after it."""
    assert around.ad_hoc is not None
    if around.ad_hoc.sequential:
        return Move(origin.id, scope, path, (origin.id,))
    return Move(origin.id, scope, path, (), stays=True)


def _interrupts(process: Process, node: Node) -> bool:
    """Whether the node is an event sub-process that has interrupted what is around it."""
    return node.by_event and any(process.nodes[trigger].interrupting for trigger in process.levels[node.id].triggers)


def _refuse_gathering(process: Process, path: tuple[str, ...]) -> None:
    """A step redone by itself gives nothing to a list of results."""
    for outer in path[:-1]:
        loop = process.nodes[outer].loop
        if loop is not None and loop.output:
            raise CommandRejected(f"「{process.nodes[outer].label}」的结果要汇总，只能重新走一遍")


def _refuse_undoing(process: Process, state: State, move: Move) -> None:
    """What is being undone is neither done nor undone: nobody walks away from it half-way."""
    undoing = [state.tokens[scope.token] for scope in state.scopes.values() if scope.kind == "undo"]
    for thrower in undoing:
        token = thrower
        while token.id not in move.gone and token.scope != ROOT:
            token = state.tokens[state.scopes[token.scope].token]
        if token.id in move.gone:
            name = process.nodes[thrower.node].name
            raise CommandRejected(f"{f'「{name}」' if name else '流程'}正在撤销办过的工作（补偿），撤销完才能退回")


def plan_jump(process: Process, state: State, command: c.Jump) -> Move:
    """What an administrator's jump does. Raises CommandRejected where the rest could never end."""
    target = process.nodes.get(command.target)
    if target is None:
        raise CommandRejected("流程里没有这个环节")
    if target.kind in ("startEvent", "boundaryEvent") or target.by_event:
        raise CommandRejected(f"不能跳到「{target.label}」，请选它后面的环节")
    if is_join(target):
        raise CommandRejected(f"「{target.label}」是汇合点，请选它前面或后面的环节")
    passes = {one.node: one for one in command.into}
    if not command.source:
        all_here = [token for token in state.tokens.values() if token.scope == ROOT]
        path = path_to(process, command.target, "", passes)
        anew = tuple(_fired(state, ROOT))
        move = Move(0, ROOT, path, tuple(token.id for token in all_here), passes=passes, anew=anew)
        if command.others_done:
            move = _with_others_done(process, all_here, move)
        aside = redoing(state)
        walking = [token for token in all_here if token.id not in aside]
        _refuse_starving(process, walking, move, _fired(state, ROOT))
        return move
    token = redone_from(state, _token_of(state, command.source))
    aside = redoing(state)
    if token.id in aside:
        raise CommandRejected("这一步是退回后重办的，办完就回到退回的环节；请从那里跳转")
    origin, scope = level_of(process, state, token, command.target)
    path = path_to(process, command.target, "" if scope == ROOT else state.scopes[scope].node, passes)
    refuse_elsewhere(process, state, token, [one for one in command.into if one.node not in path])
    _refuse_open(process, state, scope, path)
    here = [token for token in state.tokens.values() if token.scope == scope]
    walking = [token for token in here if token.id not in aside]
    beside = [token for token in walking if token.id != origin.id]
    fired = _fired(state, scope)
    back = reach(process, [path[0]], others=beside, fired=fired)
    gone = {token.id for token in here if back.holds(process, token)} | {origin.id}
    if (
        not back.holds(process, origin)
        and path[0] not in reach(process, tokens=[origin], others=beside, fired=fired).nodes
    ):
        # Behind a join: whoever was still to come there has been overtaken.
        gone |= {token.id for token in beside if path[0] in loose_reach(process, [token]).nodes}
    resumes = _interrupts(process, process.nodes[origin.node])
    anew = tuple(node for node in fired if node in back.nodes)
    move = Move(origin.id, scope, path, tuple(sorted(gone)), passes=passes, resumes=resumes, anew=anew)
    if command.others_done:
        move = _with_others_done(process, walking, move)
    _refuse_starving(process, walking, move, fired)
    return move


def _with_others_done(process: Process, here: list[Token], move: Move) -> Move:
    """Every branch that will not come gets its place at the joins behind the target, as if it had been done."""
    left = [token for token in here if token.id not in move.gone]
    placed = [(0, *place) for place in stand_ins(process, move.path[0], "", left, process.nodes[move.path[0]].parent)]
    return replace(move, placed=(*placed, *_stand_ins_inside(process, move.path)))


def _refuse_starving(process: Process, here: list[Token], move: Move, fired: Fired) -> None:
    again = reach(process, [move.path[0]]).flows
    # Who comes once more by a flow that made a gateway go on is the first of its next round.
    late = {node for node, came in fired.items() if node not in move.anew and again.isdisjoint(came)}
    left = [token for token in here if token.id not in move.gone]
    served = {join for depth, join, _ in move.placed if not depth}
    waiting = starved(process, left, [move.path[0]], late) - starved(process, here, (), fired) - served
    if not move.placed:
        for inner in move.path[1:]:
            waiting |= starved(process, (), [inner])
    if waiting:
        label, name = process.nodes[move.target].label, process.nodes[min(waiting)].name
        join = f"汇合点「{name}」" if name else "汇合点"
        raise CommandRejected(f"「{label}」在另一条并行分支上，去了那里{join}就等不齐了；请选分支之前或汇合之后的环节")


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


def _refuse_open(process: Process, state: State, scope: int, path: tuple[str, ...]) -> None:
    """A sub-process of several passes that is still open would lose what runs in it."""
    if len(path) < 2 or not is_special(process.nodes[path[0]]):
        return
    aside = redoing(state)
    if any(token.node == path[0] and token.scope == scope and token.id not in aside for token in state.tokens.values()):
        raise CommandRejected(f"「{process.nodes[path[0]].label}」里还有人在办，请在它里面退回")


def send_back(run: Run, command: c.SendBack) -> None:
    """Return to a step passed before."""
    move = plan_send_back(run.process, run.state, command)
    wait = run.state.waits[command.wait]
    if command.straight:
        refuse_unopenable(run, move, quiet=True)
        withdraw_asks(run, wait.id)
        run.emit(Moved(wait.node, move.target, "straight"))
        redo(run, wait, move, command.behind)
        return
    refuse_unopenable(run, move, quiet=False)
    run.emit(Moved(wait.node, move.target, "send_back"))
    go(run, move)


def call_off_rework(run: Run, command: c.CallOffRework) -> None:
    """The step sent back straight need not be redone."""
    wait = _source(run.state, command.wait)
    mine = (each for each in run.state.reworks.values() if each.wait == wait.id and each.behind == command.behind)
    rework = next(mine, None)
    if rework is None:
        raise CommandRejected("没有请前面的环节重办")
    run.emit(Moved(run.state.tokens[rework.token].node, wait.node, "recall"))
    cancel_token(run, run.state.tokens[rework.top])


def reopen(run: Run, command: c.Reopen) -> None:
    """A process that is over runs again from a step of it to its end."""
    if run.state.status != "ended":
        raise CommandRejected("流程还在进行，请在它里面退回")
    move = plan_jump(run.process, run.state, c.Jump(ROOT, command.target, command.into, others_done=True))
    refuse_unopenable(run, move, quiet=False)
    run.emit(InstanceWoken())
    run.emit(Moved("", move.target, "wake"))
    go(run, replace(move, resumes=True))


def jump(run: Run, command: c.Jump) -> None:
    """Stand somewhere else, by order of an administrator."""
    move = plan_jump(run.process, run.state, command)
    refuse_unopenable(run, move, quiet=False)
    origin = run.state.tokens[move.origin].node if move.origin else ""
    run.emit(Moved(origin, move.target, "jump"))
    go(run, move)
