"""The bill of a case: built from what was agreed and done, discounted once, corrected under authority, agreed."""

from __future__ import annotations

import re
from decimal import Decimal

from django.db import transaction
from django.db.models import Sum

from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, NotFound
from bihuan.kernel.money import ZERO, format_yuan, percent_of, yuan
from bihuan.org.actor import Actor
from bihuan.org.models import Site
from bihuan.org.numbering import next_number
from bihuan.records.access import local_day, lock_case, note_on_case, optional_text, required_text
from bihuan.records.lines import totals
from bihuan.records.models import Case, Charge, LineStatus, Settlement, SettlementStatus, WorkLine
from bihuan.records.vouchers import claim_voucher, give_up_voucher, off_in_words

_TAX_NO = re.compile(r"^[0-9A-Z]{15,20}$")


@transaction.atomic
def build_settlement(case_id: int, *, actor: Actor) -> Settlement:
    """Draw the bill up from the lines that were agreed and done; again while it is still a draft.

    The customer's open voucher is applied by itself, once. Corrections made before stay.
    """
    case = lock_case(case_id, actor=actor)
    site = Site.objects.get(pk=case.site_id)
    now = clock.now()
    settlement = Settlement.unscoped.filter(case=case).first()
    if settlement is None:
        number = next_number(site, "JS", local_day(site, now))
        settlement = Settlement.objects.create(case=case, number=number, created_at=now)
    if settlement.status != SettlementStatus.DRAFT:
        raise BusinessError(f"结算单 {settlement.number} 客户已经确认，不能重新生成")
    lines = list(WorkLine.unscoped.filter(case=case, status=LineStatus.DONE).order_by("seq"))
    sums = totals(lines, (LineStatus.DONE,))
    _settle_voucher(settlement, case, sums.total_yuan > 0, actor)
    settlement.parts_yuan, settlement.labour_yuan = sums.parts_yuan, sums.labour_yuan
    voucher = settlement.voucher
    settlement.discount_yuan = percent_of(sums.total_yuan, voucher.percent_off) if voucher else ZERO
    _write_charges(settlement, lines, actor)
    _add_up(settlement)
    settlement.save()
    note_on_case(actor, "settlement.built", case, data=_sums(settlement))
    return settlement


@transaction.atomic
def correct_settlement(case_id: int, amount_yuan: Decimal, *, actor: Actor, reason: str) -> Settlement:
    """Put the bill right after an objection: a signed amount with its reason, under authority (AUTO-23).

    The customer has to agree anew. Refused once settled, below zero, or below what is already paid.
    """
    case, settlement = lock_settlement(case_id, actor=actor, action="settlement.correct")
    text = required_text(reason, label="更正原因", field="reason", limit=200)
    amount = _signed_amount(amount_yuan)
    if settlement.status == SettlementStatus.SETTLED:
        raise BusinessError(f"结算单 {settlement.number} 已经结清，只能退款")
    before = _sums(settlement)
    _correct(settlement, amount, text, actor)
    if settlement.status == SettlementStatus.AGREED:
        settlement.status, settlement.agreed_at = SettlementStatus.DRAFT, None
    settlement.save()
    note_on_case(actor, "settlement.corrected", case, data={"reason": text}, before=before, after=_sums(settlement))
    return settlement


@transaction.atomic
def agree_settlement(case_id: int, *, actor: Actor) -> Settlement:
    """The customer has no objection; from now on money is taken. A bill of zero is settled at once."""
    case, settlement = lock_settlement(case_id, actor=actor)
    if settlement.status != SettlementStatus.DRAFT:
        return settlement
    settlement.status, settlement.agreed_at = SettlementStatus.AGREED, clock.now()
    settle_when_paid(settlement)
    settlement.save()
    note_on_case(actor, "settlement.agreed", case, data=_sums(settlement))
    return settlement


@transaction.atomic
def write_invoice(case_id: int, *, actor: Actor, title: str, tax_no: str = "") -> Settlement:
    """To whom the invoice is made out; a company gives its tax number of 15 to 20 letters and digits."""
    case, settlement = lock_settlement(case_id, actor=actor)
    settlement.invoice_title = optional_text(title, label="发票抬头", field="invoice_title", limit=120)
    number = tax_no.strip().upper()
    if number and not _TAX_NO.match(number):
        raise BusinessError("税号应为 15 到 20 位字母和数字", "invoice_tax_no")
    settlement.invoice_tax_no = number
    settlement.save(update_fields=["invoice_title", "invoice_tax_no"])
    after = {"title": settlement.invoice_title, "tax_no": number}
    note_on_case(actor, "settlement.invoice", case, after=after)
    return settlement


def lock_settlement(
    case_id: int, *, actor: Actor, action: str = "case.view", open_only: bool = True
) -> tuple[Case, Settlement]:
    """The bill for writing, with its case locked first."""
    case = lock_case(case_id, actor=actor, action=action, open_only=open_only)
    settlement = Settlement.unscoped.select_for_update().filter(case=case).first()
    if settlement is None:
        raise NotFound("这张单据还没有结算单")
    settlement.case = case
    return case, settlement


def settle_when_paid(settlement: Settlement) -> None:
    """An agreed bill without balance is settled."""
    if settlement.status == SettlementStatus.AGREED and settlement.balance_yuan == 0:
        settlement.status, settlement.settled_at = SettlementStatus.SETTLED, clock.now()


def waive(settlement: Settlement, amount: Decimal, reason: str, actor: Actor) -> None:
    """Lower the bill by an amount that is given back, inside the transaction of the refund."""
    _correct(settlement, -amount, reason, actor)


def _correct(settlement: Settlement, amount: Decimal, reason: str, actor: Actor) -> None:
    Charge.objects.create(
        settlement=settlement, kind="correction", amount_yuan=amount, reason=reason, at=clock.now(), by_id=actor.user_id
    )
    _add_up(settlement)


def _settle_voucher(settlement: Settlement, case: Case, wanted: bool, actor: Actor) -> None:
    if wanted and settlement.voucher is None:
        site = Site.objects.get(pk=case.site_id)
        settlement.voucher = claim_voucher(case, local_day(site))
        if settlement.voucher is not None:
            note_on_case(
                actor, "voucher.used", case, data={"voucher": settlement.voucher.pk, "code": settlement.voucher.code}
            )
    elif not wanted and settlement.voucher is not None:
        give_up_voucher(settlement.voucher)
        settlement.voucher = None


def _write_charges(settlement: Settlement, lines: list[WorkLine], actor: Actor) -> None:
    Charge.unscoped.filter(settlement=settlement).exclude(kind="correction").delete()
    now = clock.now()

    def charge(kind: str, amount: Decimal, line: WorkLine | None, reason: str) -> Charge:
        return Charge(
            settlement=settlement,
            line=line,
            kind=kind,
            amount_yuan=amount,
            reason=reason[:200],
            at=now,
            by_id=actor.user_id,
        )

    rows = []
    for line in lines:
        if line.part_id is not None:
            rows.append(charge("parts", line.parts_fee_yuan, line, line.description))
        rows.append(charge("labour", yuan(line.labour_fee_yuan), line, line.description))
    if settlement.discount_yuan and settlement.voucher is not None:
        said = f"折扣券 {settlement.voucher.code}（{off_in_words(settlement.voucher.percent_off)}）"
        rows.append(charge("discount", -settlement.discount_yuan, None, said))
    Charge.objects.bulk_create(rows)


def _add_up(settlement: Settlement) -> None:
    corrections = Charge.unscoped.filter(settlement=settlement, kind="correction").aggregate(sum=Sum("amount_yuan"))
    settlement.correction_yuan = yuan(corrections["sum"] or ZERO)
    total = settlement.parts_yuan + settlement.labour_yuan - settlement.discount_yuan + settlement.correction_yuan
    if total < 0:
        raise BusinessError("更正后应收不能小于 0", "amount_yuan")
    if total < settlement.paid_yuan:
        raise BusinessError(f"客户已付 {format_yuan(settlement.paid_yuan)}，应收不能更少；请先退款", "amount_yuan")
    settlement.total_yuan = total


def _signed_amount(value: Decimal) -> Decimal:
    number = Decimal(value)
    if not number.is_finite() or not number or abs(number) > 1_000_000:
        raise BusinessError("更正金额不能为 0，也不能超过 100 万元", "amount_yuan")
    if yuan(number) != number:
        raise BusinessError("金额最多两位小数", "amount_yuan")
    return yuan(number)


def _sums(settlement: Settlement) -> dict[str, object]:
    fields = ("number", "parts_yuan", "labour_yuan", "discount_yuan", "correction_yuan", "total_yuan", "status")
    return {field: getattr(settlement, field) for field in fields}
