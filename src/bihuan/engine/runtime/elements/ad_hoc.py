"""Activities in no fixed order: side by side or in turn, until a condition says that it is enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bihuan.engine.definition.model import Node, Process
from bihuan.engine.runtime.cancelling import empty_scope
from bihuan.engine.runtime.commands import CommandRejected
from bihuan.engine.runtime.elements.sub_process import SubProcess, declare
from bihuan.engine.runtime.events import ScopeOpened
from bihuan.engine.runtime.flows import arrive, end_scope, end_scope_if_empty
from bihuan.engine.runtime.inner_events import ActivityBegun, WaitOpened
from bihuan.engine.runtime.inside import listen_inside
from bihuan.engine.runtime.run import Run, Trouble
from bihuan.engine.runtime.state import Scope, State, Token
from bihuan.engine.runtime.waits import close, waits_of_token


class AdHocSubProcess(SubProcess):
    """adHocSubProcess.

    Its activities that nothing leads to begin by themselves, all at once or one after the other in the order of the
    file, each once. While its `adhoc` wait is open anybody may begin one of them again. Without a completion condition
    it is over when nothing runs and each has been done; with one, when that is true after something was done. Where the
    model chooses those that begin, only they do, side by side, and without a condition it is over when they are done.
    """

    def work(self, run: Run, node: Node, token: Token) -> None:
        """Open the inside."""
        assert node.ad_hoc is not None
        entries = self._entries(run, node, token)
        scope = run.new_id()
        run.emit(ScopeOpened(scope, token.data, node.id, token.id, "sub"))
        declare(run, node, scope)
        listen_inside(run, node.id, scope)
        run.emit(WaitOpened(run.new_id(), "adhoc", node.id, token.id))
        for entry in entries:
            _begin(run, entry, scope)
        if not entries and node.ad_hoc.chosen is not None:
            end_scope_if_empty(run, scope)

    def _entries(self, run: Run, node: Node, token: Token) -> Sequence[str]:
        """The activities that begin by themselves. Raises Trouble."""
        spec, entries = node.ad_hoc, run.process.levels[node.id].starts
        assert spec is not None
        if spec.chosen is not None:
            chosen = run.evaluate(spec.chosen, token.data)
            if not isinstance(chosen, list):
                raise Trouble(f"「{node.label}」要先开始的活动「{spec.chosen.text}」不是列表")
            for entry in chosen:
                if entry not in entries:
                    raise Trouble(f"「{node.label}」里没有可以单独开始的活动「{entry}」")
            return chosen
        if spec.by_hand:
            return ()
        return entries[:1] if spec.sequential else entries

    def begin_one(self, run: Run, node: Node, token: Token, activity: str) -> None:
        """Somebody begins an activity. Raises CommandRejected."""
        scope = inside_of(run.state, token.id)
        if activity not in run.process.levels[node.id].starts:
            raise CommandRejected(f"「{node.label}」里没有可以单独开始的活动「{activity}」")
        assert node.ad_hoc is not None
        if node.ad_hoc.sequential and any(held.scope == scope.id for held in run.state.tokens.values()):
            raise CommandRejected(f"「{node.label}」一次只能做一件事，请先办完手上的")
        _begin(run, activity, scope.id)

    def one_done(self, run: Run, node: Node, scope: int) -> bool:
        """Ask the completion condition: if it is true, nothing more is begun, and what still runs is cancelled."""
        spec = node.ad_hoc
        if spec is None or spec.completion is None:
            return False
        owner = run.state.tokens[run.state.scopes[scope].token]
        try:
            if not run.holds(spec.completion, scope):
                return False
        except Trouble as trouble:
            run.incident(owner, "listen", trouble.reason)
            return False
        _close_door(run, owner)
        if spec.cancels:
            empty_scope(run, scope)
            end_scope(run, scope)
        return spec.cancels

    def goes_on(self, run: Run, node: Node, scope: int) -> bool:
        """Begin the next, or stay open for what somebody may begin."""
        spec = node.ad_hoc
        assert spec is not None
        owner = run.state.tokens[run.state.scopes[scope].token]
        if not any(wait.kind == "adhoc" for wait in waits_of_token(run.state, owner.id)):
            return False
        begun = run.state.scopes[scope].items or []
        left = [entry for entry in run.process.levels[node.id].starts if entry not in begun]
        if spec.chosen is not None:
            return spec.completion is not None
        if left and not spec.by_hand:
            _begin(run, left[0], scope)
            return True
        return bool(left) or spec.completion is not None

    def inside_ended(self, run: Run, node: Node, token: Token) -> None:
        """It is over."""
        _close_door(run, token)
        super().inside_ended(run, node, token)


@dataclass(frozen=True, slots=True)
class Choice:
    """An activity somebody may begin: how often it was begun so far, and how many of those are under way."""

    node: Node
    begun: int
    running: int

    @property
    def done(self) -> int:
        return max(self.begun - self.running, 0)


@dataclass(frozen=True, slots=True)
class OpenAdHoc:
    """An ad-hoc sub-process that is open: its `adhoc` wait, its activities, and whether its one place is taken."""

    wait: int
    node: Node
    choices: tuple[Choice, ...]
    busy: bool


def open_ad_hocs(process: Process, state: State) -> list[OpenAdHoc]:
    """Where in an instance somebody may begin an activity now."""
    found = []
    for wait in state.waits.values():
        if wait.kind != "adhoc":
            continue
        node, scope = process.nodes[wait.node], inside_of(state, wait.token)
        standing = [token.node for token in state.tokens.values() if token.scope == scope.id]
        begun = scope.items or []
        choices = tuple(
            Choice(process.nodes[entry], begun.count(entry), standing.count(entry))
            for entry in process.levels[node.id].starts
        )
        busy = node.ad_hoc is not None and node.ad_hoc.sequential and bool(standing)
        found.append(OpenAdHoc(wait.id, node, choices, busy))
    return found


def inside_of(state: State, token: int) -> Scope:
    """The scope of what is inside the activity of a token."""
    return next(scope for scope in state.scopes.values() if scope.token == token and scope.kind == "sub")


def _begin(run: Run, activity: str, scope: int) -> None:
    run.emit(ActivityBegun(scope, activity))
    arrive(run, activity, scope)


def _close_door(run: Run, token: Token) -> None:
    for wait in waits_of_token(run.state, token.id):
        if wait.kind == "adhoc":
            close(run, wait)
