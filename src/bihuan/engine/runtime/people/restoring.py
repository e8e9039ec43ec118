"""Undoing one step: what it made is taken away, what it ended is there again.

The store knows the state before and after the step from its history, so that the state itself need not remember.
Ids are never used twice: what comes back has new ones. Variables keep their present values, except those of a place
that comes back with its values.
"""

from __future__ import annotations

from msgspec.structs import replace

from bihuan.engine.runtime.cancelling import cancel_token
from bihuan.engine.runtime.commands import CommandRejected
from bihuan.engine.runtime.events import (
    IncidentRaised,
    NodeEntered,
    ScopeClosed,
    ScopeOpened,
    TimerSet,
    VariablesSet,
)
from bihuan.engine.runtime.inner_events import GatewayFired, WaitOpened
from bihuan.engine.runtime.people import commands as c
from bihuan.engine.runtime.people.asking import ask_again, reopen, take_answer_back
from bihuan.engine.runtime.people.events import (
    ActivitiesCounted,
    InstanceWoken,
    ItemParked,
    LoopRecounted,
    Moved,
    RecordDropped,
    RecordKept,
    ResultsHeld,
    ReworkBegun,
)
from bihuan.engine.runtime.people.parking import parked_by
from bihuan.engine.runtime.people.rework import redoing
from bihuan.engine.runtime.people.signoff import VOTES
from bihuan.engine.runtime.run import Run, Trouble
from bihuan.engine.runtime.state import ROOT, Scope, State, Token, Wait
from bihuan.engine.runtime.waits import INNER, listen_part


def restore(run: Run, command: c.Restore) -> None:
    """Undo the step between two states of this very instance."""
    before, after, state = command.before, command.after, run.state
    made = [token for token in after.tokens if token not in before.tokens]
    ended = [token for token in before.tokens.values() if token.id not in after.tokens]
    gone = {token.id for token in ended}
    if not ended and set(after.held) - set(before.held):
        _take_results_back(run, before, after)
        return
    answered = [ask for ask in before.asks.values() if ask.item and ask.item not in after.waits]
    if not ended and answered:
        take_answer_back(run, after, answered[0])
        return
    if not ended:
        raise CommandRejected("这一步没有可以撤回的工作")
    if not all(_has_place(state, before, token, gone) for token in ended):
        raise CommandRejected("后面的环节已经有人办了，不能撤回")
    _refuse_moved_on(state, after, made)
    for rework in [rework for rework in before.reworks.values() if rework.token in gone]:
        if rework.wait not in state.waits and before.waits[rework.wait].token not in gone:
            raise CommandRejected("后面的环节已经有人办了，不能撤回")
    for_called = redoing(before, [rework for rework in before.reworks.values() if rework.behind])
    if command.how == "recall" and for_called.intersection(gone):
        raise CommandRejected("这一步是替子流程里的环节重办的，已经回到那里，不能撤回；需要时请再退回")
    # The process that was called is woken too: who sent the step back from in there may do so again.
    ended = [token for token in ended if token.id not in for_called]
    _refuse_programs(before, gone, command.how)
    if command.how == "recall":
        _refuse_undone(before, after)
    woken = state.status == "ended"
    if woken:
        run.emit(InstanceWoken())
    run.emit(Moved("", ended[0].node, command.how))
    for record in [record for record in state.records if record in after.records and record not in before.records]:
        run.emit(RecordDropped(record))
    counts = _counts_back(state, before, after)
    _take_away(run, made)
    _count_activities_back(run, before, after)
    _Revival(run, before, after).run(ended, woken=woken)
    for recounted in counts:
        run.emit(recounted)


def _has_place(state: State, before: State, token: Token, gone: set[int]) -> bool:
    """Whether the level a token stood in is still open, or comes back with it."""
    scope = before.scopes[token.scope]
    open_again = scope.id in state.scopes or scope.token in gone
    return open_again or (scope.kind == "each" and scope.parent in state.scopes)


def _take_results_back(run: Run, before: State, after: State) -> None:
    """The step was done and waits for those who sign after: it is open again, and they are asked no more."""
    [token] = set(after.held) - set(before.held)
    asked = {ask.id: ask for ask in after.asks.values() if ask.token == token}
    present = {ask.id: ask for ask in run.state.asks.values() if ask.token == token}
    if token not in run.state.held or asked != present:
        raise CommandRejected("后面的环节已经有人办了，不能撤回")
    run.emit(Moved("", run.state.tokens[token].node, "recall"))
    reopen(run, run.state.tokens[token], next(iter(asked.values())))


def _refuse_moved_on(state: State, after: State, made: list[int]) -> None:
    """Whatever the step made must stand as it left it: nobody has acted since."""
    for token in made:
        present = state.tokens.get(token)
        same = present is not None and _waits(state, token) == _waits(after, token)
        if not same or any(ask.token == token for ask in state.asks.values()):
            raise CommandRejected("后面的环节已经有人办了或自动往下走了，不能撤回")


def _waits(state: State, token: int) -> set[tuple[int, str]]:
    return {(wait.id, wait.kind) for wait in state.waits.values() if wait.token == token and wait.kind != "timer"}


def _refuse_programs(before: State, gone: set[int], how: str) -> None:
    """What ran by itself is not brought back, but for a called process when all is woken: the store wakes it too."""
    kinds = ("service",) if how == "wake" else ("service", "call")
    if any(wait.token in gone and wait.kind in kinds for wait in before.waits.values()):
        raise CommandRejected("那时有子流程或自动步骤正在办，不能恢复到那里")


def _refuse_undone(before: State, after: State) -> None:
    """What can be undone must be as it was: a step that began to undo, or took an inside with it, stays."""
    if before.gateways != after.gateways:
        raise CommandRejected("汇合点已经放行，不能撤回，请用退回")
    if not all(after.records.get(record.id) == record for record in before.records.values()):
        raise CommandRejected("这一步已经开始补偿，或带走了里面办过的，不能撤回")


def _take_away(run: Run, made: list[int]) -> None:
    state = run.state
    for identity in made:
        token = state.tokens.get(identity)
        if token is None:
            continue
        scope = state.scopes[token.scope]
        cancel_token(run, token)
        if scope.kind == "each" and scope.id in state.scopes and scope.parent in state.scopes:
            run.emit(ScopeClosed(scope.id))


def _counts_back(state: State, before: State, after: State) -> list[LoopRecounted]:
    """What the step counted in repetitions that are still under way is taken off; what others did meanwhile stays."""
    found: list[LoopRecounted] = []
    for old in before.scopes.values():
        present, left = state.scopes.get(old.id), after.scopes.get(old.id)
        if old.kind != "multi" or present is None or left is None or _within(before, old.id) == _within(after, old.id):
            continue
        results = None if present.results is None else [*present.results]
        if results is not None:
            changed = zip(results, old.results or (), left.results or (), strict=False)
            results = [was if was != became else now for now, was, became in changed]
        started, done = present.started + old.started - left.started, present.done + old.done - left.done
        found.append(LoopRecounted(old.id, started, done, results))
    return found


def _within(state: State, multi: int) -> set[int]:
    return {scope.id for scope in state.scopes.values() if scope.kind == "each" and scope.parent == multi}


def _count_activities_back(run: Run, before: State, after: State) -> None:
    """What the step began in an ad-hoc sub-process that is still open counts as begun no more."""
    for scope in before.scopes.values():
        present, left = run.state.scopes.get(scope.id), after.scopes.get(scope.id)
        if present is None or left is None or scope.kind != "sub" or left.items == scope.items:
            continue
        begun = [*(present.items or ())]
        for activity in (left.items or [])[len(scope.items or ()) :]:
            begun.remove(activity)
        run.emit(ActivitiesCounted(scope.id, begun))


class _Revival:
    """Brings tokens back with their scopes and waits, outermost first."""

    def __init__(self, run: Run, before: State, after: State) -> None:
        self.run_ = run
        self.before = before
        self.after = after
        self.tokens: dict[int, int] = {}
        self.scopes: dict[int, int] = {}
        self.items: dict[int, int] = {}

    def run(self, ended: list[Token], *, woken: bool) -> None:
        """All of them; in the order in which they arose, owners come before what they own."""
        for token in sorted(ended, key=lambda token: token.id):
            self._token(token)
        if woken:
            self._records()
        self._listeners()
        for old, new in self.tokens.items():
            self._waits(self.before.tokens[old], self.run_.state.tokens[new])
        self._reworks()

    def _token(self, old: Token) -> None:
        run = self.run_
        outer = self._scope(old.scope)
        if outer is None:
            return
        new = run.new_id()
        run.emit(NodeEntered(old.node, new, outer, old.flow, old.loop))
        self.tokens[old.id] = new
        for scope in self.before.scopes.values():
            if scope.token == old.id and scope.kind != "each" and scope.id != ROOT:
                self._open(scope, outer)

    def _scope(self, old: int) -> int | None:
        """The scope as it is called now; a repetition that was over is opened again."""
        state = self.run_.state
        if old in self.scopes:
            return self.scopes[old]
        if old in state.scopes:
            return old
        scope = self.before.scopes[old]
        if scope.kind != "each":
            return None
        parent = self._scope(scope.parent)
        if parent is None:
            return None
        self._reopen_repetition(scope, state.scopes[parent])
        return self.scopes[old]

    def _reopen_repetition(self, old: Scope, multi: Scope) -> None:
        run = self.run_
        index = int(old.variables["loopCounter"])
        if multi.id == old.parent:
            # The whole is still there: a vote that was given counts no more.
            votes = [vote for vote in multi.variables.get(VOTES, ()) if vote["index"] != index]
            if VOTES in multi.variables:
                run.emit(VariablesSet(multi.id, {VOTES: votes}))
        new = run.new_id()
        run.emit(ScopeOpened(new, multi.id, old.node, multi.token, "each"))
        if old.variables:
            run.emit(VariablesSet(new, dict(old.variables)))
        self.scopes[old.id] = new

    def _open(self, old: Scope, outer: int) -> None:
        run = self.run_
        parent = self.scopes.get(old.parent, outer)
        new = run.new_id()
        token = self.tokens[old.token]
        gather = old.results is not None
        run.emit(ScopeOpened(new, parent, old.node, token, old.kind, old.total, old.items, gather, old.record))
        if old.variables:
            run.emit(VariablesSet(new, dict(old.variables)))
        self.scopes[old.id] = new
        if old.kind == "sub" and old.items:
            run.emit(ActivitiesCounted(new, [*old.items]))
        if old.kind == "multi":
            back = sum(1 for scope in self.before.scopes.values() if scope.parent == old.id and scope.kind == "each")
            run.emit(LoopRecounted(new, old.started - back, old.done, old.results))

    def _reworks(self) -> None:
        """Steps that were redone straight are redone for who rests again; if that cannot be opened, they go too."""
        run = self.run_
        for old in [old for old in self.before.reworks.values() if old.token in self.tokens]:
            wait, top = self.items.get(old.wait, old.wait), self.tokens.get(old.top, old.top)
            if wait not in run.state.waits:
                cancel_token(run, run.state.tokens[top])
                continue
            rests = parked_by(run.state, wait)
            run.emit(ReworkBegun(self.tokens[old.token], wait, top))
            if not rests:
                run.emit(ItemParked(wait))

    def _records(self) -> None:
        """What could be undone when the instance ended can be undone again, and complex gateways wait for whom they
        waited for. What a repetition under way had done counts as done in it, so it comes after that."""
        run, before = self.run_, self.before
        multis = [scope for scope in before.scopes.values() if scope.kind == "multi"]
        numbers: dict[int, int] = {}
        for old in before.records.values():
            under_way = any(multi.node == old.node and multi.id < old.id for multi in multis)
            numbers[old.id] = run.new_id() if under_way else old.id
        for old in before.records.values():
            scope, by = self.scopes.get(old.scope, old.scope), self.tokens.get(old.by, old.by)
            if scope in run.state.scopes:
                within = numbers.get(old.within, 0)
                run.emit(RecordKept(numbers[old.id], old.node, scope, within, by, dict(old.values)))
        for (level, node), flows in self.before.gateways.items():
            run.emit(GatewayFired(node, self.scopes.get(level, level), list(flows)))

    def _listeners(self) -> None:
        """Event sub-processes of levels that are open again listen again."""
        for wait in self.before.waits.values():
            scope = self.scopes.get(wait.scope, wait.scope)
            if not wait.token and wait.id not in self.after.waits and scope in self.run_.state.scopes:
                self._wait(wait, 0, scope)

    def _waits(self, old: Token, new: Token) -> None:
        run, node = self.run_, self.run_.process.nodes[old.node]
        for wait in self.before.waits.values():
            if wait.token == old.id and wait.kind not in ("item", "call"):
                self._wait(wait, new.id, new.scope)
        for incident in self.before.incidents.values():
            if incident.token == old.id:
                reason = "重新打开之前就停在这里，等待处理"
                run.emit(IncidentRaised(run.new_id(), incident.node, reason, new.id, incident.stage))
        if old.id in self.before.held:
            run.emit(ResultsHeld(new.id, self.before.held[old.id]))
            self._ask_again(old, new)
            return
        own = [wait for wait in self.before.waits.values() if wait.token == old.id and wait.kind in ("item", "call")]
        if not own:
            return
        try:
            run.element(node).work(run, node, new)
        except Trouble as trouble:
            run.incident(new, "work", trouble.reason)
        opened = [wait.id for wait in run.state.waits.values() if wait.token == new.id and wait.kind == "item"]
        if opened:
            asked = {ask.item for ask in self.before.asks.values()}
            [holders] = [wait.id for wait in own if wait.id not in asked]
            self.items[holders] = opened[0]
            self._ask_again(old, new)

    def _ask_again(self, old: Token, new: Token) -> None:
        """Whoever was asked about the step then is asked again."""
        asks = [replace(ask, token=new.id) for ask in self.before.asks.values() if ask.token == old.id]
        ask_again(self.run_, sorted(asks, key=lambda ask: ask.id), self.items)

    def _wait(self, old: Wait, token: int, scope: int) -> None:
        run = self.run_
        owner = 0 if token else scope
        if old.kind == "timer" and old.due_at is not None:
            run.emit(TimerSet(run.new_id(), old.node, token, old.due_at, old.left, owner, old.part))
            return
        if old.kind in INNER:
            run.emit(WaitOpened(run.new_id(), old.kind, old.node, token, owner, old.part))
            return
        try:
            listen_part(run, run.process.nodes[old.node], old.part, token, scope)
        except Trouble as trouble:
            run.emit(IncidentRaised(run.new_id(), old.node, trouble.reason, token, "timer" if token else "listen"))
