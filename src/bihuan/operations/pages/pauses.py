"""Which limits of open work stand still, and why: one look for a whole list."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from django.db.models import Q

from bihuan.limits.models import ClockPause
from bihuan.operations.surroundings import CASE, ITEM


class Limited(Protocol):
    """An open item with its limit."""

    @property
    def id(self) -> int: ...

    @property
    def limit_key(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Pauses:
    """Reasons by kind of subject, its number and the key of the limit."""

    reasons: dict[tuple[str, int, str], str]

    def of(self, item: Limited, case_id: int | None) -> str:
        """Why the item's limit stands still, its own or the one of its case that it shares; "" while it runs."""
        own = self.reasons.get((ITEM, item.id, item.limit_key), "")
        return own or self.reasons.get((CASE, case_id or 0, item.limit_key), "")


def pauses_of(case_ids: Collection[int], item_ids: Collection[int]) -> Pauses:
    """The pauses that last on these cases and items, in one query."""
    rows = ClockPause.unscoped.filter(
        Q(clock__subject_kind=CASE, clock__subject_id__in=case_ids)
        | Q(clock__subject_kind=ITEM, clock__subject_id__in=item_ids),
        clock__stopped_at__isnull=True,
        ended_at__isnull=True,
    )
    found = rows.values_list("clock__subject_kind", "clock__subject_id", "clock__key", "reason")
    return Pauses({(kind, subject, key): reason or "暂停" for kind, subject, key, reason in found})
