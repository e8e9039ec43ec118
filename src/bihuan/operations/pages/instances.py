"""Process instances on screen: finding them, one in full, and what is stuck."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from bihuan.accounts.models import User
from bihuan.engine.definition import Node, Process
from bihuan.engine.runtime import State
from bihuan.engine.runtime.writing import written
from bihuan.forms.publishing import variable_labels
from bihuan.kernel.errors import BusinessError
from bihuan.operations.pages.case_list import MATCHES, named_by
from bihuan.operations.pages.clock_signs import ClockSign, signs_of_work
from bihuan.operations.pages.copies import CopyRow, Counted, copies_of, copies_on_diagram
from bihuan.operations.pages.story import Told, instance_story
from bihuan.operations.repairs import operated_instance
from bihuan.operations.surroundings import CASE
from bihuan.org.actor import Actor
from bihuan.org.models import PositionHolder, Site
from bihuan.processes.compiled import compiled_process, process_of
from bihuan.processes.history import Diagram, Returned, diagram, returned_in
from bihuan.processes.models import Definition, Incident, Instance, Version, WorkItem, labelled
from bihuan.processes.searching import STUCK, Cursor, InstanceSearch, search_instances
from bihuan.records.copies import INSTANCE
from bihuan.records.models import Case

PAGE_SIZE = 50
STORY = 200
INCIDENTS = 200
STATES = {**dict(Instance.Status.choices), STUCK: "停下待处理"}
WORDS = 60
LONG = 2000


@dataclass(frozen=True, slots=True)
class InstanceQuery:
    """What the list shows, as it stands in the address. `after` is where the page begins."""

    search: str = ""
    process: str = ""
    version: int | None = None
    status: str = ""
    node: str = ""
    person: int | None = None
    since: date | None = None
    until: date | None = None
    incident: str = ""
    variable: str = ""
    value: str = ""
    after: Cursor | None = None

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> InstanceQuery:
        """The query of an address; what makes no sense is left out rather than refused."""
        words = {name: str(params.get(name, "")).replace("\0", "").strip()[:WORDS] for name in _TEXTS}
        return cls(
            search=words["q"],
            process=words["process"],
            version=_number(params.get("version")),
            status=words["status"] if words["status"] in STATES else "",
            node=words["node"] if words["process"] else "",
            person=_number(params.get("person")),
            since=_day(params.get("since")),
            until=_day(params.get("until")),
            incident=words["incident"],
            variable=words["variable"],
            value=words["value"] if words["variable"] else "",
            after=_cursor(str(params.get("after", ""))),
        )

    def address(self, **changed: Any) -> str:
        """The address of this view with something changed, from its first page unless `after` is given."""
        other = replace(self, **{"after": None, **changed})
        parts = {
            "q": other.search, "process": other.process, "version": other.version, "status": other.status,
            "node": other.node, "person": other.person, "incident": other.incident, "variable": other.variable,
            "value": other.value,
            "since": other.since.isoformat() if other.since else "",
            "until": other.until.isoformat() if other.until else "",
            "after": f"{other.after[0].timestamp():.6f}_{other.after[1]}" if other.after else "",
        }  # fmt: skip
        return urlencode({key: value for key, value in parts.items() if value})


_TEXTS = ("q", "process", "status", "node", "incident", "variable", "value")


@dataclass(frozen=True, slots=True)
class InstanceRow:
    """An instance with where it stands: open steps with who holds them, and why it is stuck."""

    instance: Instance
    steps: list[WorkItem]
    stuck: str


@dataclass(frozen=True, slots=True)
class InstanceList:
    """One page of what was found, and what may be chosen from."""

    query: InstanceQuery
    rows: list[InstanceRow]
    next: str
    scanned_to: datetime | None
    cut: bool
    processes: list[Definition]
    versions: list[int]
    nodes: list[Node]
    people: list[User]


def instance_list(query: InstanceQuery, *, actor: Actor) -> InstanceList:
    """A page of the instances at the actor's site. Needs `process.operate`: titles and variables tell of customers."""
    if actor.site_id is None:
        raise BusinessError("请先选择门店")
    actor.require("process.operate")
    asked, cut = _search(query, actor.site_id)
    found = search_instances(asked, site_id=actor.site_id, after=query.after, limit=PAGE_SIZE)
    processes = list(Definition.objects.select_related("current").filter(current__isnull=False).order_by("name"))
    chosen = next((one for one in processes if one.key == query.process), None)
    return InstanceList(
        query=query,
        rows=_rows(found.rows),
        next=query.address(after=found.next) if found.next else "",
        scanned_to=found.scanned_to,
        cut=found.cut or cut,
        processes=processes,
        versions=_versions_of(chosen),
        nodes=_waiting_nodes(chosen.current) if chosen and chosen.current else [],
        people=_people_at(actor.site_id),
    )


def _search(query: InstanceQuery, site_id: int) -> tuple[InstanceSearch, bool]:
    """What is asked of the processes, and whether the text fits more cases than are looked at."""
    zone = _zone(site_id) if query.since or query.until else UTC
    asked = InstanceSearch(
        process=query.process,
        version=query.version,
        status=query.status,
        node_id=query.node,
        person_id=query.person,
        incident=query.incident,
        variable=query.variable,
        value=query.value,
        since=datetime.combine(query.since, time(), zone) if query.since else None,
        until=datetime.combine(query.until + timedelta(days=1), time(), zone) if query.until else None,
    )
    text = query.search.removeprefix("#")
    if not text:
        return asked, False
    if text.isdecimal() and len(text) < 10 and query.search.startswith("#"):
        return replace(asked, number=int(text)), False
    here = Case.objects.at(site_id)
    named = named_by(text, here, [site_id])
    rows = here.filter(pk__in=named.cases)
    cases = list(rows.order_by("-pk").values_list("pk", flat=True)[:MATCHES])
    if not cases:
        return replace(asked, title=text), False
    return replace(asked, subject_kind=CASE, subjects=cases), named.cut


def _rows(instances: list[Instance]) -> list[InstanceRow]:
    numbers = [instance.pk for instance in instances]
    steps: dict[int, list[WorkItem]] = {number: [] for number in numbers}
    present = WorkItem.unscoped.filter(instance_id__in=numbers, status=WorkItem.Status.OPEN)
    for item in present.select_related("assignee").order_by("sort_at", "pk"):
        steps[item.instance_id].append(item)
    stuck = Incident.unscoped.filter(instance_id__in=numbers, resolved_at__isnull=True).order_by("-number")
    reasons = dict(stuck.values_list("instance_id", "reason"))
    return [InstanceRow(one, steps[one.pk], reasons.get(one.pk, "")) for one in instances]


@dataclass(frozen=True, slots=True)
class StuckNode:
    """An open incident of an instance, its node, and the ways that skipping may have to choose from."""

    incident: Incident
    label: str
    ways: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Variable:
    """A process variable as one would write it in FEEL; too long ones are only looked at.

    `label` is what stands beside the field that fills it, if a form does.
    """

    name: str
    label: str
    text: str
    long: bool = False


@dataclass(frozen=True, slots=True)
class InstancePage:
    """Everything about one instance that whoever repairs it needs."""

    instance: Instance
    steps: list[WorkItem]
    signs: dict[int, ClockSign]
    stuck: list[StuckNode]
    variables: list[Variable]
    inner: list[tuple[str, list[Variable]]]
    story: list[Told]
    called: list[tuple[Instance, str]]
    """The processes it has called, with their names and for which of many they were called."""
    returns: list[Returned]
    case: Case | None = None
    copies: Sequence[CopyRow] = ()
    """Where it is about no case: to whom it was copied. A case shows that itself."""


def instance_page(instance_id: int, *, actor: Actor) -> InstancePage:
    """One instance with its position, variables, history and what can be done about it."""
    instance = operated_instance(instance_id, actor=actor)
    process = compiled_process(instance.version_id, instance.version.sha256, instance.process_id)
    state = State.from_json(instance.state)
    present = WorkItem.unscoped.filter(instance=instance, status=WorkItem.Status.OPEN).select_related("assignee")
    steps = list(present.order_by("pk"))
    for item in steps:
        item.instance = instance
    incidents = Incident.unscoped.filter(instance_id=instance.pk, resolved_at__isnull=True).order_by("number")
    called = Instance.unscoped.filter(parent_id=instance.pk).select_related("version__definition")
    case = Case.unscoped.filter(pk=instance.subject_id or 0).first() if instance.subject_kind == CASE else None
    labels = variable_labels(node.extension.form for node in process.nodes.values() if node.extension.form)
    inner = [
        (_label(process, scope.node), _variables(scope.variables, labels)) for scope in state.scopes.values()
        if scope.id and scope.variables
    ]  # fmt: skip
    return InstancePage(
        instance=instance,
        steps=steps,
        signs=signs_of_work(steps),
        stuck=[_stuck(process, one) for one in incidents],
        variables=_variables(state.variables, labels),
        inner=inner[:50],
        story=instance_story(instance, newest=STORY),
        called=[(child, _called_name(child)) for child in called.defer("version__xml", "state").order_by("pk")[:50]],
        case=case,
        copies=copies_of((INSTANCE, instance_id), actor=actor) if instance.subject_kind != CASE else (),
        returns=returned_in(instance.chain).get(instance.pk, []),
    )


def _called_name(child: Instance) -> str:
    version = child.version
    name = compiled_process(version.pk, version.sha256, child.process_id).name or version.definition.name
    return labelled(name, [child.called_for])


def _stuck(process: Process, incident: Incident) -> StuckNode:
    node = process.nodes.get(incident.node_id)
    ways = [process.flows[one] for one in node.outgoing] if node is not None and len(node.outgoing) > 1 else []
    named = [(way.id, way.name or f"到“{_label(process, way.target)}”") for way in ways]
    return StuckNode(incident, _label(process, incident.node_id), named)


def _label(process: Process, node_id: str) -> str:
    node = process.nodes.get(node_id)
    return node.label if node is not None else node_id


def _variables(values: Mapping[str, Any], labels: Mapping[str, str]) -> list[Variable]:
    texts = {name: written(value) for name, value in sorted(values.items())}
    return [
        Variable(name, labels.get(name, ""), text if len(text) <= 2000 else f"{text[:2000]}…", len(text) > 2000)
        for name, text in texts.items()
    ]


def instance_diagram(instance_id: int, *, actor: Actor) -> tuple[Diagram, dict[str, Counted]]:
    """How each node of the diagram stands, what was walked, and what was copied from where."""
    operated_instance(instance_id, actor=actor)
    return diagram(instance_id), copies_on_diagram(instance_id)


def instance_xml(instance_id: int, *, actor: Actor) -> str:
    """The BPMN of the version this instance runs on."""
    return operated_instance(instance_id, actor=actor).version.xml


@dataclass(frozen=True, slots=True)
class IncidentList:
    """What is stuck at the sites where the actor sees processes, oldest first; `more` says the list was cut."""

    rows: list[Incident]
    process: str
    words: str
    processes: list[tuple[str, str]]
    more: bool


def incident_list(*, process: str = "", words: str = "", actor: Actor) -> IncidentList:
    """Open incidents, of one process, or with these words in their reason."""
    sites = actor.sites_allowing("process.view")
    if not sites:
        actor.require("process.view")
    rows = Incident.objects.at(sites).filter(resolved_at__isnull=True)
    if process:
        rows = rows.filter(instance__version__definition__key=process)
    if words:
        rows = rows.filter(reason__icontains=words[:WORDS])
    related = rows.select_related("instance__version__definition").defer("instance__version__xml", "instance__state")
    found = list(related.order_by("raised_at", "pk")[: INCIDENTS + 1])
    processes = list(Definition.objects.filter(current__isnull=False).order_by("name").values_list("key", "name"))
    return IncidentList(found[:INCIDENTS], process, words, processes, more=len(found) > INCIDENTS)


def _versions_of(definition: Definition | None) -> list[int]:
    if definition is None:
        return []
    return list(definition.versions.order_by("-number").values_list("number", flat=True)[:50])


def _waiting_nodes(version: Version) -> list[Node]:
    """Where an instance can be standing: everything that waits for somebody or something."""
    kinds = ("Task", "intermediateCatchEvent", "boundaryEvent", "callActivity")
    return [node for node in process_of(version).nodes.values() if node.kind.endswith(kinds)]


def _people_at(site_id: int) -> list[User]:
    holders = PositionHolder.objects.filter(position__site_id=site_id, until__isnull=True).values("user_id")
    return list(User.objects.filter(pk__in=holders).order_by("name")[:300])


def _zone(site_id: int) -> ZoneInfo:
    return ZoneInfo(Site.objects.values_list("timezone", flat=True).get(pk=site_id))


def _number(text: Any) -> int | None:
    words = str(text or "")
    return int(words) if words.isascii() and words.isdigit() and len(words) < 10 else None


def _day(text: Any) -> date | None:
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        return None


def _cursor(text: str) -> Cursor | None:
    moment, _, number = text.partition("_")
    try:
        return datetime.fromtimestamp(float(moment), UTC), int(number[:18])
    except (ValueError, OverflowError, OSError):
        return None
