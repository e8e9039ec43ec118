"""Money in and out at the cashier's: several methods, in parts, never above what is owed, never more back than paid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db import transaction

from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError
from bihuan.kernel.money import format_yuan, yuan
from bihuan.org.actor import Actor
from bihuan.records.access import note_on_case, optional_text, required_text
from bihuan.records.models import (
    Case,
    Document,
    DocumentKind,
    Payment,
    PaymentMethod,
    Settlement,
    SettlementStatus,
)
from bihuan.records.settlement import lock_settlement, settle_when_paid, waive

MAX_AT_ONCE = 20


@transaction.atomic
def take_payment(case_id: int, *, actor: Actor, method: str, amount_yuan: Any, reference: str = "") -> Payment:
    """Take money for an agreed bill; the bill is settled when nothing is left to pay (AUTO-26)."""
    return take_payments(
        case_id, [{"method": method, "amount_yuan": amount_yuan, "reference": reference}], actor=actor
    )[0]


@transaction.atomic
def take_payments(case_id: int, rows: Iterable[Mapping[str, Any]], *, actor: Actor) -> list[Payment]:
    """Several payments at once (part cash, part card), all or none; together never above the balance."""
    case, settlement = lock_settlement(case_id, actor=actor, action="payment.take")
    wanted = list(rows)
    if not wanted:
        raise BusinessError("请填写收款金额", "payments")
    if len(wanted) > MAX_AT_ONCE:
        raise BusinessError(f"一次最多 {MAX_AT_ONCE} 笔收款", "payments")
    if settlement.status == SettlementStatus.DRAFT:
        raise BusinessError("客户还没有确认结算单，不能收款")
    payments = [_take(case, settlement, row, actor) for row in wanted]
    settle_when_paid(settlement)
    settlement.save(update_fields=["paid_yuan", "status", "settled_at"])
    if settlement.status == SettlementStatus.SETTLED:
        note_on_case(
            actor, "settlement.settled", case, data={"number": settlement.number, "total": settlement.total_yuan}
        )
    return payments


@transaction.atomic
def refund_payment(
    case_id: int,
    *,
    actor: Actor,
    method: str,
    amount_yuan: Any,
    reason: str,
    reference: str = "",
    lower_bill: bool = False,
) -> Payment:
    """Give money back under authority, never more than was paid.

    With `lower_bill` the bill shrinks by the same amount (goodwill; needs `settlement.correct`) and stays settled.
    Without it the amount is owed again, which is only possible while the car is still here; an unused gate pass is
    void then.
    """
    case, settlement = lock_settlement(case_id, actor=actor, action="payment.refund", open_only=False)
    text = required_text(reason, label="退款原因", field="reason", limit=200)
    amount = clean_amount(amount_yuan)
    if amount > settlement.paid_yuan:
        raise BusinessError(f"客户实付 {format_yuan(settlement.paid_yuan)}，退款不能超过这个数", "amount_yuan")
    settlement.paid_yuan = yuan(settlement.paid_yuan - amount)
    if lower_bill:
        actor.require("settlement.correct", case.site_id)
        waive(settlement, amount, text, actor)
    else:
        _owe_again(case, settlement, text)
    payment = _row(case, settlement, "refund", method, amount, reference, text, actor)
    settlement.save()
    data = {"payment": payment.pk, "amount": amount, "method": method, "reason": text, "lower_bill": lower_bill}
    note_on_case(actor, "payment.refunded", case, data=data)
    return payment


def clean_amount(value: Any) -> Decimal:
    """An amount of money to pay: above zero, whole fen."""
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        raise BusinessError("金额应是数字", "amount_yuan") from None
    if not number.is_finite() or not 0 < number <= 10_000_000:
        raise BusinessError("金额要大于 0，且不能超过 1000 万元", "amount_yuan")
    if yuan(number) != number:
        raise BusinessError("金额最多两位小数", "amount_yuan")
    return yuan(number)


def _take(case: Case, settlement: Settlement, row: Mapping[str, Any], actor: Actor) -> Payment:
    amount = clean_amount(row.get("amount_yuan"))
    balance = settlement.balance_yuan
    if amount > balance:
        said = f"还应收 {format_yuan(balance)}，不能收 {format_yuan(amount)}" if balance else "已经结清，不用再收款"
        raise BusinessError(said, "amount_yuan")
    payment = _row(
        case, settlement, "payment", str(row.get("method") or ""), amount, str(row.get("reference") or ""), "", actor
    )
    settlement.paid_yuan = yuan(settlement.paid_yuan + amount)
    data = {"payment": payment.pk, "amount": amount, "method": payment.method, "balance": settlement.balance_yuan}
    note_on_case(actor, "payment.taken", case, data=data)
    return payment


def _owe_again(case: Case, settlement: Settlement, reason: str) -> None:
    passes = Document.unscoped.filter(case=case, kind=DocumentKind.GATE_PASS, voided_at__isnull=True)
    if case.released_at is not None or passes.filter(used_at__isnull=False).exists():
        raise BusinessError("车已交付，退款须同时减少应收，请由有更正权限的人办理", "lower_bill")
    passes.update(voided_at=clock.now(), void_reason=f"退款：{reason}"[:200])
    if settlement.status == SettlementStatus.SETTLED:
        settlement.status, settlement.settled_at = SettlementStatus.AGREED, None


def _row(
    case: Case,
    settlement: Settlement,
    kind: str,
    method: str,
    amount: Decimal,
    reference: str,
    reason: str,
    actor: Actor,
) -> Payment:
    if method not in PaymentMethod.values:
        raise BusinessError("请选择收款方式：现金、银行卡、微信、支付宝或转账", "method")
    return Payment.objects.create(
        site_id=case.site_id,
        settlement=settlement,
        kind=kind,
        method=method,
        amount_yuan=amount,
        reference=optional_text(reference, label="凭证号", field="reference", limit=80),
        reason=reason,
        at=clock.now(),
        by_id=actor.user_id,
    )
