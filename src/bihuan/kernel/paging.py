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
    size: int

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // self.size))


def part_of(rows: QuerySet[Any], number: int, *, size: int = 0) -> Part:
    """The page of that number, or the last one there is; `size` rows, else PAGE_SIZE."""
    found, size = counted(rows), size or PAGE_SIZE
    part = Part([], number, min(found, COUNTED), found > COUNTED, size)
    number = max(1, min(number, part.pages))
    return Part(list(rows[(number - 1) * size : number * size]), number, part.total, part.more, size)


def counted(rows: QuerySet[Any]) -> int:
    """How many rows there are, COUNTED + 1 if there are more than COUNTED."""
    # Without their order rows are counted as they come, so that a million cost no more than a thousand.
    return rows.order_by().values("pk")[: COUNTED + 1].count()


def in_words(number: int) -> str:
    """A bounded count for people, as in 1000+."""
    return f"{COUNTED}+" if number > COUNTED else str(number)
