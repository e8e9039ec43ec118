"""The page of a case: its head, and one tab at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from bihuan.engine.definition import Process
from bihuan.engine.runtime import State
from bihuan.kernel import clock
from bihuan.kernel.errors import NotFound
from bihuan.notify.told import told_about
from bihuan.operations.cases import main_instance, why_suspended
from bihuan.operations.customer_notices import calls_to_make, told_to_customer
from bihuan.operations.effects.workshop import REPAIR
from bihuan.operations.pages.acting import Entry
from bihuan.operations.pages.case_acting import case_entries, process_of_instance
from bihuan.operations.pages.clock_signs import NO_SIGN, ClockSign, ClockSigns, signs_of
from bihuan.operations.pages.copies import Counted, copies_of, copies_on_diagram, wants_confirmation
from bihuan.operations.pages.sheets import filled_forms
from bihuan.operations.pages.stages import Stage, stages
from bihuan.operations.pages.story import case_story
from bihuan.operations.people.beginning import Activities, activities_of
from bihuan.operations.surroundings import CASE, load_case
from bihuan.org.actor import Actor
from bihuan.processes.handling.passed import label_of
from bihuan.processes.history import diagram, returned_in
from bihuan.processes.models import Instance, WorkItem
from bihuan.records.access import only_reads as not_by_right
from bihuan.records.access import read_case
from bihuan.records.copies import INSTANCE, copies_to
from bihuan.records.models import (
    Attachment,
    CarbonCopy,
    Case,
    Charge,
    Custody,
    CustodyMove,
    CustomerNotice,
    Document,
    LineStatus,
    Payment,
    Settlement,
    Signature,
    WorkLine,
)

TABS: Mapping[str, str] = {
    "story": "时间线",
    "forms": "填写内容",
    "lines": "作业与费用",
    "papers": "单证",
    "custody": "保管",
    "money": "收款",
    "files": "附件与签名",
    "notices": "通知",
    "copies": "抄送",
    "diagram": "流程图",
}
OF_THE_WORKSHOP = frozenset({"lines", "papers", "custody", "money"})
COUNTED = (LineStatus.REQUESTED, LineStatus.ESTIMATED, LineStatus.AGREED, LineStatus.DONE)
MAX_FILES = 120


@dataclass(frozen=True)
class CasePage:
    """The head of a case and the content of one tab (`shown` holds what its template needs).

    `suspended` is the reason while the case stands still.
    """

    case: Case
    tab: str
    steps: list[WorkItem]
    names: dict[int, str]
    """Of the process that carries the case: what its open items are called, with which of many they are for."""
    stages: list[Stage]
    bill: Settlement | None
    parts_yuan: Decimal
    labour_yuan: Decimal
    has_lines: bool
    signs: ClockSigns
    may_cancel: bool
    related: list[Case]
    entries: list[Entry]
    suspended: str
    activities: list[Activities]
    calls: list[CustomerNotice]
    actor: Actor
    only_reads: bool
    """Whether the case is open to the actor only because it was copied to them."""
    copied: list[CarbonCopy]
    """What of it was copied to the actor, newest first, if they came for that."""
    shown: dict[str, Any] = field(default_factory=dict)

    @property
    def tabs(self) -> Mapping[str, str]:
        """The tabs there are: a rule book's own kind shows those of the workshop only once it comes to work lines."""
        if not self.case.kind_name or self.has_lines or self.bill:
            return TABS
        return {key: label for key, label in TABS.items() if key not in OF_THE_WORKSHOP}

    @property
    def to_confirm(self) -> bool:
        """Whether the actor is still to confirm that they have read it."""
        return wants_confirmation(self.copied)

    @property
    def repair_sign(self) -> ClockSign:
        """What stands beside the countdown of the agreed hours."""
        return self.signs.signs.get((CASE, self.case.pk, REPAIR), NO_SIGN)

    @property
    def total_yuan(self) -> Decimal:
        return self.bill.total_yuan if self.bill else self.parts_yuan + self.labour_yuan


def case_page(case_id: int, *, actor: Actor, tab: str = "story", copied: bool = False) -> CasePage:
    """A case for those who may see it; a fixed number of queries for each tab.

    `copied`: they come to read what was copied to them. Whoever sees it only for that reason is offered nothing to do.
    """
    only_reads = not_by_right(read_case(case_id, actor=actor), actor=actor)
    case = load_case(case_id)
    chosen = tab if tab in TABS else "story"
    instance = main_instance(case.pk)
    process = process_of_instance(instance) if instance is not None else None
    steps = _live_steps(case)
    lines = list(WorkLine.unscoped.filter(case_id=case.pk).select_related("job", "part", "done_by").order_by("seq"))
    counted = [line for line in lines if line.status in COUNTED]
    bill = Settlement.unscoped.filter(case_id=case.pk).select_related("voucher").first()
    found = Case.unscoped.filter(parent_id=case.pk) | Case.unscoped.filter(pk=case.parent_id or 0)
    page = CasePage(
        case=case,
        tab=chosen,
        steps=steps,
        names=_names(instance, process, steps),
        stages=_stages(instance, process, steps),
        bill=bill,
        parts_yuan=sum((line.parts_fee_yuan for line in counted), Decimal("0.00")),
        labour_yuan=sum((line.labour_fee_yuan for line in counted), Decimal("0.00")),
        has_lines=bool(lines),
        signs=signs_of([case.pk], [item.pk for item in steps]),
        may_cancel=case.status == "open" and actor.can("case.manage", case.site_id),
        entries=[] if only_reads else case_entries(instance, actor, process),
        activities=[] if only_reads else _activities(case, actor),
        suspended=why_suspended(instance) if instance is not None and instance.status == "suspended" else "",
        calls=[] if only_reads else calls_to_make(case.pk, actor=actor),
        related=[one for one in found.order_by("opened_at") if actor.can("case.view", one.site_id)],
        actor=actor,
        only_reads=only_reads,
        copied=_copied(case_id, actor) if copied or only_reads else [],
    )
    page.shown.update(_TAB_CONTENT[chosen](page, lines))
    return page


def _copied(case_id: int, actor: Actor) -> list[CarbonCopy]:
    return list(copies_to(actor, (CASE, case_id)).select_related("by").order_by("-pk"))


def _live_steps(case: Case) -> list[WorkItem]:
    """What is to be done now, and what waits for that."""
    rows = WorkItem.unscoped.filter(
        instance__subject_kind=CASE, instance__subject_id=case.pk, completed_at__isnull=True
    )
    return list(rows.select_related("assignee", "instance").order_by("sort_at", "id"))


def _names(instance: Instance | None, process: Process | None, steps: list[WorkItem]) -> dict[int, str]:
    names = {item.pk: item.label for item in steps}
    if instance is not None and process is not None:
        state, here = State.from_json(instance.state), [item for item in steps if item.instance_id == instance.pk]
        names.update((item.pk, label_of(process, state, item.wait, item.name)) for item in here)
    return names


def _activities(case: Case, actor: Actor) -> list[Activities]:
    """What may be begun in everything that runs on the case."""
    rows = Instance.unscoped.filter(subject_kind=CASE, subject_id=case.pk, status=Instance.Status.RUNNING)
    running = list(rows.select_related("version").defer("version__xml").order_by("pk"))
    return [one for instance in running for one in activities_of(instance, process_of_instance(instance), actor)]


def _stages(instance: Instance | None, process: Process | None, steps: list[WorkItem]) -> list[Stage]:
    if instance is None or process is None:
        return []
    done = set(
        WorkItem.unscoped.filter(instance_id=instance.pk, status=WorkItem.Status.DONE).values_list("node_id", flat=True)
    )
    here = [item for item in steps if item.instance_id == instance.pk]
    found = stages(process, done, here, clock.now())
    return found if instance.is_running else [one for one in found if one.state != "next"]


def _story(page: CasePage, lines: list[WorkLine]) -> dict[str, Any]:
    return {"story": case_story(page.case.pk)}


def _forms(page: CasePage, lines: list[WorkLine]) -> dict[str, Any]:
    return {"filled": filled_forms(page.case)}


def _lines(page: CasePage, lines: list[WorkLine]) -> dict[str, Any]:
    return {
        "lines": lines,
        "hours": sum((line.labour_hours for line in lines if line.status in COUNTED), Decimal(0)),
    }


def _papers(page: CasePage, lines: list[WorkLine]) -> dict[str, Any]:
    rows = Document.unscoped.filter(case_id=page.case.pk).select_related("issued_by").order_by("-issued_at", "-pk")
    return {"papers": list(rows)}


def _custody(page: CasePage, lines: list[WorkLine]) -> dict[str, Any]:
    held = list(Custody.unscoped.filter(case_id=page.case.pk).order_by("thing"))
    moves = CustodyMove.unscoped.filter(custody__case_id=page.case.pk).select_related("custody", "by")
    return {"held": held, "moves": list(moves.order_by("-at", "-pk"))}


def _money(page: CasePage, lines: list[WorkLine]) -> dict[str, Any]:
    if page.bill is None:
        return {"charges": [], "payments": []}
    charges = Charge.unscoped.filter(settlement_id=page.bill.pk).select_related("line", "by").order_by("pk")
    payments = Payment.unscoped.filter(settlement_id=page.bill.pk).select_related("by").order_by("at", "pk")
    return {"charges": list(charges), "payments": list(payments)}


def _files(page: CasePage, lines: list[WorkLine]) -> dict[str, Any]:
    files = Attachment.unscoped.filter(case_id=page.case.pk).exclude(kind__startswith="signature.")
    signed = Signature.unscoped.filter(case_id=page.case.pk).select_related("by").order_by("-at", "-pk")
    return {
        "files": list(files.select_related("by").order_by("-at", "-pk")[:MAX_FILES]),
        "signatures": list(signed[:MAX_FILES]),
    }


def _notices(page: CasePage, lines: list[WorkLine]) -> dict[str, Any]:
    return {"told": told_about(CASE, page.case.pk), "customer": told_to_customer(page.case)}


def _copies(page: CasePage, lines: list[WorkLine]) -> dict[str, Any]:
    return {"copies": copies_of((CASE, page.case.pk), actor=page.actor)}


def _diagram(page: CasePage, lines: list[WorkLine]) -> dict[str, Any]:
    rows = Instance.unscoped.filter(subject_kind=CASE, subject_id=page.case.pk)
    instances = list(rows.select_related("version", "version__definition").order_by("pk"))
    return {"instances": instances, "returns": returned_in(f"case:{page.case.pk}")}


_TAB_CONTENT: Mapping[str, Callable[[CasePage, list[WorkLine]], dict[str, Any]]] = {
    "story": _story,
    "forms": _forms,
    "lines": _lines,
    "papers": _papers,
    "custody": _custody,
    "money": _money,
    "files": _files,
    "notices": _notices,
    "copies": _copies,
    "diagram": _diagram,
}

NODE_STATES = {"done": "done", "active": "current", "late": "late"}


def instance_for(instance_id: int, *, actor: Actor) -> Instance:
    """An instance, with its version, about a case the actor may see; or about none, if it was copied to them."""
    instance: Instance | None = Instance.unscoped.select_related("version").filter(pk=instance_id).first()
    if instance is None:
        raise NotFound("没有这个流程实例")
    if instance.subject_kind == CASE and instance.subject_id is not None:
        read_case(instance.subject_id, actor=actor)
    elif not copies_to(actor, (INSTANCE, instance_id)).exists():
        raise NotFound("没有这个流程实例")
    return instance


Marks = dict[str, dict[str, Any]]


class Marked(NamedTuple):
    """How to mark each node of a diagram: state done, current or late, who, when (aware) and a note; how often somebody
    sent it back from where to where; and what was copied from where."""

    nodes: Marks
    returns: dict[tuple[str, str], int]
    copies: dict[str, Counted]


def diagram_marks(instance_id: int, *, actor: Actor) -> Marked:
    """What to draw on the diagram of an instance the actor may see."""
    instance_for(instance_id, actor=actor)
    marks: Marks = {}
    shown = diagram(instance_id)
    for node, known in shown.nodes.items():
        state = NODE_STATES.get(known["state"], "done")
        note = known.get("incident", "")
        marks[node] = {"state": "late" if note else state, "who": known.get("by", ""), "at": known.get("at")}
        if note or state != "done":
            marks[node]["note"] = note or ("超时" if state == "late" else "进行中")
    return Marked(marks, shown.returns, copies_on_diagram(instance_id))
