"""What has happened in an instance, told by the audit log: its history, its diagram, and its state proved by replay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypedDict, TypeVar

from django.db.models import TextField
from django.db.models.functions import Cast

from bihuan.accounts.models import User
from bihuan.audit.models import Entry
from bihuan.engine.definition import Process
from bihuan.engine.runtime import (
    Event,
    ItemClosed,
    Moved,
    NodeEntered,
    ScopeOpened,
    State,
    apply,
    event_from_json,
    leads_to,
    new_state,
)
from bihuan.kernel import clock
from bihuan.kernel.errors import Conflict, NotFound
from bihuan.processes.compiled import compiled_process
from bihuan.processes.models import Incident, Instance, WorkItem

STEP = "process.step"
RETURNS = ("send_back", "straight")
WALKED = ("send_back", "jump")
"""Moves after which one walks on from the target."""
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One audit entry of a chain. For a step, `instance_id`, `item_id` and `node_id` say where it was."""

    seq: int
    at: datetime
    actor_id: int | None
    actor_name: str
    action: str
    data: Mapping[str, Any]

    @property
    def is_step(self) -> bool:
        return self.action == STEP

    @property
    def instance_id(self) -> int | None:
        return self.data.get("instance")

    @property
    def item_id(self) -> int | None:
        return self.data.get("item")

    @property
    def node_id(self) -> str:
        return str(self.data.get("node", ""))

    @property
    def events(self) -> tuple[Event, ...]:
        """What happened in the engine at this step."""
        return tuple(event_from_json(event) for event in self.data.get("events", ()))


def history(chain: str, *, newest_first: bool = False, limit: int | None = None) -> list[HistoryEntry]:
    """Everything logged for a case (`case:12`) or an instance, with the names of the people."""
    rows = Entry.objects.filter(chain=chain).order_by("-seq" if newest_first else "seq")
    entries = list(rows if limit is None else rows[:limit])
    people = {person for entry in entries for person in (entry.actor_id, _principal(entry)) if person is not None}
    names = _names(people)
    return [
        HistoryEntry(entry.seq, entry.at, entry.actor_id, _who(entry, names), entry.action, entry.data)
        for entry in entries
    ]


def _principal(entry: Entry) -> int | None:
    """For whom the person acted, if not for themselves."""
    found: int | None = entry.data.get("acts_for") or entry.data.get("detail", {}).get("acts_for")
    return found


def _who(entry: Entry, names: Mapping[int, str]) -> str:
    name, principal = names.get(entry.actor_id or 0, "系统"), _principal(entry)
    return f"{name}（代{names[principal]}）" if principal is not None and principal in names else name


class NodeState(TypedDict, total=False):
    """How to show a node: `state` done, active or late; who passed it last (or holds it now) and when; how often."""

    state: str
    by: str
    at: datetime | None
    times: int
    incident: str


@dataclass(slots=True)
class Diagram:
    """The state of every node an instance has come to, how often each sequence flow was walked, and how often
    somebody sent it back from one node to another."""

    nodes: dict[str, NodeState] = field(default_factory=dict)
    flows: dict[str, int] = field(default_factory=dict)
    returns: dict[tuple[str, str], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Returned:
    """What was sent back from one step to another, by the names they had then, and how often."""

    source: str
    target: str
    times: int


def returned_in(chain: str) -> dict[int, list[Returned]]:
    """What was sent back in each instance of a case, in the order in which it first was; reads those steps only."""
    written = Cast("data", TextField())  # the log keeps its JSON as text
    steps = Entry.objects.annotate(written=written).filter(
        chain=chain, action=STEP, written__contains='"command":"SendBack"'
    )
    ways: dict[int, Counter[tuple[str, str]]] = {}
    for entry in steps.order_by("seq"):
        detail = entry.data.get("detail", {})
        ways.setdefault(entry.data["instance"], Counter())[detail.get("name", ""), detail.get("target", "")] += 1
    return {instance: [Returned(*way, times) for way, times in counted.items()] for instance, counted in ways.items()}


def diagram_state(instance_id: int) -> dict[str, NodeState]:
    """The nodes an instance has passed or stands at; others are absent."""
    return diagram(instance_id).nodes


def diagram(instance_id: int) -> Diagram:
    """Nodes and flows as the instance has walked them. Raises NotFound."""
    instance = _instance(instance_id)
    shown = Diagram()
    entered: dict[str, datetime] = {}
    actors: dict[str, int | None] = {}
    for entry in _steps(instance):
        for event in entry.data["events"]:
            kind = event["type"]
            if kind == "FlowTaken":
                shown.flows[event["flow"]] = shown.flows.get(event["flow"], 0) + 1
            elif kind == "Moved" and event["how"] in RETURNS:
                way = (event["node"], event["target"])
                shown.returns[way] = shown.returns.get(way, 0) + 1
            elif kind == "NodeEntered":
                entered[event["node"]] = entry.at
            elif kind == "NodeLeft" and not event.get("cancelled"):
                _pass(shown, event["node"], entry)
                actors[event["node"]] = entry.actor_id
            elif kind == "InstanceMigrated":
                shown.nodes, shown.flows = _moved(event, "nodes", shown.nodes), _moved(event, "flows", shown.flows)
                entered, actors = _moved(event, "nodes", entered), _moved(event, "nodes", actors)
    people = _names({actor for actor in actors.values() if actor is not None})
    for node, actor_id in actors.items():
        shown.nodes[node]["by"] = people.get(actor_id or 0, "系统")
    _mark_present(instance, shown, entered)
    return shown


def _moved(event: Mapping[str, Any], part: str, known: Mapping[str, V]) -> dict[str, V]:
    """What is known by the ids of one version, by those of the next; what that does not have is not shown."""
    ids = event.get(part, {})
    return {ids.get(name, name): value for name, value in known.items() if ids.get(name, name)}


def _pass(shown: Diagram, node: str, entry: Entry) -> None:
    times = shown.nodes[node]["times"] if node in shown.nodes else 0
    shown.nodes[node] = NodeState(state="done", by="", at=entry.at, times=times + 1)


def _mark_present(instance: Instance, shown: Diagram, entered: Mapping[str, datetime]) -> None:
    if not instance.is_running:
        return
    now = clock.now()
    for node in State.from_json(instance.state).nodes():
        times = shown.nodes[node]["times"] if node in shown.nodes else 0
        shown.nodes[node] = NodeState(state="active", by="", at=entered.get(node), times=times)
    items = WorkItem.unscoped.filter(instance_id=instance.pk, status=WorkItem.Status.OPEN).select_related("assignee")
    for item in items.order_by("id"):
        present = shown.nodes.setdefault(item.node_id, NodeState(state="active", by="", at=item.opened_at, times=0))
        present["by"] = item.assignee.name if item.assignee else present["by"]
        if item.due_at is not None and item.due_at < now:
            present["state"] = "late"
    for incident in Incident.unscoped.filter(instance_id=instance.pk, resolved_at__isnull=True):
        present = shown.nodes.setdefault(incident.node_id, NodeState(state="active", by="", at=None, times=0))
        present["incident"] = incident.reason


def replay(instance_id: int) -> State:
    """The state that the logged events of an instance lead to; equal to the stored one, or the log is not the truth."""
    state = new_state()
    for event in instance_events(instance_id):
        apply(state, event)
    return state


def instance_events(instance_id: int) -> Iterator[Event]:
    """Everything that has happened in an instance, in order."""
    for entry in _steps(_instance(instance_id)):
        yield from (event_from_json(event) for event in entry.data["events"])


def events_in(chain: str, instance_ids: Collection[int]) -> dict[int, list[Event]]:
    """Everything that has happened in each of these instances of a case, in order."""
    found: dict[int, list[Event]] = {instance_id: [] for instance_id in instance_ids}
    for entry in Entry.objects.filter(chain=chain, action=STEP).order_by("seq").iterator(chunk_size=500):
        events = found.get(entry.data["instance"])
        if events is not None:
            events.extend(event_from_json(event) for event in entry.data["events"])
    return found


def states_around(instance_id: int, item_id: int | None) -> tuple[State, State, dict[str, Any]]:
    """The states before and after the step that completed an item, and its record; without one, the newest step.

    Read from the history: the state itself does not remember. Raises NotFound for a step that is not there, Conflict
    for one that was done on an earlier version, or has been come to again since.
    """
    instance = _instance(instance_id)
    place: _Place | None = None
    found: tuple[State, State, dict[str, Any]] | None = None
    before, after = new_state(), new_state()
    data: dict[str, Any] = {}
    for entry in _steps(instance):
        before = State.from_json(after.to_text()) if item_id is None else before
        if found is not None:
            if entry.data["command"] == "Migrate":
                raise Conflict("这一步是流程换到新版本之前办的，不能撤回")
            if place is not None and place.is_entered_by(entry.data["events"]):
                raise Conflict("这一步后来又重新办过，不能撤回以前办的")
            continue
        is_it = item_id is not None and entry.data.get("item") == item_id
        if is_it:
            before = State.from_json(after.to_text())
        data = entry.data
        for event in data["events"]:
            apply(after, event_from_json(event))
        if is_it:
            found = before, after, data
            place = _place_of(instance, before, entry.data["events"])
    if found is not None:
        return found
    if item_id is not None:
        raise NotFound("没有这一步的记录")
    return before, after, data


@dataclass(slots=True)
class _Place:
    """Where an item stood: its node in a level, or in one repetition (`loop`) of the multi-instance `whole`."""

    process: Process
    node: str
    loop: int
    whole: int
    levels: set[int]

    def is_entered_by(self, events: Iterable[Mapping[str, Any]]) -> bool:
        """Whether somebody comes to it again by these events, or will, having gone back before it."""
        found = False
        for event in map(event_from_json, events):
            if isinstance(event, ScopeOpened) and event.kind == "each" and event.parent == self.whole:
                self.levels.add(event.scope)
            if isinstance(event, NodeEntered) and (event.node, event.loop) == (self.node, self.loop):
                found = found or event.scope in self.levels
            if isinstance(event, Moved) and event.how in WALKED:
                found = found or leads_to(self.process, event.target, self.node)
        return found


def _place_of(instance: Instance, before: State, events: Iterable[Mapping[str, Any]]) -> _Place | None:
    """The place of the item that these events complete."""
    closed = (event for event in map(event_from_json, events) if isinstance(event, ItemClosed))
    wait = next((before.waits[event.wait] for event in closed if event.outcome == "completed"), None)
    if wait is None:
        return None
    token = before.tokens[wait.token]
    scope = before.scopes[token.scope]
    process = compiled_process(instance.version_id, instance.version.sha256, instance.process_id)
    return _Place(process, token.node, token.loop, scope.parent if scope.kind == "each" else -1, {scope.id})


def _steps(instance: Instance) -> Iterator[Entry]:
    for entry in Entry.objects.filter(chain=instance.chain, action=STEP).order_by("seq").iterator(chunk_size=500):
        if entry.data.get("instance") == instance.pk:
            yield entry


def _instance(instance_id: int) -> Instance:
    found: Instance | None = Instance.unscoped.filter(pk=instance_id).first()
    if found is None:
        raise NotFound("没有这个流程实例")
    return found


def _names(user_ids: set[int]) -> dict[int, str]:
    return dict(User.objects.filter(pk__in=user_ids).values_list("id", "name")) if user_ids else {}
