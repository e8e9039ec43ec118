"""The search box: customers and cars, and the cases that belong to no customer."""

from __future__ import annotations

from dataclasses import dataclass

from bihuan.org.actor import Actor
from bihuan.records.lookup import Hit, look_up, prefix
from bihuan.records.models import Case
from bihuan.records.search_keys import plain

CASES = 8
SHORTEST = 2


@dataclass(frozen=True, slots=True)
class Found:
    """What was found: `cases` without a customer by number or by what they are about, and `hits` as for a caller."""

    cases: list[Case]
    hits: list[Hit]

    def __len__(self) -> int:
        return len(self.cases) + len(self.hits)


def search(text: str, *, actor: Actor) -> Found:
    """What was typed may be a plate, the end of a telephone number, a name, a number, or how a case is called.

    Cases of a customer are found with the customer. Raises NotAllowed like `look_up`.
    """
    hits = look_up(text, actor=actor)
    typed = "".join(letter for letter in plain(text)[:60] if letter.isprintable())
    if len(typed) < SHORTEST:
        return Found([], hits)
    rows = Case.objects.visible_to(actor, "case.view").filter(customer__isnull=True)
    called = prefix("number", typed.upper()) | prefix("title", typed)
    return Found(list(rows.filter(called).select_related("vehicle", "site").order_by("-pk")[:CASES]), hits)
