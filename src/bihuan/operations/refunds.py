"""Before money is given back: the bill as it stands, for those with the authority."""

from __future__ import annotations

from bihuan.kernel.errors import NotFound
from bihuan.org.actor import Actor
from bihuan.records.access import access_case
from bihuan.records.models import Settlement


def refund_page(case_id: int, *, actor: Actor) -> Settlement:
    """The bill of a case with customer and car. Raises NotAllowed without the right, NotFound without a bill."""
    access_case(case_id, actor=actor, action="payment.refund")
    rows = Settlement.unscoped.select_related("case__vehicle", "case__customer")
    bill = rows.filter(case_id=case_id).first()
    if bill is None:
        raise NotFound("这张单据还没有结算单")
    return bill
