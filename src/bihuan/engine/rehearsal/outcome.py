"""What a rehearsal leaves: its instances, and how each went."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bihuan.engine.definition import Node, Process
from bihuan.engine.rehearsal.answers import Answers
from bihuan.engine.runtime import Event, IncidentRaised, InstanceEnded, NodeEntered, NodeLeft, State, new_state

_JOINS = ("parallelGateway", "inclusiveGateway", "complexGateway")


@dataclass(slots=True)
class Instance:
    """One process being rehearsed; `parent` and `parent_wait` lead to the call it answers."""

    number: int
    process: Process
    state: State = field(default_factory=new_state)
    parent: Instance | None = None
    parent_wait: int = 0
    events: list[Event] = field(default_factory=list)
    opened: dict[int, Event] = field(default_factory=dict)
    incidents: dict[int, IncidentRaised] = field(default_factory=dict)
    ended: InstanceEnded | None = None

    @property
    def nodes(self) -> list[str]:
        """Ids of the nodes that were walked through, in order.

        A gateway that joins counts when it lets go, not for every token that reaches it; a node that is done several
        times counts once for each time.
        """
        walked: list[str] = []
        before: Event | None = None
        body = ""
        for event in self.events:
            if isinstance(event, NodeEntered) and not self._joins(event.node):
                if event.loop and event.node == body and walked[-1] == body:
                    walked.pop()
                walked.append(event.node)
                body = "" if event.loop else event.node
            elif isinstance(event, NodeLeft) and self._joins(event.node) and not _same_leave(event, before):
                walked.append(event.node)
            before = event
        return walked

    def _joins(self, node_id: str) -> bool:
        node = self.process.nodes[node_id]
        return node.kind in _JOINS and len(node.incoming) > 1


def _same_leave(event: NodeLeft, before: Event | None) -> bool:
    """Whether a token only went up in another that left the join just before, or was cancelled there."""
    return event.cancelled or (isinstance(before, NodeLeft) and before.node == event.node)


@dataclass(frozen=True, slots=True)
class MadeUp:
    """A value that a rehearsal made up: for which step of which process, and what."""

    instance: Instance
    node: Node
    name: str
    value: Any


@dataclass(slots=True)
class Outcome:
    """How a rehearsal went. `state`: completed, waiting, incident, error, terminated, cancelled or limit.

    The first instance is the one that was asked for; others were called by it or started by its messages.
    """

    state: str
    instances: list[Instance]
    answers: Answers
    refusal: str = ""
    in_turn: tuple[Node, ...] = ()
    """Gateways of a drawing that does not say which way to take: each way was taken in turn."""
    made_up: tuple[MadeUp, ...] = ()

    @property
    def main(self) -> Instance:
        """The instance that was asked for."""
        return self.instances[0]
