"""Giving money back, for those with the authority."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from bihuan.kernel.errors import BusinessError, NotFound
from bihuan.operations.cases import start_process
from bihuan.operations.counters import PAY
from bihuan.operations.surroundings import CASE
from bihuan.org.actor import Actor
from bihuan.processes.models import WorkItem
from bihuan.records.access import access_case
from bihuan.records.models import Payment, Settlement
from bihuan.records.payments import refund_payment

COLLECT_AGAIN = "collect_again"


@transaction.atomic
def refund(case_id: int, *, actor: Actor, lower_bill: bool, **values: Any) -> Payment:
    """Give money back under authority (AUTO-26). Values are those of `records.payments.refund_payment`.

    Money that stays owed is paid again at the cashier's: in the step that is still open there, or in one of its own
    (the process 补收款 beside the visit), which issues a new gate pass for the one that is void now.
    """
    given_back = refund_payment(case_id, actor=actor, lower_bill=lower_bill, **values)
    if not lower_bill and not _cashier_waits(case_id):
        _collect_again(case_id, actor)
    return given_back


def _collect_again(case_id: int, actor: Actor) -> None:
    bill = Settlement.unscoped.select_related("case__vehicle", "case__customer").get(case_id=case_id)
    owed = {"amount_due_yuan": bill.balance_yuan, "settlement_number": bill.number}
    try:
        start_process(bill.case, actor=actor, variables=owed, process=COLLECT_AGAIN)
    except NotFound:
        message = "收银步骤已经办完，规则书里又没有“补收款”，退款须同时减少应收；请勾选“同时减少应收”"
        raise BusinessError(message, "lower_bill") from None


def _cashier_waits(case_id: int) -> bool:
    return WorkItem.unscoped.filter(
        instance__subject_kind=CASE, instance__subject_id=case_id, node_id=PAY, status=WorkItem.Status.OPEN
    ).exists()


def refund_page(case_id: int, *, actor: Actor) -> Settlement:
    """The bill of a case with customer and car. Raises NotAllowed without the right, NotFound without a bill."""
    access_case(case_id, actor=actor, action="payment.refund")
    rows = Settlement.unscoped.select_related("case__vehicle", "case__customer")
    bill = rows.filter(case_id=case_id).first()
    if bill is None:
        raise NotFound("这张单据还没有结算单")
    return bill
