"""Discounts promised to a customer; each is good once, on the next visit (AUTO-31)."""

from __future__ import annotations

from datetime import date

from django.db import IntegrityError, transaction
from django.db.models import Q

from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, Conflict
from bihuan.org.actor import Actor
from bihuan.org.models import Site
from bihuan.org.numbering import next_number
from bihuan.records.access import local_day, lock_case, note_on_case
from bihuan.records.models import Case, Voucher

SUGGESTION_PERCENT = 20


@transaction.atomic
def grant_voucher(
    origin_case_id: int, *, actor: Actor, percent_off: int = SUGGESTION_PERCENT, expires_on: date | None = None
) -> Voucher:
    """Reward the customer of an adopted suggestion: 20 % off (8折) the next visit; one voucher for each suggestion."""
    case = lock_case(origin_case_id, actor=actor, action="suggestion.judge")
    if case.customer_id is None:
        raise BusinessError("这条建议没有客户，不能发券")
    if not 1 <= percent_off <= 100:
        raise BusinessError("优惠应在 1% 到 100% 之间", "percent_off")
    site = Site.objects.get(pk=case.site_id)
    now = clock.now()
    if expires_on is not None and expires_on < local_day(site, now):
        raise BusinessError("有效期已经过去", "expires_on")
    try:
        with transaction.atomic():
            voucher = Voucher.objects.create(
                customer_id=case.customer_id,
                code=next_number(site, "ZK", local_day(site, now)),
                percent_off=percent_off,
                issued_at=now,
                expires_on=expires_on,
                origin_case=case,
            )
    except IntegrityError:
        raise Conflict("这条建议已经发过折扣券") from None
    data = {"voucher": voucher.pk, "code": voucher.code, "percent_off": percent_off, "expires_on": expires_on}
    note_on_case(actor, "voucher.granted", case, data=data)
    return voucher


def claim_voucher(case: Case, on: date) -> Voucher | None:
    """Take the customer's oldest voucher that may serve this visit, so that no other visit can have it.

    "The next visit" is one opened after the voucher was given. Inside the transaction of the settlement.
    """
    if case.customer_id is None:
        return None
    open_ones = Voucher.objects.filter(
        Q(expires_on__isnull=True) | Q(expires_on__gte=on),
        customer_id=case.customer_id,
        used_at__isnull=True,
        issued_at__lte=case.opened_at,
    )
    for voucher in open_ones.order_by("issued_at", "pk")[:20]:
        now = clock.now()
        if Voucher.objects.filter(pk=voucher.pk, used_at__isnull=True).update(used_case=case, used_at=now):
            voucher.used_case, voucher.used_at = case, now
            return voucher
    return None


def give_up_voucher(voucher: Voucher) -> None:
    """The visit has nothing to discount after all; the voucher is good for another."""
    Voucher.objects.filter(pk=voucher.pk).update(used_case=None, used_at=None)


def off_in_words(percent_off: int) -> str:
    """As Chinese shops say it: 20 % off is 8折, 15 % off is 8.5折."""
    rest = 100 - percent_off
    if not rest:
        return "免费"
    return f"{rest // 10}折" if rest % 10 == 0 else f"{rest / 10:.1f}折"
