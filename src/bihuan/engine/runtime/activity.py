"""What all activities share: input mappings, boundary events, repetition, output mappings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bihuan.engine.definition.model import Node
from bihuan.engine.definition.names import SUB_PROCESSES
from bihuan.engine.runtime import repetition
from bihuan.engine.runtime.cancelling import drop_incidents
from bihuan.engine.runtime.compensation import own_values, remember
from bihuan.engine.runtime.conditions import waits_for_data
from bihuan.engine.runtime.copying import request_copies
from bihuan.engine.runtime.element import Element
from bihuan.engine.runtime.events import NodeLeft
from bihuan.engine.runtime.flows import leave
from bihuan.engine.runtime.joins import idle_tokens
from bihuan.engine.runtime.outputs import hand_out, map_inputs
from bihuan.engine.runtime.run import Run, Trouble
from bihuan.engine.runtime.state import Token
from bihuan.engine.runtime.waits import close_waits_of_token, listen


class Activity(Element):
    """A task, sub-process or call. Subclasses say what the `work` is."""

    def enter(self, run: Run, node: Node, token: Token) -> None:
        """Set the stage: boundary events listen, repetitions are spawned, inputs are computed, work begins."""
        if node.start_quantity > 1 and not self._complete(run, node, token):
            return
        if (
            node.needs
            and (node.loop is None or repetition.is_repetition(run, token))
            and waits_for_data(run, node, token)
        ):
            return
        if node.loop is None:
            map_inputs(run, node, token)
            if node.boundary:
                self._listen(run, node, token)
            self.begin(run, node, token)
        elif repetition.is_repetition(run, token):
            map_inputs(run, node, token)
            self.begin(run, node, token)
        elif node.loop.standard:
            self._enter_loop(run, node, token)
        else:
            self._enter_multi(run, node, token)

    def _complete(self, run: Run, node: Node, token: Token) -> bool:
        """Take up the tokens that this activity needs to begin; False while there are too few."""
        if token.loop or token.local or repetition.is_repetition(run, token):
            return True
        idle = idle_tokens(run, node, token.scope)
        if len(idle) < node.start_quantity:
            return False
        others = [other for other in idle if other.id != token.id]
        for other in others[: node.start_quantity - 1]:
            drop_incidents(run, other)
            run.emit(NodeLeft(node.id, other.id))
        return True

    def begin(self, run: Run, node: Node, token: Token) -> None:
        """Do the work; what goes wrong from here on is retried without setting the stage again."""
        if node.copies and token.loop <= 1 and not repetition.is_repetition(run, token):
            request_copies(run, node.copies, node.id, token.data, "open")
        try:
            self.work(run, node, token)
        except Trouble as trouble:
            run.incident(token, "work", trouble.reason)

    def finish(
        self, run: Run, node: Node, token: Token, variables: Mapping[str, Any], *, skipped: bool = False
    ) -> None:
        """The work is done once: hand out results, then go on, repeat, or count as one of many."""
        if node.loop is not None and not node.loop.standard and repetition.is_repetition(run, token):
            self._finish_one(run, node, token, variables, skipped)
            return
        values = own_values(run, node, token)
        if hand_out(run, node, token, variables, skipped=skipped):
            self._remember(run, node, token, values)
            self.done(run, node, token)

    def _remember(self, run: Run, node: Node, token: Token, values: dict[str, Any]) -> None:
        # A sub-process remembers itself when its inside ends.
        if node.id in run.process.compensable and node.kind not in SUB_PROCESSES:
            remember(run, node, token, values)

    def done(self, run: Run, node: Node, token: Token) -> None:
        """The results are handed out: repeat a standard loop, or close the boundary and leave."""
        if node.loop is not None and node.loop.standard and self._again(run, node, token):
            return
        if node.boundary:
            close_waits_of_token(run, token)
        leave(run, node, token)

    def recount(self, run: Run, node: Node, token: Token) -> None:
        """One of many is over: count it, and go on if the whole is over too."""
        outer = repetition.count_one(run, node, token, skipped=False)
        if outer is not None:
            self.done(run, node, outer)

    def _listen(self, run: Run, node: Node, token: Token) -> None:
        # A step that is only redone for somebody who waits has no exceptions of its own.
        if token.id in run.state.reworks:
            return
        # On a retry of the entry the events are listening already.
        if any(wait.token == token.id for wait in run.state.waits.values()):
            return
        nodes = run.process.nodes
        listen(run, [nodes[event] for event in node.boundary], token.id, token.scope, token.scope)

    def _enter_multi(self, run: Run, node: Node, token: Token) -> None:
        total, items = repetition.measure(run, node, token)
        if node.signoff is not None and not total:
            raise Trouble(f"「{node.label}」没有一个会签人")
        if node.boundary:
            self._listen(run, node, token)
        repetition.open_all(run, node, token, total, items)
        if total and node.copies:
            request_copies(run, node.copies, node.id, token.data, "open")
        if not total:
            repetition.close_all(run, node, token)
            self.done(run, node, token)

    def _finish_one(self, run: Run, node: Node, token: Token, variables: Mapping[str, Any], skipped: bool) -> None:
        values = own_values(run, node, token)
        if not repetition.keep_results(run, node, token, variables, skipped=skipped):
            return
        self._remember(run, node, token, values)
        outer = repetition.count_one(run, node, token, skipped=skipped)
        if outer is not None:
            self.done(run, node, outer)

    def _enter_loop(self, run: Run, node: Node, token: Token) -> None:
        loop = node.loop
        assert loop is not None
        first = token.loop == 0
        if first and loop.test_before and not repetition.goes_on(run, node, token):
            leave(run, node, token)
            return
        if first:
            if node.boundary:
                self._listen(run, node, token)
            repetition.start_round(run, node, token, 1)
            token = run.state.tokens[token.id]
        map_inputs(run, node, token)
        self.begin(run, node, token)

    def _again(self, run: Run, node: Node, token: Token) -> bool:
        try:
            if not repetition.goes_on(run, node, token):
                return False
        except Trouble as trouble:
            run.incident(token, "loop", trouble.reason)
            return True
        repetition.start_round(run, node, token, token.loop + 1)
        run.queue.append(token.id)
        return True
