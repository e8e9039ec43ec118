"""Letting the car go: a gate pass only once settled, the key only against gate pass and settlement, and only once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, Conflict
from bihuan.org.actor import Actor
from bihuan.records.access import lock_case, note_on_case
from bihuan.records.custody import give_back
from bihuan.records.documents import latest_document, write_document
from bihuan.records.models import (
    Case,
    Custody,
    Document,
    DocumentKind,
    Settlement,
    SettlementStatus,
    Signature,
    Thing,
)
from bihuan.records.search_keys import plain


@dataclass(frozen=True)
class ReleaseCheck:
    """Whether a gate pass and a settlement belong together and the key may go; `reason` says why not."""

    ok: bool
    reason: str
    gate_pass: Document | None = None
    settlement: Settlement | None = None

    @property
    def case(self) -> Case | None:
        """The case that the gate pass is for, once found."""
        return self.gate_pass.case if self.gate_pass else None


@transaction.atomic
def issue_gate_pass(case_id: int, *, actor: Actor, data: Mapping[str, Any] | None = None) -> Document:
    """Issue the gate pass (出门证), only when the bill is settled; asking again returns the valid one (AUTO-24)."""
    case = lock_case(case_id, actor=actor, action="gatepass.issue")
    settlement = Settlement.unscoped.filter(case=case).first()
    if settlement is None:
        raise BusinessError("还没有结算单，不能开出门证")
    if settlement.status != SettlementStatus.SETTLED:
        raise BusinessError(f"结算单 {settlement.number} 还没有结清，不能开出门证")
    existing = latest_document(case.pk, DocumentKind.GATE_PASS)
    if existing is not None:
        return existing
    shown = {
        "settlement": settlement.number,
        "plate": case.vehicle.plate if case.vehicle else "",
        "customer": case.customer.name if case.customer else "",
        **(data or {}),
    }
    return write_document(case.pk, DocumentKind.GATE_PASS, shown, actor=actor, action="gatepass.issue")


def check_release(gate_pass: str, settlement: str, *, actor: Actor) -> ReleaseCheck:
    """What the guard sees before giving the key out: number or scanned code of both papers (AUTO-27)."""
    document = _document(gate_pass, actor)
    if document is None or document.kind != DocumentKind.GATE_PASS:
        return ReleaseCheck(False, "没有这张出门证，请核对编号或重新扫码")
    actor.require("key.release", document.case.site_id)
    if document.voided_at is not None:
        return ReleaseCheck(False, f"出门证 {document.number} 已经作废：{document.void_reason}", document)
    if document.used_at is not None:
        return ReleaseCheck(False, f"出门证 {document.number} 已经用过，不能再次放行", document)
    bill = Settlement.unscoped.filter(case_id=document.case_id).first()
    if bill is None:
        return ReleaseCheck(False, "这辆车还没有结算单", document)
    asked = _code(settlement)
    if not asked:
        return ReleaseCheck(False, "请出示结算单，或输入结算单号", document)
    paper = _document(settlement, actor)
    fits = asked.upper() == bill.number.upper() or (
        paper is not None
        and paper.kind == DocumentKind.SETTLEMENT
        and paper.case_id == document.case_id
        and paper.voided_at is None
    )
    if not fits:
        return ReleaseCheck(False, "结算单与出门证不是同一辆车，不能放行", document)
    if bill.status != SettlementStatus.SETTLED:
        return ReleaseCheck(False, f"结算单 {bill.number} 还没有结清", document, bill)
    return ReleaseCheck(True, "", document, bill)


@transaction.atomic
def release_key(
    gate_pass: str,
    settlement: str,
    *,
    actor: Actor,
    receiver: str = "",
    signature: Signature | None = None,
    case_id: int | None = None,
) -> Custody:
    """Give the key out against both papers; the gate pass is used up. `case_id` guards against another car's papers."""
    found = check_release(gate_pass, settlement, actor=actor)
    document = found.gate_pass
    if not found.ok or document is None:
        raise BusinessError(found.reason, "gate_pass")
    if case_id is not None and document.case_id != case_id:
        raise BusinessError("出门证不是这张单据的，不能放行", "gate_pass")
    case = lock_case(document.case_id, actor=actor, action="key.release")
    now = clock.now()
    # Looked at before the lock; decided here, so that two guards cannot use one gate pass.
    unused = Document.unscoped.filter(pk=document.pk, used_at__isnull=True, voided_at__isnull=True)
    if not unused.update(used_at=now):
        raise Conflict(f"出门证 {document.number} 已经用过，不能再次放行", "gate_pass")
    custody = give_back(case.pk, Thing.KEY, actor=actor, signed_by=receiver, signature=signature, action="key.release")
    Case.unscoped.filter(pk=case.pk).update(released_at=now)
    data = {"gate_pass": document.number, "settlement": settlement, "receiver": receiver[:80]}
    note_on_case(actor, "key.released", case, data=data)
    return custody


def _document(text: str, actor: Actor) -> Document | None:
    """By number or by token, within the actor's sites."""
    code = _code(text)
    if not code or len(code) > 64:
        return None
    rows = Document.unscoped.all() if actor.is_system else Document.objects.visible_to(actor)
    rows = rows.select_related("case", "case__vehicle", "case__customer")
    return rows.filter(number=code.upper()).first() or rows.filter(token=code).first()


def _code(text: str) -> str:
    """What was typed, or the last part of a scanned address."""
    return plain(text or "").rstrip("/").rsplit("/", 1)[-1].strip()
