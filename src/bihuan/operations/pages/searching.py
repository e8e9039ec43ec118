"""The search box: customers and cars, and the cases that belong to no customer, or are all that one may see."""

from __future__ import annotations

from dataclasses import dataclass

from bihuan.operations.pages.case_list import named_by
from bihuan.org.actor import Actor
from bihuan.records.lookup import Hit, look_up
from bihuan.records.models import Case
from bihuan.records.search_keys import plain

CASES = 8
SHORTEST = 2


@dataclass(frozen=True, slots=True)
class Found:
    """What was found: `cases` by themselves, by number or by what they are about, and `hits` as for a caller."""

    cases: list[Case]
    hits: list[Hit]

    def __len__(self) -> int:
        return len(self.cases) + len(self.hits)


def search(text: str, *, actor: Actor) -> Found:
    """What was typed may be a plate, the end of a telephone number, a name, a number, or how a case is called.

    Cases of a customer are found with the customer; by whoever may see cases but not customers, by themselves. Raises
    NotAllowed for those who may see neither.
    """
    knows_customers = actor.can_anywhere("customer.view") or actor.can_anywhere("call.handle")
    hits = look_up(text, actor=actor) if knows_customers or not actor.can_anywhere("case.view") else []
    typed = "".join(letter for letter in plain(text)[:60] if letter.isprintable())
    if len(typed) < SHORTEST:
        return Found([], hits)
    sites = actor.sites_allowing("case.view")
    named = named_by(typed, Case.objects.at(actor.sites_in_view("case.view") or sites), sites)
    rows = Case.objects.at(sites).filter(pk__in=named.cases)
    if knows_customers:
        rows = rows.filter(customer__isnull=True)
    return Found(list(rows.select_related("vehicle", "site").order_by("-pk")[:CASES]), hits)
