"""Telling customers: by what they agreed to, else by telephone. What was begun with a message ends with somebody told.

A step only writes down what is to be told and when (`plan_to_tell`). The worker does the rest: at its moment, put off
to the end of the site's quiet hours, it looks at the customer's consent and number and the site's channels, and either
hands a message to the outbox or asks a colleague to telephone; so it does too when the message was not delivered.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import transaction

from bihuan.kernel import clock
from bihuan.kernel.errors import Conflict, NotFound
from bihuan.notify.channels.registry import KINDS
from bihuan.notify.choosing import quiet_end
from bihuan.notify.kinds import Medium, NoticeKind
from bihuan.notify.models import Channel, Message
from bihuan.notify.notices import About, notify_people, settle_notices
from bihuan.notify.planning import channel_at, plan_outside
from bihuan.notify.templates import template_for
from bihuan.operations.facts import CaseFacts, script_words
from bihuan.org.access import system_actor
from bihuan.org.actor import Actor
from bihuan.org.duty.chart import answerable_for
from bihuan.org.duty.presence import away_at, present_with_role
from bihuan.records.access import access_case, note_on_case
from bihuan.records.consents import consents_of
from bihuan.records.models import Case, ConsentMedium, Customer, CustomerNotice, CustomerNoticeState
from bihuan.records.phones import is_mobile

log = logging.getLogger("bihuan.operations.customer_notices")

State = CustomerNoticeState
BATCH = 50


def plan_to_tell(
    case: Case, template: str, *, send_at: datetime, once: str = "", caller_id: int | None = None, caller_role: str = ""
) -> None:
    """Write down that the customer of a case is to be told something at a moment; in the transaction of the step.

    The same template (and `once`) is told once a case; another `once` takes the place of what has not gone out yet.
    Nobody to telephone (`caller_id`, `caller_role`): when no message can be sent, it is left at that. A case without a
    customer: there is nobody to tell.
    """
    if case.customer_id is None:
        return
    key = f"{template} {once}".strip()[:120]
    waiting = CustomerNotice.unscoped.filter(case_id=case.pk, template=template, state=State.PLANNED)
    waiting.exclude(key=key).update(state=State.WITHDRAWN, done_at=clock.now())
    told, is_new = CustomerNotice.unscoped.get_or_create(
        case_id=case.pk, key=key,
        defaults={
            "customer_id": case.customer_id, "template": template, "send_at": send_at, "caller_id": caller_id,
            "caller_role": caller_role,
        },
    )  # fmt: skip
    if not is_new and told.state == State.WITHDRAWN:
        CustomerNotice.unscoped.filter(pk=told.pk).update(state=State.PLANNED, send_at=send_at, done_at=None)


def calls_to_make(case_id: int, *, actor: Actor) -> list[CustomerNotice]:
    """What the customer of a case is still to be told by telephone, for those who may do so; else nothing."""
    if not actor.can_anywhere("customer.manage"):
        return []
    return list(CustomerNotice.unscoped.filter(case_id=case_id, state=State.TO_CALL).order_by("pk"))


def told_to_customer(case: Case) -> list[CustomerNotice]:
    """Everything the customer of a case was or is to be told, newest first."""
    rows = CustomerNotice.unscoped.filter(case_id=case.pk).select_related("message__channel", "called_by")
    return list(rows.order_by("-send_at", "-pk"))


def tell_customers(now: datetime, *, limit: int = BATCH) -> int:
    """See to what customers are to be told by now and to what became of their messages; answers how much moved."""
    return _send_due(now, limit) + _settle(now, limit)


def _send_due(now: datetime, limit: int) -> int:
    due = CustomerNotice.unscoped.filter(state=State.PLANNED, send_at__lte=now)
    # Looking first takes no lock: an idle worker stands in nobody's way on SQLite.
    if not due.exists():
        return 0
    with transaction.atomic():
        rows = due.select_for_update(skip_locked=True, of=("self",)).select_related(
            "case__site", "case__customer", "case__vehicle", "case__advisor", "case__technician", "customer", "caller"
        )
        notices = list(rows.order_by("send_at", "pk")[:limit])
        for notice in notices:
            try:
                with transaction.atomic():
                    _send(notice, now)
            except Exception:
                # A fault of ours in one of them must neither stop the others nor leave the customer untold.
                log.exception("customer notice %s could not be sent", notice.pk)
                _ask_to_call(notice, "系统内部错误，没有发出", now)
    return len(notices)


def _send(notice: CustomerNotice, now: datetime) -> None:
    case, site = notice.case, notice.case.site
    later = quiet_end(now.astimezone(ZoneInfo(site.timezone)), site.quiet_from, site.quiet_until)
    if later is not None:
        CustomerNotice.unscoped.filter(pk=notice.pk).update(send_at=later)
        return
    # Whose case it is by now: another one may have been entered since.
    notice.customer = case.customer or notice.customer
    way = _way_to(notice.customer, case)
    channel = way[0] if isinstance(way, tuple) else None
    template = template_for(notice.template, channels=frozenset(KINDS))
    words = {"标题": case.title, "内容": "", **script_words(CaseFacts(case, system_actor(case.site_id)))}
    medium = channel.kind if channel is not None else ConsentMedium.SMS
    notice.title, notice.body = template.fill(words, medium) if template is not None else (case.title, "")
    if isinstance(way, str):
        _ask_to_call(notice, way, now)
        return
    notice.message = plan_outside(
        _key(notice), way[0], site, to=notice.customer.called, address=way[1], title=notice.title, body=notice.body,
        at=now,
    )  # fmt: skip
    _mark(notice, State.SENT, None)


def _way_to(customer: Customer, case: Case) -> tuple[Channel, str] | str:
    """Channel and address by which a customer may be written to about a case; else why there is none."""
    agreed = {medium for medium, consent in consents_of(customer.pk).items() if consent.is_given}
    if not agreed:
        return "客户没有同意接收短信或邮件"
    missing = []
    for medium in (one for one in ConsentMedium if one in agreed):
        # The number given for this case goes before the customer's own.
        mobiles = [number for number in (case.phone, customer.phone) if is_mobile(number)]
        address = next(iter(mobiles), "") if medium == ConsentMedium.SMS else customer.mail
        channel = channel_at(case.site, Medium(medium)) if address else None
        if channel is not None:
            return channel, address
        missing.append(f"没有接通{medium.label}渠道" if address else f"没有能收{medium.label}的地址")
    return "；".join(missing)


def _settle(now: datetime, limit: int) -> int:
    """What became of the messages that were handed on."""
    on_the_way = CustomerNotice.unscoped.filter(state=State.SENT).exclude(message__status=Message.Status.WAITING)
    if not on_the_way.exists():
        return 0
    with transaction.atomic():
        rows = on_the_way.select_for_update(skip_locked=True, of=("self",)).select_related("message", "case")
        notices = list(rows.order_by("pk")[:limit])
        for notice in notices:
            assert notice.message is not None
            if notice.message.status == Message.Status.DELIVERED:
                _mark(notice, State.DELIVERED, notice.message.done_at)
            else:
                _ask_to_call(notice, f"没有送达：{notice.message.last_error}", now)
    return len(notices)


def follow_message(message: Message) -> None:
    """A gateway reported about a message: what did not arrive becomes a call, what did arrive spares one."""
    told = CustomerNotice.unscoped.select_for_update(of=("self",)).filter(message=message)
    if message.status == Message.Status.FAILED:
        told.filter(state=State.DELIVERED).update(state=State.SENT, done_at=None)
    elif (notice := told.filter(state=State.TO_CALL).first()) is not None:
        _mark(notice, State.DELIVERED, message.done_at)
        settle_notices(_key(notice))


def _ask_to_call(notice: CustomerNotice, reason: str, now: datetime) -> None:
    """The rule book's way: a colleague telephones. Where none is named, that nobody was told is kept."""
    if notice.caller_id is None and not notice.caller_role:
        _mark(notice, State.SKIPPED, now, reason=reason)
        return
    _mark(notice, State.TO_CALL, None, reason=reason)
    case = notice.case
    about = About(NoticeKind.CASE, subject=("case", case.pk), site_id=case.site_id, key=_key(notice))
    title, body = f"请电话告知客户：{notice.title or case.title}", f"{reason}。{notice.body}"
    notify_people(callers_of(notice), title, body, f"/cases/{case.pk}?tab=notices", about)


def callers_of(notice: CustomerNotice) -> Collection[int]:
    """Who is to telephone: the person asked while they are there, else those of the role, else who answers for it."""
    caller = notice.caller
    if caller is not None and caller.is_active and caller.pk not in away_at(clock.now(), [caller.pk]):
        return {caller.pk}
    site_id = notice.case.site_id
    present = present_with_role(notice.caller_role, site_id) if notice.caller_role else frozenset()
    return present or answerable_for(site_id)


def _key(notice: CustomerNotice) -> str:
    """What the message and the call it may become go by."""
    return f"customer notice {notice.pk}"


def _mark(notice: CustomerNotice, state: State, done_at: datetime | None, *, reason: str = "") -> None:
    notice.state, notice.done_at, notice.reason = state, done_at, reason[:300]
    notice.save(update_fields=["state", "done_at", "reason", "title", "body", "customer", "message"])


@transaction.atomic
def note_customer_called(notice_id: int, *, actor: Actor) -> CustomerNotice:
    """The customer was told by telephone. Conflict when somebody else already did, or it is not to be told so."""
    notice = CustomerNotice.unscoped.select_for_update(of=("self",)).filter(pk=notice_id).first()
    if notice is None:
        raise NotFound("没有这条告知")
    case = access_case(notice.case_id, actor=actor)
    actor.require("customer.manage", case.site_id)
    if notice.state != State.TO_CALL:
        raise Conflict("这条不需要电话告知，或者同事已经打过电话了")
    notice.called_by_id = actor.user_id
    notice.save(update_fields=["called_by"])
    _mark(notice, State.CALLED, clock.now(), reason=notice.reason)
    settle_notices(_key(notice))
    note_on_case(actor, "customer.called", case, data={"template": notice.template})
    return notice
