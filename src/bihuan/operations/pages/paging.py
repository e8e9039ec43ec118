"""One page of a list that may be very long: counted only as far as anybody turns pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

PAGE_SIZE = 50
COUNTED = 1000


@dataclass(frozen=True, slots=True)
class Part:
    """A page of rows. `total` counts what fits, at most COUNTED; `more` says that there are more than that."""

    rows: list[Any]
    number: int
    total: int
    more: bool

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // PAGE_SIZE))


def part_of(rows: QuerySet[Any], number: int) -> Part:
    """The page of that number, or the last one there is."""
    # Without their order rows are counted as they come, so that a million cost no more than a thousand.
    found = rows.order_by().values("pk")[: COUNTED + 1].count()
    part = Part([], number, min(found, COUNTED), found > COUNTED)
    number = min(number, part.pages)
    return Part(list(rows[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]), number, part.total, part.more)
