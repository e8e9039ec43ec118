"""What the worker does when moments come: clocks warn and escalate (timers of processes are the processes' own)."""

from __future__ import annotations

from django.db import transaction

from bihuan.limits.due import DueClock, DueKind, due_clocks
from bihuan.notify.notices import notify_people, notify_role
from bihuan.operations.surroundings import CASE, ITEM, surroundings
from bihuan.processes.jobs import fire_due
from bihuan.processes.models import WorkItem
from bihuan.records.models import Case


def run_due_work() -> int:
    """Everything due at this moment: timers of processes, then limits to be told about; answers how many."""
    fired = fire_due(around=surroundings())
    return fired.taken + tell_due_clocks()


@transaction.atomic
def tell_due_clocks() -> int:
    """Tell the people concerned about limits that are nearly or wholly used up, each exactly once; answers how many.

    A warning goes to whoever holds the work (or could); a breach also to the role the limit escalates to.
    """
    told = due_clocks()
    for due in told:
        _tell(due)
    return len(told)


def _tell(due: DueClock) -> None:
    held = due.clock
    item = WorkItem.unscoped.filter(pk=held.subject_id).first() if held.subject_kind == ITEM else None
    case_id = item.instance.subject_id if item else held.subject_id if held.subject_kind == CASE else None
    case = Case.unscoped.select_related("vehicle").filter(pk=case_id).first() if case_id else None
    what = item.title if item else (case.vehicle.plate if case and case.vehicle else case.number if case else "")
    late = due.kind == DueKind.BREACH
    title = f"{'已超时' if late else '即将超时'}：{held.name}"
    url = f"/tasks/{item.pk}" if item else f"/cases/{case.pk}" if case else "/"
    told: set[int] = set()
    if item is not None and item.assignee_id:
        told.add(item.assignee_id)
    if case is not None and held.subject_kind == CASE:
        told.update(user for user in (case.technician_id, case.advisor_id) if user)
    notify_people(told, title, what, url=url)
    if item is not None and not item.assignee_id and item.role:
        for role in item.role.split(","):
            notify_role(role.strip(), held.site_id, title, what, url=url)
    if late and held.escalate_to:
        notify_role(held.escalate_to, held.site_id, title, what, url=url, besides=told)
