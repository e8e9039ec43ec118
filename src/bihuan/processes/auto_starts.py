"""Which processes begin by themselves, at which sites and when next: one row and one job for each start event and site.

The rows follow what is published: made when a version comes into force, replaced by a newer one, ended when the version
is stopped or the site no longer has the process. `bihuan:sites` on the process names site codes; `*` or nothing means
every site in use that has none below it. A hold outlives all that: what somebody has stopped does not begin again by
itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from bihuan.engine.definition import EventSpec, Model, Node, Process
from bihuan.engine.definition.iso8601 import Moment
from bihuan.engine.runtime import Trouble, start_due
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError
from bihuan.org.models import Site
from bihuan.processes.compiled import compiled_model, process_of
from bihuan.processes.models import AutoStart, Definition, Job, Version

START = "process.start"
LOOK = "process.look"
"""The kinds of the jobs that begin a process at a moment, and that look whether its condition is true."""
BY_ITSELF = "clock"
"""The kind of the `Beginning` of a process that has automatic starts."""
SEEN = frozenset({"site", "timezone"})
"""What a condition can see before there is an instance."""
_APART = re.compile(r"[\s,，、;；]+")

Key = tuple[int, str, int]
"""Site, node and part."""


@dataclass(frozen=True, slots=True)
class StartEvent:
    """One way in which a process begins by itself: a start event, or a part of one."""

    process: Process
    node: Node
    part: int
    spec: EventSpec


def start_events(model: Model, process: Process) -> list[StartEvent]:
    """The timers and conditions that begin a process of a file, and with the main one the other pools."""
    return [
        StartEvent(each, node, part, spec)
        for each in (model.collaboration if process.id == model.main.id else (process,))
        for node in each.triggers
        for part, spec in enumerate(node.event.all_parts if node.event is not None else ())
        if spec.kind in ("timer", "conditional")
    ]


def require_startable_by_itself(model: Model, process: Process) -> None:
    """Refuse what could never begin by itself: at sites that are not there, or by `problems_of_start`."""
    events = start_events(model, process)
    if not events:
        return
    codes = {code for event in events for code in _codes(event.process)}
    unknown = "、".join(sorted(codes - set(Site.objects.values_list("code", flat=True))))
    # A pack may be installed before there are sites; where there are some, a code that none of them has is a mistake.
    if unknown and Site.objects.exists():
        raise BusinessError(f"流程“{process.name or process.id}”的 sites 写了没有的门店：{unknown}")
    for event in events:
        for reason in problems_of_start(event):
            raise BusinessError(reason)


def problems_of_start(event: StartEvent) -> Iterator[str]:
    """Why a process could never begin by itself like this: a moment that cannot be computed, a condition on what is not
    there yet."""
    condition = event.spec.condition
    if condition is not None and condition.names - SEEN:
        names = "、".join(sorted(condition.names - SEEN))
        yield f"开始条件「{event.node.label}」用到了 {names}：流程开始之前没有变量和单据，只看得到门店的情况（site）"
    if event.spec.kind == "timer":
        try:
            start_due(event.process, event.node.id, clock.now(), part=event.part)
        except Trouble as trouble:
            yield f"定时开始「{event.node.label}」算不出时间：{trouble.reason}"


@transaction.atomic
def follow_version(definition_id: int) -> None:
    """Make the automatic starts of a process what its version in force says, at the sites that have it."""
    locked = Definition.objects.select_for_update(of=("self",), no_key=True).select_related("current")
    definition = locked.get(pk=definition_id)
    version, now = definition.current, clock.now()
    if version is None:
        return
    wanted = _wanted(version)
    rows = _taken_back(wanted, version)
    for row in rows:
        place = wanted.get((row.site_id, row.node_id, row.part))
        if place is not None:
            _renew(row, version, *place, now)
        elif row.held_at is None:
            row.delete()
    there = set(AutoStart.objects.filter(definition=definition).values_list("site_id", "node_id", "part"))
    for (site_id, node_id, part), place in wanted.items():
        if (site_id, node_id, part) not in there:
            row = AutoStart.objects.create(
                definition=definition,
                version=version,
                site_id=site_id,
                node_id=node_id,
                part=part,
                kind=place[0].spec.kind,
            )
            _renew(row, version, *place, now)


def follow_sites() -> None:
    """Sites come and go: see to it that every process begins by itself where it should, and nowhere else."""
    for definition in Definition.objects.select_related("current").filter(beginnings__kind=BY_ITSELF):
        # Looking first takes no lock: an idle worker must not stand in anybody's way on SQLite.
        if not _is_settled(definition):
            follow_version(definition.pk)


def process_begun(row: AutoStart) -> Process | None:
    """The process of its version that an automatic start begins; None if the version has no such start event."""
    processes = compiled_model(row.version).processes.values()
    return next((process for process in processes if row.node_id in process.nodes), None)


def begin_anew() -> None:
    """As if everything had been published at this moment: for scenarios, which have a clock of their own."""
    Job.objects.filter(kind__in=(START, LOOK)).delete()
    AutoStart.objects.all().delete()
    follow_sites()


def schedule(row: AutoStart, at: datetime | None) -> None:
    """The one job that begins the process at a moment; none while somebody holds it, or when it is over."""
    row.next_at, row.job_id = at, None
    if at is not None and row.held_at is None:
        job = Job.objects.create(
            kind=LOOK if row.kind == "conditional" else START,
            payload={"start": row.pk},
            due_at=at,
            run_at=at,
            created_at=clock.now(),
            site_id=row.site_id,
            node_id=row.node_id,
        )
        row.job_id = job.pk
    row.save(
        update_fields=["next_at", "left", "met", "job_id", "version", "kind", "trouble", "last_at", "last_instance"]
    )


def _is_settled(definition: Definition) -> bool:
    """Whether the process has its automatic starts where it should; those that are held may be anywhere."""
    wanted = set() if definition.current is None else set(_wanted(definition.current))
    rows = AutoStart.objects.filter(definition=definition)
    there = {(row.site_id, row.node_id, row.part) for row in rows}
    free = {(row.site_id, row.node_id, row.part) for row in rows if row.held_at is None}
    return free <= wanted <= there


def _wanted(version: Version) -> dict[Key, tuple[StartEvent, Site]]:
    if version.stopped_at is not None:
        return {}
    return {
        (site.pk, event.node.id, event.part): (event, site)
        for event in start_events(compiled_model(version), process_of(version))
        for site in _sites(event.process)
    }


def _sites(process: Process) -> list[Site]:
    codes, active = _codes(process), Site.objects.filter(is_active=True)
    return list(active.filter(code__in=codes) if codes else active.exclude(children__is_active=True).distinct())


def _codes(process: Process) -> list[str]:
    """The sites that the diagram names, none for all."""
    return [code for code in _APART.split(process.extension.properties.get("sites", "")) if code not in ("", "*")]


def lock_without_jobs(rows: Iterable[AutoStart]) -> list[AutoStart]:
    """These rows as they are now, locked, and their jobs gone.

    A worker takes the job away first and then changes the row; so do we, to wait for each other and never crosswise.
    """
    seen = list(rows)
    _drop_jobs(seen)
    locked = list(AutoStart.objects.select_for_update().filter(pk__in=[row.pk for row in seen]).order_by("pk"))
    _drop_jobs(locked)
    return locked


def _drop_jobs(rows: Iterable[AutoStart]) -> None:
    Job.objects.filter(pk__in=[row.job_id for row in rows if row.job_id is not None]).delete()


def _taken_back(wanted: Mapping[Key, object], version: Version) -> list[AutoStart]:
    """Rows that no longer are what they should be, locked, without their jobs."""
    rows = AutoStart.objects.filter(definition_id=version.definition_id)
    return lock_without_jobs(
        row for row in rows if row.version_id != version.pk or (row.site_id, row.node_id, row.part) not in wanted
    )


def _renew(row: AutoStart, version: Version, event: StartEvent, site: Site, now: datetime) -> None:
    """What a version in force says anew. Where it says the same as before nothing changes, and a start that is due just
    now is not lost to it."""
    is_due = row.kind == event.spec.kind == "timer" and row.next_at is not None and row.next_at <= now
    goes_on = row.version_id != version.pk and (_says_the_same(row, event) or (is_due and row.held_at is None))
    row.version, row.kind, row.trouble = version, event.spec.kind, ""
    if not goes_on:
        row.met = False
        row.next_at, row.left = _first(event, site, now)
    schedule(row, row.next_at)


def _says_the_same(row: AutoStart, event: StartEvent) -> bool:
    process = process_begun(row)
    before = process.nodes[row.node_id].event if process is not None else None
    parts = before.all_parts if before is not None else ()
    return row.part < len(parts) and _words(parts[row.part]) == _words(event.spec)


def _words(spec: EventSpec) -> tuple[str, str]:
    """What the diagram says of a timer or condition."""
    if spec.timer is not None:
        return spec.timer.kind, spec.timer.text
    return spec.kind, spec.condition.text if spec.condition is not None else ""


def _first(event: StartEvent, site: Site, now: datetime) -> tuple[datetime | None, int | None]:
    if event.spec.kind == "conditional":
        return now, None
    due = start_due(event.process, event.node.id, now, context={"timezone": site.timezone}, part=event.part)
    if due is None or (due[0] < now and _is_date(event.spec)):
        # A day that had passed before the process was published is not made up for.
        return None, None
    return due


def _is_date(spec: EventSpec) -> bool:
    return spec.timer is not None and (spec.timer.kind == "date" or isinstance(spec.timer.fixed, Moment))
