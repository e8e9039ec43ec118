"""A customer's agreement to be written to: asked at the counter, given and taken back by medium, each time logged."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from django.db import transaction

from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, NotFound
from bihuan.notify.models import Message
from bihuan.org.actor import Actor
from bihuan.records.access import note, require_anywhere
from bihuan.records.customers import chain
from bihuan.records.models import Consent, ConsentMedium, Customer, CustomerNotice, CustomerNoticeState


@transaction.atomic
def set_consent(customer_id: int, medium: str, *, given: bool, actor: Actor, how: str = "") -> None:
    """Keep what the customer said about being written to by a medium; saying the same again changes nothing.

    Taken back, what has not gone out yet does not go out any more. `how` they said it, when not to a colleague.
    """
    require_anywhere(actor, "customer.manage")
    if medium not in ConsentMedium.values:
        raise BusinessError("只能登记短信或邮件", "medium")
    customer = Customer.objects.select_for_update().filter(pk=customer_id).first()
    if customer is None:
        raise NotFound("没有这位客户")
    if given and medium == ConsentMedium.MAIL and not customer.mail:
        raise BusinessError("请先登记客户的邮箱", "mail")
    before = Consent.objects.filter(customer_id=customer_id, medium=medium).values_list("is_given", flat=True).first()
    if before is given:
        return
    write_consents({(customer_id, medium): given}, actor=actor)
    note(
        actor,
        "customer.consent",
        chain(customer_id),
        site_id=actor.site_id,
        data={"how": how} if how else {},
        before={} if before is None else {medium: before},
        after={medium: given},
    )


def write_consents(said: Mapping[tuple[int, str], bool], *, actor: Actor) -> None:
    """Write down what customers said, by customer and medium, without a word in the log, which the caller writes."""
    now = clock.now()
    Consent.objects.bulk_create(
        [
            Consent(customer_id=customer, medium=medium, is_given=given, at=now, by_id=actor.user_id)
            for (customer, medium), given in said.items()
        ],
        update_conflicts=True,
        unique_fields=["customer", "medium"],
        update_fields=["is_given", "at", "by"],
    )
    for medium in ConsentMedium.values:
        stop_messages([one for (one, by), given in said.items() if by == medium and not given], medium)


def stop_messages(customer_ids: Collection[int], medium: str) -> None:
    """What waits to go out to these customers by a medium does not go out any more."""
    on_the_way = CustomerNotice.unscoped.filter(customer_id__in=customer_ids, state=CustomerNoticeState.SENT)
    waiting = Message.objects.filter(
        pk__in=on_the_way.values("message_id"), channel__kind=medium, status=Message.Status.WAITING
    )
    waiting.update(status=Message.Status.FAILED, last_error="客户改为不接收", done_at=clock.now(), lease_until=None)


def consents_of(customer_id: int) -> Mapping[str, Consent]:
    """What a customer last said, by medium; one nobody has asked about is not in it."""
    rows = Consent.objects.filter(customer_id=customer_id).select_related("by")
    return {row.medium: row for row in rows}
