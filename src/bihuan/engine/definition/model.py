"""A published process as immutable data: what the runtime needs to know of a BPMN file, and nothing of its XML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bihuan.engine.definition.specs import (
    AdHocSpec,
    Assignment,
    CopyRule,
    EventSpec,
    Extension,
    IoMapping,
    LoopSpec,
    ScriptStep,
    SignoffSpec,
)

if TYPE_CHECKING:
    from bihuan.engine.definition.problems import Problem
    from bihuan.engine.feel import Expression


@dataclass(frozen=True, slots=True)
class Flow:
    """A sequence flow; `condition` is None for an unconditional one."""

    id: str
    name: str
    line: int
    source: str
    target: str
    condition: Expression | None = None
    default: bool = False


@dataclass(frozen=True, slots=True)
class Lane:
    """A swimlane; `role` is its `bihuan:role`, else its name. Nested lanes name the `parent` lane."""

    id: str
    name: str
    role: str
    line: int
    nodes: tuple[str, ...]
    parent: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    """A flow node. `kind` is its BPMN tag (`userTask`, `boundaryEvent`, …); `parent` the id of the sub-process it is
    in, "" at process level; `incoming` and `outgoing` are flow ids in the order of the file."""

    id: str
    name: str
    kind: str
    line: int
    lane: str = ""
    parent: str = ""
    incoming: tuple[str, ...] = ()
    outgoing: tuple[str, ...] = ()
    extension: Extension = field(default_factory=Extension)
    documentation: str = ""
    default_flow: str = ""
    event: EventSpec | None = None
    attached_to: str = ""
    interrupting: bool = True
    boundary: tuple[str, ...] = ()
    """Ids of the boundary events attached to this activity."""
    loop: LoopSpec | None = None
    signoff: SignoffSpec | None = None
    inputs: tuple[IoMapping, ...] = ()
    outputs: tuple[IoMapping, ...] = ()
    start_quantity: int = 1
    """Tokens it takes to begin the activity."""
    completion_quantity: int = 1
    """Tokens that leave by each way when it is done."""
    needs: tuple[tuple[str, ...], ...] = ()
    """Input sets: the variables of one of these must have a value before the activity begins."""
    produces: tuple[str, ...] = ()
    """Its data outputs: what they hold goes only where the data associations say."""
    own_data: tuple[str, ...] = ()
    """Data objects and properties of a sub-process: variables that live as long as it does."""
    called: str = ""
    called_expression: Expression | None = None
    pass_all_in: bool = True
    pass_all_out: bool = True
    decision: str = ""
    script: Expression | None = None
    script_steps: tuple[ScriptStep, ...] = ()
    """A script of another language, as the assignments it comes to."""
    result_variable: str = ""
    assignee: Expression | None = None
    assignment: Assignment | None = None
    copies: tuple[CopyRule, ...] = ()
    title: Expression | None = None
    role: Expression | None = None
    by_event: bool = False
    """An event sub-process: started by its start event, never by a flow."""
    for_compensation: bool = False
    """A compensation handler: begun by compensation, never by a flow."""
    handler: str = ""
    """The activity that undoes this one, by way of its compensation boundary event."""
    ad_hoc: AdHocSpec | None = None
    activation: Expression | None = None
    """When a complex gateway goes on."""
    instantiate: bool = False
    """A receive task or event-based gateway that begins the process."""
    parallel: bool = False
    """An event-based gateway that begins the process and needs all of its events."""

    @property
    def label(self) -> str:
        """What to call the node in a message: its name, else its id."""
        return self.name or self.id


@dataclass(frozen=True, slots=True)
class Level:
    """The inside of a process or sub-process: where it starts and which event sub-processes listen while it runs."""

    starts: tuple[str, ...] = ()
    """Nodes that receive a token when the level starts plainly: none start events, else nodes nothing leads to."""
    triggers: tuple[str, ...] = ()
    """What starts it when something happens: start events with a trigger, instantiating receive tasks, and the events
    after instantiating event-based gateways."""
    listeners: tuple[str, ...] = ()
    """Ids of event sub-processes."""
    nodes: tuple[str, ...] = ()
    undo: str = ""
    """The start event of the compensation event sub-process, if there is one."""


@dataclass(frozen=True, slots=True)
class Process:
    """One process of a file, ready to run. `levels` is keyed by sub-process id, "" for the process itself."""

    id: str
    name: str
    line: int
    nodes: Mapping[str, Node]
    flows: Mapping[str, Flow]
    lanes: Mapping[str, Lane]
    levels: Mapping[str, Level]
    executable: bool = True
    """False where the file says `isExecutable="false"`: a drawing that can be tried but should not be published."""
    is_drawing: bool = False
    """It was read to be tried out as such a drawing, with all it leaves open."""
    version_tag: str = ""
    documentation: str = ""
    extension: Extension = field(default_factory=Extension)
    copies: tuple[CopyRule, ...] = ()
    reach: Mapping[str, Mapping[str, frozenset[str]]] = field(default_factory=dict)
    """For each inclusive or complex join: the incoming flows on which a token standing at a node can still arrive."""
    links: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """(level, link name) to the catching link event."""
    compensable: frozenset[str] = frozenset()
    """Activities whose completion must be remembered, because they or something in them can be compensated."""
    watches: bool = False
    """Whether anything in it waits for a condition on data."""

    @property
    def triggers(self) -> tuple[Node, ...]:
        """Nodes that wait for a message, signal, timer or condition before an instance exists."""
        return tuple(self.nodes[node] for node in self.levels[""].triggers)

    def link_target(self, node: Node) -> str:
        """Where the link that a node throws comes out, "" if it throws none."""
        link = node.event.part("link") if node.kind == "intermediateThrowEvent" and node.event is not None else None
        return "" if link is None else self.links.get((node.parent, link.name), "")


@dataclass(frozen=True, slots=True)
class Participant:
    """A pool; `process` is "" for a black box."""

    id: str
    name: str
    process: str


@dataclass(frozen=True, slots=True)
class Model:
    """A BPMN file: its processes by id, in the order of the file, and its pools."""

    source: str
    processes: Mapping[str, Process]
    participants: tuple[Participant, ...] = ()
    target_namespace: str = ""
    advice: tuple[Problem, ...] = ()
    """What to look at although the file runs."""
    data_types: Mapping[str, str] = field(default_factory=dict)
    """By variable, the last name of the type its data is declared to have, in small letters (`xsd:string` is string),
    list for a collection. The runtime has no types; a rehearsal makes up fitting values."""

    @property
    def main(self) -> Process:
        """The process to run when nobody names one: the first that no other process here calls, and of those rather
        one that begins by itself than one that a message begins."""
        found = list(self.processes.values())
        called = {node.called for process in found for node in process.nodes.values() if node.called}
        free = [process for process in found if process.id not in called] or found
        return next((process for process in free if process.levels[""].starts), free[0])

    @property
    def pools(self) -> tuple[Process, ...]:
        """The processes that begin together: the main one, and the other pools that begin by themselves."""
        main, *others = self.collaboration
        return (main, *(each for each in others if each.levels[""].starts))

    @property
    def collaboration(self) -> tuple[Process, ...]:
        """The main process, and if it is drawn as a pool the other pools that no process here calls."""
        main = self.main
        called = {node.called for process in self.processes.values() for node in process.nodes.values() if node.called}
        drawn = dict.fromkeys(pool.process for pool in self.participants if pool.process in self.processes)
        if main.id not in drawn:
            return (main,)
        return (main, *(self.processes[name] for name in drawn if name not in called and name != main.id))
