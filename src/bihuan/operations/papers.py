"""The papers of a visit, ready to be printed: 预检单, 估价单, 领料单, 结算单, 出门证.

Requirements AUTO-11, AUTO-12, AUTO-18, AUTO-23, AUTO-24.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import transaction

from bihuan.kernel import clock
from bihuan.kernel.amount_words import amount_in_capitals
from bihuan.kernel.errors import BusinessError, NotFound
from bihuan.org.actor import Actor
from bihuan.processes.models import WorkItem
from bihuan.records.access import access_case, note_on_case
from bihuan.records.attachments import open_attachment
from bihuan.records.lines import CURRENT, Totals, totals
from bihuan.records.models import (
    Case,
    Charge,
    Document,
    DocumentKind,
    LineStatus,
    Payment,
    Settlement,
    Sheet,
    Signature,
    Stock,
    WorkLine,
)

ALIASES = {"pickslip": "pick_slip", "gatepass": "gate_pass"}
TITLES = {
    "precheck": "预检单",
    "estimate": "估价单",
    "pick_slip": "领料单",
    "settlement": "结算单",
    "gate_pass": "出门证",
}
# Whose signatures belong on which paper.
SIGNED = {
    "precheck": ("walkaround",),
    "estimate": ("estimate", "reestimate"),
    "settlement": ("settlement", "inspection"),
}


@dataclass(frozen=True)
class PrintedLine:
    """A line of work as printed, with the shelf of its part."""

    line: WorkLine
    shelf: str = ""


@dataclass(frozen=True)
class PrintedSignature:
    """A signature with its picture as a data address."""

    signature: Signature
    picture: str


@dataclass(frozen=True)
class Paper:
    """Everything one printed paper shows. `copies` are (name, colour word) of the slips on the sheet."""

    kind: str
    title: str
    case: Case
    number: str
    issued_at: datetime
    lines: tuple[PrintedLine, ...]
    sums: Totals
    document: Document | None = None
    bill: Settlement | None = None
    charges: tuple[Charge, ...] = ()
    payments: tuple[Payment, ...] = ()
    signatures: tuple[PrintedSignature, ...] = ()
    sheet: dict[str, object] = field(default_factory=dict)
    copies: tuple[tuple[str, str], ...] = (("", ""),)

    @property
    def voided(self) -> bool:
        """A void paper is still shown, and says so."""
        return self.document is not None and self.document.voided_at is not None

    def local(self, at: datetime) -> str:
        """A moment as it stands on paper: with its year, in the site's zone."""
        return f"{at.astimezone(ZoneInfo(self.case.site.timezone)):%Y-%m-%d %H:%M}"

    @property
    def in_capitals(self) -> str:
        """The amount due in capitals."""
        return amount_in_capitals(self.bill.total_yuan if self.bill else self.sums.total_yuan)

    @property
    def code(self) -> str:
        """What the QR code ends in: the unguessable token of the issued paper."""
        return self.document.token if self.document else ""


def read_paper(case_id: int, kind: str, *, actor: Actor) -> Paper:
    """A paper of a case for somebody who may print, or who has a step of the case in hand; the printing is logged.

    Raises NotFound for a kind that does not exist, BusinessError for a paper that has not been issued yet.
    """
    known = ALIASES.get(kind, kind)
    if known not in TITLES:
        raise NotFound("没有这种单据")
    case = access_case(case_id, actor=actor)
    if not actor.can("document.print", case.site_id) and not _has_work(case, actor):
        actor.require("document.print", case.site_id)
    case = Case.unscoped.select_related("site", "customer", "vehicle", "advisor", "technician").get(pk=case.pk)
    document = _document(case, known)
    bill = Settlement.unscoped.select_related("voucher").filter(case=case).first()
    if document is None and known != DocumentKind.PRECHECK:
        raise BusinessError(f"{TITLES[known]}还没有开具")
    lines = _lines(case, known)
    paper = Paper(
        kind=known,
        title=TITLES[known],
        case=case,
        number=document.number if document else case.number,
        issued_at=document.issued_at if document else clock.now(),
        lines=lines,
        sums=totals([printed.line for printed in lines]),
        document=document,
        bill=bill if known in ("settlement", "gate_pass") else None,
        charges=tuple(Charge.unscoped.filter(settlement=bill)) if bill and known == "settlement" else (),
        payments=_payments(bill) if known == "settlement" else (),
        signatures=tuple(_signatures(case, known, actor)),
        sheet=_sheet(case) if known == "precheck" else {},
        copies=(("白联", "车间留存"), ("黄联", "交配件员")) if known == "pick_slip" else (("", ""),),
    )
    return paper


@transaction.atomic
def note_printed(paper: Paper, *, actor: Actor) -> None:
    """One line in the history of the case: who opened which paper for printing."""
    data = {"kind": paper.kind, "number": paper.number}
    note_on_case(actor, "document.printed", paper.case, data=data)


def _payments(bill: Settlement | None) -> tuple[Payment, ...]:
    return tuple(Payment.unscoped.filter(settlement=bill).order_by("pk")) if bill else ()


def _has_work(case: Case, actor: Actor) -> bool:
    return WorkItem.unscoped.filter(
        instance__subject_kind="case",
        instance__subject_id=case.pk,
        status=WorkItem.Status.OPEN,
        role__in=actor.roles_at(case.site_id),
    ).exists()


def _document(case: Case, kind: str) -> Document | None:
    rows = Document.unscoped.filter(case=case, kind=kind).select_related("issued_by")
    return rows.filter(voided_at__isnull=True).order_by("-pk").first() or rows.order_by("-pk").first()


def _lines(case: Case, kind: str) -> tuple[PrintedLine, ...]:
    wanted = {
        "settlement": (LineStatus.DONE,),
        "estimate": (LineStatus.AGREED, LineStatus.DONE),
        "pick_slip": (LineStatus.AGREED, LineStatus.DONE),
    }.get(kind, CURRENT)
    rows = WorkLine.unscoped.filter(case=case, status__in=wanted).select_related("part", "job").order_by("seq")
    found = [line for line in rows if kind != "pick_slip" or line.part_id is not None]
    if kind != "pick_slip":
        return tuple(PrintedLine(line) for line in found)
    parts = [line.part_id for line in found if line.part_id is not None]
    shelves = dict(Stock.objects.at(case.site_id).filter(part_id__in=parts).values_list("part_id", "shelf"))
    return tuple(PrintedLine(line, shelves.get(line.part_id or 0, "")) for line in found)


def _signatures(case: Case, kind: str, actor: Actor) -> list[PrintedSignature]:
    kinds = SIGNED.get(kind, ())
    newest: dict[str, Signature] = {}
    for signature in Signature.unscoped.filter(case=case, kind__in=kinds).order_by("pk"):
        newest[signature.kind] = signature
    if "reestimate" in newest:
        newest.pop("estimate", None)
    return [PrintedSignature(signature, _picture(signature, actor)) for signature in newest.values()]


def _picture(signature: Signature, actor: Actor) -> str:
    try:
        opened = open_attachment(signature.attachment_id, actor=actor)
    except NotFound:
        return ""
    with opened.stream as file:
        return "data:image/png;base64," + base64.b64encode(file.read()).decode()


def _sheet(case: Case) -> dict[str, object]:
    row = Sheet.unscoped.filter(case=case, kind="walkaround").first()
    return dict(row.data) if row else {}
