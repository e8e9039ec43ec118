"""What every element of a process can do. One subclass per BPMN element, in `elements/`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bihuan.engine.definition.model import Flow, Node
from bihuan.engine.runtime.flows import every_open_way, leave
from bihuan.engine.runtime.outputs import hand_out
from bihuan.engine.runtime.run import Run
from bihuan.engine.runtime.state import Token, Wait
from bihuan.engine.runtime.waits import close


class Element:
    """The life of a token at a node: enter, then perhaps wait and resume, finish, choose a way on.

    Handlers evaluate everything that can fail before they emit, so that a Trouble leaves nothing half done and the
    same function can simply be called again on retry.
    """

    def enter(self, run: Run, node: Node, token: Token) -> None:
        """The token has come. May raise Trouble; then a retry enters again."""
        self.finish(run, node, token, {})

    def work(self, run: Run, node: Node, token: Token) -> None:
        """Do or ask for the node's own work. May raise Trouble; then a retry works again."""
        self.enter(run, node, token)

    def answer(self, run: Run, node: Node, wait: Wait, variables: Mapping[str, Any]) -> None:
        """What a wait of this node was for has come."""
        close(run, wait, answered=True)
        self.resume(run, node, run.state.tokens[wait.token], wait, variables)

    def resume(self, run: Run, node: Node, token: Token, wait: Wait, variables: Mapping[str, Any]) -> None:
        """The token's wait has been answered and is closed already."""
        self.finish(run, node, token, variables)

    def inside_ended(self, run: Run, node: Node, token: Token) -> None:
        """The last token inside (sub-process) is gone; its scope is closed already."""
        self.finish(run, node, token, {})

    def completed(self, run: Run, node: Node, token: Token, scope: int) -> None:
        """What is inside (sub-process) has been completed; its scope is about to be closed."""

    def one_done(self, run: Run, node: Node, scope: int) -> bool:
        """Something inside (ad-hoc sub-process) has been done. True if that ended the whole."""
        return False

    def release(self, run: Run, node: Node, scope: int) -> bool:
        """Go on if nobody else can come (inclusive and complex joins). False if the join goes on waiting."""
        return False

    def goes_on(self, run: Run, node: Node, scope: int) -> bool:
        """Whether there is more to do although no token is left inside (ad-hoc sub-process)."""
        return False

    def finish(
        self, run: Run, node: Node, token: Token, variables: Mapping[str, Any], *, skipped: bool = False
    ) -> None:
        """The node's work is done with these results. `skipped`: by an operator, so mappings are left out."""
        if hand_out(run, node, token, variables, skipped=skipped):
            self.done(run, node, token)

    def recount(self, run: Run, node: Node, token: Token) -> None:
        """Ask again whether a repetition that has handed out its results was the last (activities)."""
        self.done(run, node, token)

    def done(self, run: Run, node: Node, token: Token) -> None:
        """The results are handed out: go on."""
        leave(run, node, token)

    def choose(self, run: Run, node: Node, token: Token) -> list[Flow]:
        """The flows to take. Raises Trouble if there is none to take; then a retry chooses again."""
        return every_open_way(run, node, token)
