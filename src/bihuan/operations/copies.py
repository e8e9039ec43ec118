"""抄送 by the diagram: whoever a step names is told, may read what it is about, is reminded of what they must confirm,
and in the end somebody else is told that they have not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from django.db.models import F

from bihuan.accounts.models import User
from bihuan.kernel import clock
from bihuan.notify.kinds import NoticeKind
from bihuan.notify.notices import About, notify_people
from bihuan.org.access import system_actor
from bihuan.org.duty.chart import answerable_for, nearest_superiors
from bihuan.org.duty.presence import present_with_role
from bihuan.org.models import PositionHolder
from bihuan.processes.contract import Copied, InstanceFacts, StepResult
from bihuan.processes.jobs import Handler, TakenJob, enqueue, rest_job
from bihuan.processes.models import Instance
from bihuan.records.copies import CASE, CopiedStep, note_on_copy, send_copies
from bihuan.records.models import CarbonCopy, CopyOn

REMIND = "copy.remind"
"""The kind of the job that reminds who has not confirmed yet."""
ESCALATE = "copy.escalate"
"""The kind of the job that tells others who has not confirmed."""
CALLED_OFF = frozenset({Instance.Status.CANCELLED, Instance.Status.WITHDRAWN})
"""Of what was called off, nobody need confirm anything any more."""
_HAS = {CopyOn.OPEN: "已开始", CopyOn.COMPLETE: "已办完"}


def send_step_copies(result: StepResult) -> None:
    """After a step, in its transaction: whoever its rules copy is told, once for each node."""
    facts = result.instance
    told: set[tuple[str, int]] = set()
    # Whom two rules name is told once, and asked to confirm if either wants it.
    for one in sorted(result.copies, key=lambda one: not one.confirm):
        people = [user for user in one.people if (one.node_id, user) not in told]
        if not people:
            continue
        told.update((one.node_id, user) for user in people)
        what = copied_step(facts, one.node_id, one.name)
        ids = send_copies(
            what, dict.fromkeys(people, one.why), on=one.on, by=result.actor_id, note=one.note, confirm=one.confirm
        )
        title = f"{'请阅' if one.confirm else '抄送'}：{one.name}{_HAS[CopyOn(one.on)]}"
        tell_readers(people, title, _body(facts.title, one.note), what)
        if one.confirm:
            _pursue(one, ids, facts)


def copied_step(facts: InstanceFacts, node_id: str, name: str) -> CopiedStep:
    """What people are told of: a step of a case, or of an instance that is about none."""
    case_id = facts.subject_id if facts.subject_kind == CASE else None
    return CopiedStep(facts.site_id, facts.chain, name, case_id, facts.id, node_id, facts.title)


def tell_readers(people: Iterable[int], title: str, body: str, what: CopiedStep, *, urgent: bool = False) -> None:
    """Tell those who were copied (`urgent`: those it was escalated to); the notice leads to what they may read."""
    subject = (CASE, what.case_id) if what.case_id is not None else None
    kind = NoticeKind.BREACH if urgent else NoticeKind.PEOPLE
    about = About(kind, urgent=urgent, subject=subject, site_id=what.site_id)
    notify_people(people, title, body, reading_url(what), about)


def reading_url(what: CopiedStep) -> str:
    """Where whoever was copied reads it."""
    if what.case_id is not None:
        return f"/copies/{what.case_id}/open"
    return f"/copies/process/{what.instance_id}/open"


def pursuing_handlers() -> dict[str, Handler]:
    """What workers do about those who do not confirm, by kind of job."""
    return {REMIND: _remind_readers, ESCALATE: _escalate_readers}


def _pursue(one: Copied, ids: list[int], facts: InstanceFacts) -> None:
    """Set when whoever does not confirm is reminded, and when others are told. Both stand still with the instance."""
    if one.reminders:
        first, *later = one.reminders
        gaps = [(at - before).total_seconds() for before, at in zip(one.reminders, later, strict=False)]
        payload = {"copies": ids, "gaps": gaps}
        enqueue(REMIND, payload, due_at=first, site_id=facts.site_id, instance_id=facts.id)
    if one.escalate_at is not None:
        payload = {"copies": ids, "role": one.escalate_to}
        enqueue(ESCALATE, payload, due_at=one.escalate_at, site_id=facts.site_id, instance_id=facts.id)


def _remind_readers(job: TakenJob) -> None:
    """Whoever has still not confirmed is told again; the next time is set while there is one."""
    waiting = _still_to_confirm(job)
    if not waiting:
        return
    for copy in waiting:
        body = _body(copy.case.number if copy.case else copy.title, copy.note)
        tell_readers([copy.user_id], f"还没有确认已阅：{copy.step}", body, CopiedStep.of(copy))
    CarbonCopy.unscoped.filter(pk__in=[copy.pk for copy in waiting]).update(reminders=F("reminders") + 1)
    due_at, gaps = _next_reminder(job.due_at, job.payload.get("gaps", []), clock.now())
    if due_at is not None:
        payload = {"copies": [copy.pk for copy in waiting], "gaps": gaps}
        enqueue(REMIND, payload, due_at=due_at, site_id=job.site_id, instance_id=job.instance_id)


def _next_reminder(due_at: datetime, gaps: list[float], now: datetime) -> tuple[datetime | None, list[float]]:
    """The next moment that is still to come, and the gaps after it: what was missed is made up for by one reminder."""
    for number, seconds in enumerate(gaps, start=1):
        due_at += timedelta(seconds=seconds)
        if due_at > now:
            return due_at, gaps[number:]
    return None, []


def _escalate_readers(job: TakenJob) -> None:
    """Those above the readers who have not confirmed are told of them and may read it too; so are the readers."""
    waiting = _still_to_confirm(job)
    if not waiting:
        return
    readers = {copy.user_id: copy for copy in waiting}
    above = _people_above(readers, job.payload["role"])
    lines: dict[int, list[CarbonCopy]] = defaultdict(list)
    for reader, people in above.items():
        for person in people:
            lines[person].append(readers[reader])
    what = CopiedStep.of(waiting[0])
    for person, late in lines.items():
        why = f"{'、'.join(copy.user.name for copy in late)}没有确认已阅"
        send_copies(what, {person: why}, on=CopyOn.ESCALATE, by=None, note=late[0].note)
        tell_readers([person], f"上报：{what.step}，{why}", what.title, what, urgent=True)
    names = dict(User.objects.filter(pk__in=lines).values_list("pk", "name"))
    for reader, copy in readers.items():
        told = "、".join(names[person] for person in above[reader])
        data = {"copy": copy.pk, "name": copy.user.name, "step": copy.step, "to": list(above[reader]), "names": told}
        note_on_copy(system_actor(copy.site_id), "copy.escalated", copy, data=data)
        if told:
            tell_readers([reader], f"没有确认已阅，已上报{told}：{copy.step}", _body(copy.title, copy.note), what)
    CarbonCopy.unscoped.filter(pk__in=[copy.pk for copy in waiting]).update(escalated_at=clock.now())


def _still_to_confirm(job: TakenJob) -> list[CarbonCopy]:
    """Whoever has still not confirmed. Nobody while the process is suspended: the job waits for it; and nobody once it
    was called off."""
    if job.instance_id is not None:
        status = Instance.unscoped.values_list("status", flat=True).get(pk=job.instance_id)
        if status == Instance.Status.SUSPENDED:
            rest_job(job)
        if status == Instance.Status.SUSPENDED or status in CALLED_OFF:
            return []
    rows = CarbonCopy.unscoped.filter(pk__in=job.payload["copies"], unread=True, withdrawn_at__isnull=True)
    # Locked before anything is logged, as whoever confirms does: neither waits for the other for ever.
    return list(rows.select_for_update(of=("self",)).select_related("case", "user").order_by("pk"))


def _people_above(readers: Mapping[int, CarbonCopy], role: str) -> dict[int, tuple[int, ...]]:
    """Whom to tell of each reader: who has the role and is there, else the nearest superior who is; never they
    themselves. Else whoever answers for the site."""
    site_id = next(iter(readers.values())).site_id
    found: dict[int, set[int]] = {reader: set() for reader in readers}
    if role:
        holders = present_with_role(role, site_id)
        found = {reader: set(holders) - {reader} for reader in readers}
    else:
        for home, people in _by_site(readers, site_id).items():
            for reader, superior in nearest_superiors(people, home).items():
                found[reader].add(superior)
    answerable = set(answerable_for(site_id)) if not all(found.values()) else set()
    return {reader: tuple(sorted(people or answerable - {reader})) for reader, people in found.items()}


def _by_site(readers: Iterable[int], site_id: int) -> dict[int, list[int]]:
    """The readers by where they work: at the site itself if they do so there, since some are of other sites."""
    posts = PositionHolder.objects.filter(user_id__in=list(readers), until__isnull=True).order_by("-pk")
    homes: dict[int, int] = {}
    for reader, home in posts.values_list("user_id", "position__site_id"):
        if homes.get(reader) != site_id:
            homes[reader] = home
    found: dict[int, list[int]] = defaultdict(list)
    for reader in readers:
        found[homes.get(reader, site_id)].append(reader)
    return found


def _body(about: str, note: str) -> str:
    return "，".join(part for part in (about, note) if part)
