"""An intermediate event that sends a message or signal, escalates, compensates, or jumps to a link."""

from __future__ import annotations

from bihuan.engine.definition.model import Node
from bihuan.engine.definition.specs import EventSpec
from bihuan.engine.runtime.compensation import compensate, undo_next
from bihuan.engine.runtime.element import Element
from bihuan.engine.runtime.elements.send_task import throw_message
from bihuan.engine.runtime.elements.service_task import request
from bihuan.engine.runtime.events import NodeLeft
from bihuan.engine.runtime.flows import arrive, end_scope_if_empty, stand
from bihuan.engine.runtime.outputs import close_local, map_inputs
from bihuan.engine.runtime.run import Run
from bihuan.engine.runtime.state import Token
from bihuan.engine.runtime.throwing import throw_escalation, throw_signal
from bihuan.engine.runtime.variables import local_variables
from bihuan.engine.runtime.waits import name_of


def throw(run: Run, node: Node, token: Token) -> bool:
    """Throw what the event throws, what is undone last. False if the token is gone or waits. Raises Trouble.

    A link, an error, a cancelling and a terminating are not thrown here: they decide where the token goes afterwards.
    Cancelling undoes everything anyway.
    """
    assert node.event is not None
    map_inputs(run, node, token)
    parts = sorted(node.event.all_parts, key=lambda part: part.kind == "compensate")
    skipped = "compensate" if node.event.part("cancel") is not None else ""
    return all(_throw_part(run, node, token, part) for part in parts if part.kind != skipped)


def _throw_part(run: Run, node: Node, token: Token, part: EventSpec) -> bool:
    payload = local_variables(run.state, token.local) if token.local else {}
    if part.kind == "message":
        if node.extension.service:
            request(run, node, token, node.extension.service)
            return False
        throw_message(run, node, token, part)
    elif part.kind == "signal":
        throw_signal(run, node.id, name_of(run, node, token.data, part), payload)
    elif part.kind == "escalation":
        throw_escalation(run, token, part.name, payload)
    elif part.kind == "compensate":
        return not _compensate(run, node, token, part)
    return token.id in run.state.tokens


def _compensate(run: Run, node: Node, token: Token, part: EventSpec) -> bool:
    """Whether the token has to wait for the compensation. One that does not wait leaves it to a token of its own."""
    if part.waits:
        return compensate(run, node, token, part.activity)
    other = stand(run, node.id, token.scope)
    if not compensate(run, node, other, part.activity):
        run.emit(NodeLeft(node.id, other.id))
    return False


class ThrowEvent(Element):
    """intermediateThrowEvent."""

    def enter(self, run: Run, node: Node, token: Token) -> None:
        """Throw and go on."""
        if throw(run, node, token):
            self.thrown(run, node, token)

    def thrown(self, run: Run, node: Node, token: Token) -> None:
        """Everything has been thrown: go on, or jump to the other end of the link."""
        target = run.process.link_target(node)
        if not target:
            self.finish(run, node, token, {})
            return
        close_local(run, token)
        run.emit(NodeLeft(node.id, token.id))
        arrive(run, target, token.scope)

    def inside_ended(self, run: Run, node: Node, token: Token) -> None:
        """One activity has been undone: go on with the next, or on the way."""
        if not undo_next(run, token):
            self.compensated(run, node, token)

    def compensated(self, run: Run, node: Node, token: Token) -> None:
        """Everything has been undone."""
        undo = node.event.part("compensate") if node.event is not None else None
        if undo is None or undo.waits:
            self.thrown(run, node, token)
            return
        run.emit(NodeLeft(node.id, token.id))
        end_scope_if_empty(run, token.scope)
