"""抄送 by the diagram: whoever a step names is told, may read its case, and is reminded of what they must confirm."""

from __future__ import annotations

from collections.abc import Iterable

from bihuan.notify.kinds import NoticeKind
from bihuan.notify.notices import About, notify_people
from bihuan.operations.timing.clock_following import CASE
from bihuan.processes.contract import StepResult
from bihuan.processes.jobs import TakenJob, enqueue
from bihuan.records.copies import send_copies
from bihuan.records.models import CaseCopy, CopyOn

REMIND = "copy.remind"
"""The kind of the job that reminds who has not confirmed yet."""
_HAS = {CopyOn.OPEN: "已开始", CopyOn.COMPLETE: "已办完"}


def send_step_copies(result: StepResult) -> None:
    """After a step, in its transaction: whoever its rules copy is told, once for each node."""
    case_id = result.instance.subject_id
    if result.instance.subject_kind != CASE or case_id is None:
        return
    told: set[tuple[str, int]] = set()
    # Whom two rules name is told once, and asked to confirm if either wants it.
    for one in sorted(result.copies, key=lambda one: not one.confirm):
        people = [user for user in one.people if (one.node_id, user) not in told]
        if not people:
            continue
        told.update((one.node_id, user) for user in people)
        ids = send_copies(
            case_id, dict.fromkeys(people, one.why), step=one.name, on=one.on, by=result.actor_id, note=one.note,
            confirm=one.confirm,
        )  # fmt: skip
        title = f"{'请阅' if one.confirm else '抄送'}：{one.name}{_HAS[CopyOn(one.on)]}"
        tell_readers(people, title, _body(result.instance.title, one.note), case_id, result.instance.site_id)
        if one.confirm and one.remind_at is not None:
            enqueue(REMIND, {"copies": ids}, due_at=one.remind_at, site_id=result.instance.site_id)


def tell_readers(people: Iterable[int], title: str, body: str, case_id: int, site_id: int) -> None:
    """Tell those who were copied; the notice leads to the case, which they may read."""
    about = About(NoticeKind.PEOPLE, subject=(CASE, case_id), site_id=site_id)
    notify_people(people, title, body, reading_url(case_id), about)


def remind_readers(job: TakenJob) -> None:
    """Whoever has still not confirmed is told once more."""
    rows = CaseCopy.unscoped.filter(pk__in=job.payload["copies"], unread=True, withdrawn_at__isnull=True)
    for copy in rows.select_related("case").order_by("pk"):
        title = f"还没有确认已阅：{copy.step}"
        tell_readers([copy.user_id], title, _body(copy.case.number, copy.note), copy.case_id, copy.case.site_id)


def reading_url(case_id: int) -> str:
    """Where whoever was copied reads the case."""
    return f"/copies/{case_id}/open"


def _body(about: str, note: str) -> str:
    return "，".join(part for part in (about, note) if part)
