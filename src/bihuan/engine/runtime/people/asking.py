"""Asking others about a step: before its holder (前加签), after (后加签), in their stead (委派); and taking part in a
sign-off (会签加人、减人).

Who is asked before agrees or not, and the holder decides; who is asked after lets the step go on, or gives it back to
who asked; a delegate does the step, and who delegated confirms it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from bihuan.engine.definition.model import Node
from bihuan.engine.runtime.cancelling import clear_token
from bihuan.engine.runtime.commands import CommandRejected
from bihuan.engine.runtime.events import ItemOpened, LoopAdvanced, NodeLeft, ScopeClosed, VariablesSet
from bihuan.engine.runtime.outputs import assign
from bihuan.engine.runtime.people import commands as c
from bihuan.engine.runtime.people.events import (
    AskDropped,
    AskOpened,
    ItemParked,
    Moved,
    PersonAsked,
    ResultsFreed,
    ResultsHeld,
    SignerAdded,
)
from bihuan.engine.runtime.people.parking import asks_of, awaits_rework, parked_by, refuse_parked, resume, withdraw_asks
from bihuan.engine.runtime.people.signoff import REMOVED, VOTES, WEIGHTS, Ballot, count
from bihuan.engine.runtime.repetition import MAX_REPETITIONS, go_on, is_repetition, spawn
from bihuan.engine.runtime.run import Run, Trouble
from bihuan.engine.runtime.state import Asked, Scope, State, Token, Wait
from bihuan.engine.runtime.variables import local_variables
from bihuan.engine.runtime.waits import close

MODES = ("before", "after", "delegate")
MAX_ASKED = 50
"""People asked about one step at a time."""


def complete_item(run: Run, wait: Wait, values: Mapping[str, Any]) -> None:
    """A person has done a work item: the holder's own, or that of somebody asked."""
    state = run.state
    refuse_parked(state, wait.id)
    node, token = run.process.nodes[wait.node], state.tokens[wait.token]
    asked = _asked_with(run, wait)
    if asked is not None:
        _answer(run, asked, wait, values)
        return
    if node.signoff is not None and not isinstance(values.get(node.signoff.vote), bool):
        raise CommandRejected("请选择同意或不同意")
    after = [ask for ask in asks_of(state, wait.id) if ask.mode == "after"] if state.asks else []
    if not after:
        run.element(node).answer(run, node, wait, values)
        return
    kept = after[0]
    # Closing the item must not take those who are asked along: they are asked about its results.
    close(run, wait, answered=True)
    run.emit(ResultsHeld(token.id, dict(values)))
    _open(run, kept)


def ask(run: Run, command: c.Ask) -> None:
    """Ask one more person about an open item."""
    wait = _item(run, command.wait)
    if command.mode not in MODES:
        raise CommandRejected("没有这种加签方式")
    state = run.state
    asks = asks_of(state, wait.id)
    if awaits_rework(state, wait.id):
        raise CommandRejected("前面的环节正在重办，办完回来才能再请别人")
    if any(each.person == command.person for each in asks):
        raise CommandRejected("已经请过这位同事，不必再请")
    if len(state.asks) >= MAX_ASKED:
        raise CommandRejected(f"同时最多请 {MAX_ASKED} 人")
    asked = _asked_with(run, wait)
    if asked is not None and command.mode != "before":
        raise CommandRejected("您是被请来的，只能再请别人先看（前加签）")
    if command.mode == "delegate" and any(each.mode != "after" for each in asks):
        raise CommandRejected("已经请了别人先办，不能再委派")
    number = run.new_id()
    parked = parked_by(state, wait.id)
    run.emit(PersonAsked(number, wait.token, wait.id, command.mode, command.person, command.asker))
    if command.mode != "after":
        if not parked:
            run.emit(ItemParked(wait.id))
        _open(run, state.asks[number])


def unask(run: Run, command: c.Unask) -> None:
    """Somebody is asked no more."""
    held = run.state.asks.get(command.ask)
    if held is None:
        raise CommandRejected("这位同事已经办过，或者已经不在加签里")
    if not held.item:
        run.emit(AskDropped(held.id))
        return
    wait = run.state.waits[held.item]
    withdraw_asks(run, wait.id)
    close(run, wait)
    if held.mode == "after":
        _next_after(run, held)
    else:
        resume(run, held.wait)


def add_signer(run: Run, command: c.AddSigner) -> None:
    """One more person takes part in a sign-off: at once, or where people sign in a row at the place given."""
    wait = _item(run, command.wait)
    node, token = run.process.nodes[wait.node], run.state.tokens[wait.token]
    loop = node.loop
    if loop is None or loop.standard or not is_repetition(run, token):
        raise CommandRejected("这一步不是会签，请用前加签或后加签")
    multi = run.state.scopes[run.state.scopes[token.scope].parent]
    if multi.items is None or not loop.item:
        raise CommandRejected("这一步按人数会签，不能指定加谁")
    if multi.total >= MAX_REPETITIONS:
        raise CommandRejected(f"会签最多 {MAX_REPETITIONS} 人")
    place = command.place or (multi.started + 1 if loop.sequential else multi.total + 1)
    if not (multi.started < place <= multi.total + 1):
        raise CommandRejected("这个位置已经轮过，请重新选排在哪里")
    weights = multi.variables.get(WEIGHTS) or ([1] * multi.total if command.weight != 1 else None)
    run.emit(SignerAdded(multi.id, command.item, place))
    if weights is not None:
        run.emit(VariablesSet(multi.id, {WEIGHTS: [*weights[: place - 1], command.weight, *weights[place - 1 :]]}))
    later = [int(index) for index in multi.variables.get(REMOVED, ())]
    if any(index >= place for index in later):
        run.emit(VariablesSet(multi.id, {REMOVED: [index + (index >= place) for index in later]}))
    if not loop.sequential:
        spawn(run, node, multi, place)


def remove_signer(run: Run, command: c.RemoveSigner) -> None:
    """Somebody takes part in a sign-off no more; the rest may be decided by that."""
    wait = _item(run, command.wait)
    node, token = run.process.nodes[wait.node], run.state.tokens[wait.token]
    if node.loop is None or node.loop.standard or not is_repetition(run, token):
        raise CommandRejected("这一步不是会签，没有可以减的人")
    multi = run.state.scopes[run.state.scopes[token.scope].parent]
    out = [int(index) for index in multi.variables.get(REMOVED, ())]
    if command.place and (command.place in out or not multi.started < command.place <= multi.total):
        raise CommandRejected("这位已经签过、正在签，或者已经减掉了")
    removed = [*out, command.place or token.loop]
    if len(removed) >= multi.total:
        raise CommandRejected("会签至少要留一个人")
    ballot = _recount(run, node, multi, removed[-1])
    if command.place:
        run.emit(VariablesSet(multi.id, {REMOVED: removed}))
        if ballot is None or ballot.verdict is None:
            return
    else:
        _take_out(run, node, token, multi, removed)
    outer = go_on(run, node, multi, ballot, over=False)
    if outer is not None:
        run.element(node).done(run, node, outer)


def _recount(run: Run, node: Node, multi: Scope, index: int) -> Ballot | None:
    if node.signoff is None:
        return None
    try:
        return count(run, node, multi, list(multi.variables.get(VOTES, ())), (index,))
    except Trouble as trouble:
        raise CommandRejected(trouble.reason) from None


def _take_out(run: Run, node: Node, token: Token, multi: Scope, removed: list[Any]) -> None:
    each = token.scope
    clear_token(run, token)
    run.emit(NodeLeft(node.id, token.id, cancelled=True))
    run.emit(ScopeClosed(each))
    run.emit(VariablesSet(multi.id, {REMOVED: removed}))
    run.emit(LoopAdvanced(multi.id, token.loop))


def _item(run: Run, wait: int) -> Wait:
    held = run.state.waits.get(wait)
    if held is None or held.kind != "item":
        raise CommandRejected("这项工作已经办过或取消了")
    return held


def _asked_with(run: Run, wait: Wait) -> Asked | None:
    return next((each for each in run.state.asks.values() if each.item == wait.id), None)


def _answer(run: Run, asked: Asked, wait: Wait, values: Mapping[str, Any]) -> None:
    token = run.state.tokens[wait.token]
    if asked.mode == "delegate":
        close(run, wait, answered=True)
        assign(run, token.data, dict(values))
        resume(run, asked.wait)
        return
    agree = values.get("agree")
    if not isinstance(agree, bool):
        raise CommandRejected("请选择同意或不同意")
    close(run, wait, answered=True)
    if asked.mode == "before":
        resume(run, asked.wait)
    elif agree:
        _next_after(run, asked)
    else:
        _give_back(run, asked, token)


def _next_after(run: Run, asked: Asked) -> None:
    """The next of those who sign after, or the step goes on with the results that waited for them."""
    state = run.state
    waiting = asks_of(state, asked.wait)
    if waiting:
        _open(run, waiting[0])
        return
    token = state.tokens[asked.token]
    values = state.held[token.id]
    run.emit(ResultsFreed(token.id))
    node = run.node(token)
    run.element(node).finish(run, node, token, values)


def _give_back(run: Run, asked: Asked, token: Token) -> None:
    """Somebody who signs after refused: who asked has the step again."""
    reopen(run, token, asked)


def reopen(run: Run, token: Token, asked: Asked) -> None:
    """The step is open again for who had asked others to sign after; nobody is asked any more."""
    withdraw_asks(run, asked.wait)
    run.emit(ResultsFreed(token.id))
    node = run.node(token)
    _emit_item(run, node, token, asked.asker, node.extension.role, node.extension.form, asked.id)


def take_answer_back(run: Run, after: State, answered: Asked) -> None:
    """Somebody asked has answered and takes it back: they are asked again. `after` is the state their answer led to.

    Refused once the holder, or whoever was asked next, has gone on.
    """
    state = run.state
    later = asks_of(state, answered.wait) if answered.mode == "after" else []
    acted = answered.wait not in state.waits if answered.mode != "after" else answered.token not in state.held
    acted = acted or any(asks_of(state, each.item) for each in later if each.item)
    acted = acted or later != (asks_of(after, answered.wait) if later else [])
    if acted or awaits_rework(state, answered.wait):
        raise CommandRejected("后面的环节已经有人办了，不能撤回")
    node = state.tokens[answered.token].node
    run.emit(Moved("", node, "recall"))
    if answered.mode == "after":
        withdraw_asks(run, answered.wait)
    ask_again(run, [answered, *(replace(ask, item=0) for ask in later)], {})


def ask_again(run: Run, asks: Iterable[Asked], items: dict[int, int]) -> None:
    """Ask these again as they were asked, who asked others themselves before those; who had an item has one again, and
    the item they were asked about rests. `items` are the numbers items have now, by those they had."""
    for ask in asks:
        wait = items.get(ask.wait, ask.wait)
        rests = parked_by(run.state, wait)
        number = run.new_id()
        run.emit(PersonAsked(number, ask.token, wait, ask.mode, ask.person, ask.asker))
        if not ask.item:
            continue
        if ask.mode != "after" and not rests:
            run.emit(ItemParked(wait))
        _open(run, run.state.asks[number])
        items[ask.item] = run.state.asks[number].item


def _open(run: Run, asked: Asked) -> None:
    token = run.state.tokens[asked.token]
    node = run.node(token)
    form = node.extension.form if asked.mode == "delegate" else ""
    item = _emit_item(run, node, token, asked.person, "", form, asked.id)
    run.emit(AskOpened(asked.id, item))


def _emit_item(run: Run, node: Node, token: Token, person: int, role: str, form: str, number: int) -> int:
    try:
        title = "" if node.title is None else run.evaluate(node.title, token.data)
    except Trouble:
        title = ""
    local = local_variables(run.state, token.data) if token.data else {}
    item = run.new_id()
    text = title if isinstance(title, str) else ""
    run.emit(ItemOpened(item, node.id, token.id, node.label, role, person, form, text, local, number))
    return item
