"""Beginning a process of a rule book by hand (发起): which ones a person may begin, and the case each opens."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from bihuan.engine.definition import Process
from bihuan.kernel import clock
from bihuan.kernel.errors import NotAllowed
from bihuan.operations.cases import start_case
from bihuan.operations.pages.task import next_item
from bihuan.org.actor import Actor
from bihuan.processes.compiled import process_of
from bihuan.processes.models import Definition
from bihuan.processes.once import recall, remember
from bihuan.records.access import current_site, required_text
from bihuan.records.models import CaseKind, OwnKind

START = "case.start"
MAX_TITLE = 80


@dataclass(frozen=True, slots=True)
class Beginning:
    """A kind of case that a person may open now."""

    key: str
    name: str


@dataclass(frozen=True, slots=True)
class Begun:
    """The case that was opened, and the number of the work in it that waits for whoever began it, if any does."""

    case_id: int
    number: str
    item_id: int | None


@dataclass(frozen=True, slots=True)
class Openings:
    """What a person may open from the workbench: whether cars can be received, and the kinds begun by hand."""

    cars: bool = False
    kinds: tuple[Beginning, ...] = ()


def openings(*, actor: Actor) -> Openings:
    """What the person may open at the present site; nothing without the right to open cases. Two queries."""
    if actor.site_id is None or not actor.can(START):
        return Openings()
    own = {kind.key: kind for kind in OwnKind.objects.all()}
    in_force = Definition.objects.select_related("current").filter(
        key__in=[CaseKind.SERVICE_VISIT, *own], current__stopped_at__isnull=True
    )
    found = {row.key: process_of(row.current) for row in in_force if row.current is not None}
    kinds = (Beginning(key, kind.name) for key, kind in own.items() if key in found and _may_begin(found[key], actor))
    return Openings(CaseKind.SERVICE_VISIT in found, tuple(kinds))


@transaction.atomic
def begin(key: str, *, title: str, actor: Actor, once_key: str) -> Begun:
    """Open a case of a rule book's own kind and start its process. Repeating the request gives the first case again.

    Raises NotAllowed where the start of the process is not drawn in a lane of the person's.
    """
    site = current_site(actor)
    actor.require(START, site.pk)
    action = f"case.begin {actor.user_id}"
    first = recall(once_key, action) if once_key else None
    if first is not None:
        return Begun(**first)
    if key not in {one.key for one in openings(actor=actor).kinds}:
        raise NotAllowed("您不能发起这种单据，或者它已经停用")
    about = required_text(title, label="事由", field="title", limit=MAX_TITLE)
    case = start_case(key, actor=actor, site_id=site.pk, title=about)
    item, _ = next_item(case.pk, actor=actor)
    begun = Begun(case.pk, case.number, item.pk if item is not None else None)
    if once_key:
        result = {"case_id": begun.case_id, "number": begun.number, "item_id": begun.item_id}
        remember(once_key, action, actor_id=actor.user_id, result=result, at=clock.now())
    return begun


def _may_begin(process: Process, actor: Actor) -> bool:
    """Whether the process begins plainly and its start is drawn in a lane of the person's (or in none)."""
    starts = [process.nodes[key] for key in process.levels[""].starts]
    lanes = {process.lanes[start.lane].role for start in starts if start.lane in process.lanes}
    roles = {key.strip() for role in lanes for key in role.split(",") if key.strip()}
    return bool(starts) and (not roles or bool(roles & actor.roles))
