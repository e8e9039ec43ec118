"""Giving money back, for those with the authority."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from bihuan.kernel.errors import BusinessError, NotFound
from bihuan.operations.counters import PAY
from bihuan.operations.surroundings import CASE
from bihuan.org.actor import Actor
from bihuan.processes.models import WorkItem
from bihuan.records.access import access_case
from bihuan.records.models import Payment, Settlement
from bihuan.records.payments import refund_payment


@transaction.atomic
def refund(case_id: int, *, actor: Actor, lower_bill: bool, **values: Any) -> Payment:
    """Give money back under authority (AUTO-26). Values are those of `records.payments.refund_payment`.

    Money that stays owed needs somewhere to be paid again: once the cashier's step of the visit is done, a refund
    must lower the bill by the same amount.
    """
    given_back = refund_payment(case_id, actor=actor, lower_bill=lower_bill, **values)
    if not lower_bill and not _cashier_waits(case_id):
        raise BusinessError("收银步骤已经办完，退款须同时减少应收；请勾选“同时减少应收”", "lower_bill")
    return given_back


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
