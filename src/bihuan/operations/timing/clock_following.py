"""Work items follow their clocks: a due moment that moves on the clock moves on the work it limits."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q

from bihuan.limits.models import Clock
from bihuan.processes.models import NEVER, WorkItem

CASE = "case"
ITEM = "item"


def items_follow(clocks: Iterable[Clock]) -> int:
    """Give the open items under these clocks the moments the clocks have now; answers how many items moved.

    A paused clock leaves its items without a due moment.
    """
    moved = 0
    for held in clocks:
        rows = WorkItem.unscoped.filter(_under(held), status=WorkItem.Status.OPEN)
        moved += rows.update(due_at=held.due_at, warn_at=held.warn_at, sort_at=held.due_at or NEVER)
    return moved


def _under(held: Clock) -> Q:
    if held.subject_kind == ITEM:
        return Q(pk=held.subject_id)
    return Q(instance__subject_kind=held.subject_kind, instance__subject_id=held.subject_id, limit_key=held.key)
