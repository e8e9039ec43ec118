"""The bill, its correction, the money, the gate pass and the key (AUTO-23, AUTO-24, AUTO-26, AUTO-27, AUTO-31)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bihuan.kernel.errors import BusinessError
from bihuan.operations.registry import EffectContext, effect
from bihuan.records import custody, payments, release, settlement
from bihuan.records.documents import issue_document, latest_document
from bihuan.records.models import DocumentKind, LineStatus, Settlement, WorkLine


def _due(bill: Settlement) -> Mapping[str, Any]:
    return {"amount_due_yuan": bill.balance_yuan, "settlement_number": bill.number}


@effect("build_settlement")
def build_settlement(ctx: EffectContext) -> Mapping[str, Any]:
    """Draw the bill up from what was agreed and done; an open 8折 voucher is applied by itself, once (AUTO-31)."""
    bill = settlement.build_settlement(ctx.case.pk, actor=ctx.process)
    maintained = WorkLine.unscoped.filter(
        case_id=ctx.case.pk, status=LineStatus.DONE, job__is_maintenance=True
    ).exists()
    return {**_due(bill), "has_maintenance": maintained}


@effect("correct_settlement")
def correct_settlement(ctx: EffectContext) -> Mapping[str, Any]:
    """Put the bill right after an objection, under the authority of whoever does this step (AUTO-23)."""
    if ctx.value("decision") == "change":
        try:
            bill = settlement.correct_settlement(
                ctx.case.pk, ctx.values["correction_yuan"], actor=ctx.actor, reason=str(ctx.value("reason", ""))
            )
        except BusinessError as refusal:
            raise BusinessError(refusal.message, "correction_yuan") from refusal
        return _due(bill)
    return {}


@effect("agree_settlement")
def agree_settlement(ctx: EffectContext) -> Mapping[str, Any]:
    """The customer has no objection: the bill is printed and money may be taken; an objection leaves it a draft."""
    if ctx.value("objection") != "none":
        return {}
    bill = settlement.agree_settlement(ctx.case.pk, actor=ctx.process)
    if latest_document(ctx.case.pk, DocumentKind.SETTLEMENT) is None:
        shown = {"settlement": bill.number, "total_yuan": bill.total_yuan, "stamp": ctx.case.stamp}
        issue_document(ctx.case.pk, DocumentKind.SETTLEMENT, shown, actor=ctx.process, number=bill.number)
    return _due(bill)


@effect("take_payment")
def take_payment(ctx: EffectContext) -> Mapping[str, Any]:
    """Take the payments of the form, all or none; what is still owed keeps the cashier's step open."""
    if ctx.value("invoice") in ("person", "company"):
        settlement.write_invoice(
            ctx.case.pk,
            actor=ctx.process,
            title=str(ctx.value("invoice_title", "")),
            tax_no=str(ctx.value("invoice_tax_no", "")),
        )
    try:
        payments.take_payments(ctx.case.pk, ctx.values.get("payments") or [], actor=ctx.actor)
    except BusinessError as refusal:
        raise type(refusal)(refusal.message, "payments") from refusal
    return _due(Settlement.unscoped.get(case_id=ctx.case.pk))


@effect("issue_gate_pass")
def issue_gate_pass(ctx: EffectContext) -> Mapping[str, Any]:
    """The gate pass, issued only once settled (AUTO-24)."""
    paper = release.issue_gate_pass(ctx.case.pk, actor=ctx.process)
    return {"gate_pass_number": paper.number}


@effect("release_key")
def release_key(ctx: EffectContext) -> Mapping[str, Any]:
    """Both papers are checked; only then the key changes hands, once (AUTO-27)."""
    receiver = ctx.case.customer.name if ctx.case.customer else ""
    try:
        release.release_key(
            str(ctx.value("gate_pass_number", "")),
            str(ctx.values.get("settlement_number") or ""),
            actor=ctx.actor,
            receiver=receiver,
            case_id=ctx.case.pk,
        )
    except BusinessError as refusal:
        field = "gate_pass_number" if "出门证" in refusal.message else "settlement_number"
        raise type(refusal)(refusal.message, field) from refusal
    for kept in custody.in_our_care(ctx.case.pk):
        custody.return_to_customer(ctx.case.pk, kept.thing, actor=ctx.process, signed_by=receiver)
    return {"released_at": ctx.now}
