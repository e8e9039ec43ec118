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
from bihuan.org.roles import people_with_role
from bihuan.processes.compiled import process_of
from bihuan.processes.holding import roles_of
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
    """What the person may open at the present site; nothing without the right to open cases. Three queries."""
    if actor.site_id is None or not actor.can(START):
        return Openings()
    own = {kind.key: kind for kind in OwnKind.objects.all()}
    in_force = Definition.objects.select_related("current").filter(
        key__in=[CaseKind.SERVICE_VISIT, *own], current__stopped_at__isnull=True
    )
    found = {row.key: process_of(row.current) for row in in_force if row.current is not None}
    kinds = (Beginning(key, kind.name) for key, kind in own.items() if key in found and _may_begin(found[key], actor))
    visit = found.get(CaseKind.SERVICE_VISIT)
    return Openings(visit is not None and _receives_cars(visit, actor), tuple(kinds))


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
    roles = _roles_at_start(process)
    return bool(process.levels[""].starts) and (not roles or bool(roles & actor.roles))


def _receives_cars(visit: Process, actor: Actor) -> bool:
    """Whether the person works on visits, and somebody at the site can greet whoever drives in: other trades have the
    same right to open cases, and maybe the same rule books installed."""
    if visit.lanes and not any(roles_of(lane.role) & actor.roles for lane in visit.lanes.values()):
        return False
    greeting = _roles_at_start(visit)
    if not greeting or greeting & actor.roles:
        return True
    return any(people_with_role(role, actor.site_id or 0).exists() for role in sorted(greeting))


def _roles_at_start(process: Process) -> frozenset[str]:
    starts = (process.nodes[key] for key in process.levels[""].starts)
    lanes = (process.lanes[start.lane] for start in starts if start.lane in process.lanes)
    return frozenset(role for lane in lanes for role in roles_of(lane.role))
