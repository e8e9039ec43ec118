"""Processes that nobody starts: the record they are about, and what their start condition can see of the site."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import QuerySet

from bihuan.engine.definition import Process
from bihuan.kernel import clock
from bihuan.kernel.errors import NotFound
from bihuan.notify.kinds import NoticeKind
from bihuan.notify.notices import About, notify_people
from bihuan.operations.timing.clock_following import CASE
from bihuan.org.models import Site
from bihuan.org.roles import people_allowed
from bihuan.processes.contract import Begun, Subject, Surroundings
from bihuan.processes.jobs import Handler, TakenJob
from bihuan.processes.models import AutoStart, Instance, WorkItem
from bihuan.processes.starting import start_handlers
from bihuan.records import cases as case_records
from bihuan.records.models import Case, CaseKind, CaseStatus

_NEEDS_A_CASE = frozenset({"userTask", "manualTask", "serviceTask", "callActivity"})


def kind_of_case(key: str, process: Process) -> str:
    """What kind of case a process opens when it begins by itself: `bihuan:case`, else its own, else routine work."""
    said = process.extension.properties.get("case", "")
    return said or (key if case_records.is_kind(key) else CaseKind.ROUTINE)


def open_subject(begun: Begun) -> Subject | None:
    """Open the case that a process begun by itself, or by a message from outside, is about.

    One that neither people nor effects work on needs none. BusinessError when the diagram names no kind of case.
    """
    nodes = begun.process.nodes.values()
    if not any(node.kind in _NEEDS_A_CASE or node.extension.service or node.extension.effects for node in nodes):
        return None
    kind = kind_of_case(begun.key, begun.process)
    case = case_records.open_case(kind, actor=begun.actor, site_id=begun.site_id, title=begun.name)
    return Subject(CASE, case.pk, f"{begun.name} {case.number}")


def start_work(around: Surroundings) -> dict[str, Handler]:
    """What workers do about automatic starts: begin them, and tell whoever manages processes there of one that could
    not be."""

    def told(handler: Handler) -> Handler:
        def do(job: TakenJob) -> None:
            handler(job)
            failed = AutoStart.objects.exclude(trouble="").filter(pk=job.payload["start"])
            for row in failed.select_related("definition"):
                _tell_of_trouble(row)

        return do

    return {kind: told(handler) for kind, handler in start_handlers(around).items()}


def _tell_of_trouble(row: AutoStart) -> None:
    about = About(NoticeKind.SYSTEM, urgent=True, site_id=row.site_id, key=f"auto start {row.pk} {row.next_at}")
    people = people_allowed("process.manage", row.site_id)
    url = f"/processes/{row.definition.key}"
    notify_people(people, f"没有自动发起：{row.definition.name}", row.trouble, url, about)


def begun_by_themselves(site_id: int, key: str) -> QuerySet[Instance]:
    """What has begun by itself at a site, of one process."""
    rows: QuerySet[Instance] = Instance.objects.at(site_id)
    return rows.filter(version__definition__key=key, started_by__isnull=True, parent__isnull=True)


def site_facts(site_id: int) -> Mapping[str, object]:
    """The site as the start condition of a process sees it: `site.open_cases` and the like."""
    site = Site.objects.filter(pk=site_id).first()
    if site is None:
        raise NotFound("没有这个门店")
    now = clock.now()
    work = WorkItem.objects.at(site_id).filter(status=WorkItem.Status.OPEN)
    return {
        "code": site.code,
        "name": site.name,
        "open_cases": Case.objects.at(site_id).filter(status=CaseStatus.OPEN).count(),
        "open_tasks": work.count(),
        "late_tasks": work.filter(due_at__lt=now).count(),
        "unattended_tasks": work.filter(unattended_since__isnull=False).count(),
    }
