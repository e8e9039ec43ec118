"""What SMS gateways tell about customers: whether they got a message, and what they answered.

Answering TD, T or 退订 takes the consent back, in the customer's own words, without asking anybody and without another
message. Any other answer reaches the colleague whose case the customer was written to about.
"""

from __future__ import annotations

import hashlib
import logging
import re
import unicodedata
from datetime import timedelta

from django.db import transaction

from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, NotFound
from bihuan.notify.callbacks import note_report, read_callback
from bihuan.notify.channels.transport import Callback, Reply
from bihuan.notify.kinds import NoticeKind
from bihuan.notify.models import Channel
from bihuan.notify.notices import About, notify_people
from bihuan.operations.customer_notices import callers_of, follow_message
from bihuan.operations.surroundings import CASE
from bihuan.org.access import system_actor
from bihuan.records.access import note_on_case
from bihuan.records.consents import set_consent
from bihuan.records.models import ConsentMedium, Customer, CustomerNotice
from bihuan.records.phones import clean_phone

log = logging.getLogger("bihuan.operations.customer_replies")

ANSWERED_WITHIN = timedelta(days=30)
MOST_CUSTOMERS = 20
_NOT_SAID = re.compile(r"[\W_]+")
_OPT_OUT = re.compile(r"(?:我要|我想|请|申请)?(?:T|TD|退订)(?:TD|退订|短信|谢谢)?")


def take_callback(channel_id: int, callback: Callback) -> str:
    """Act on what a gateway tells; answers what it wants to hear. The same told twice changes nothing.

    Raises NotAllowed (secret), BusinessError (unreadable), and NotFound when a message is not known, or not yet: the
    rest is kept, and telling it again does no harm.
    """
    received = read_callback(channel_id, callback)
    unknown = 0
    for told in received.told:
        with transaction.atomic():
            if isinstance(told, Reply):
                _take_reply(received.channel, told)
                continue
            message = note_report(received.channel, told)
            if message is None:
                unknown += 1
            else:
                follow_message(message)
    if unknown:
        raise NotFound(f"有 {unknown} 条消息不认识")
    return received.answer


def is_opt_out(text: str) -> bool:
    """Whether an answer means no more of this: TD, T, 退订 in any width, case and punctuation, politely or not."""
    said = _NOT_SAID.sub("", unicodedata.normalize("NFKC", text)).upper()
    return _OPT_OUT.fullmatch(said) is not None


def _take_reply(channel: Channel, reply: Reply) -> None:
    try:
        number = clean_phone(reply.address)
    except BusinessError:
        log.info("an answer by channel %s comes from no telephone number", channel.pk)
        return
    about = CustomerNotice.unscoped.filter(message__channel=channel, message__address=number)
    notices = list(about.select_related("case__vehicle", "customer", "caller").order_by("-pk")[:MOST_CUSTOMERS])
    if is_opt_out(reply.text):
        customers = {notice.customer_id for notice in notices}
        customers.update(Customer.objects.filter(phone=number).values_list("pk", flat=True))
        for customer_id in sorted(customers):
            set_consent(
                customer_id, ConsentMedium.SMS, given=False, actor=system_actor(channel.site_id),
                how=f"短信回复“{reply.text[:20]}”",
            )  # fmt: skip
    elif notices and notices[0].send_at >= clock.now() - ANSWERED_WITHIN:
        _pass_on(notices[0], reply)
    else:
        log.info("an answer by channel %s is about nothing we sent lately", channel.pk)


def _pass_on(notice: CustomerNotice, reply: Reply) -> None:
    """To whoever would telephone this customer, once."""
    case = notice.case
    mark = hashlib.sha256(f"{reply.address} {reply.text}".encode()).hexdigest()[:24]
    about = About(NoticeKind.CASE, subject=(CASE, case.pk), site_id=case.site_id, key=f"reply {case.pk} {mark}")
    plate = f"{case.vehicle.plate} " if case.vehicle else ""
    body = f"{plate}{notice.customer.called}：{reply.text}"
    if notify_people(callers_of(notice), "客户回复了短信", body, f"/cases/{case.pk}?tab=notices", about):
        note_on_case(system_actor(case.site_id), "customer.replied", case, data={"text": reply.text})
