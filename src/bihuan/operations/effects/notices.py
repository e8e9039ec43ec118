"""Notices that a process itself sends, to colleagues and to the customer: who, and which wording of the rule book."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bihuan.kernel.errors import BusinessError
from bihuan.notify.channels.registry import KINDS
from bihuan.notify.kinds import NoticeKind
from bihuan.notify.notices import About, notify_people
from bihuan.notify.templates import template_for
from bihuan.operations.customer_notices import plan_to_tell
from bihuan.operations.facts import CaseFacts, script_words
from bihuan.operations.registry import EffectContext, effect
from bihuan.org.roles import people_with_role


@effect("send_notice")
def send_notice(ctx: EffectContext) -> None:
    """Tell people something in the rule book's words.

    Inputs: `notice` (template key), `to_role` (role key or list), `to_person` (user id or list), `urgent`.
    """
    key = _template(ctx)
    people = {int(user_id) for user_id in _listed(ctx.values.get("to_person")) if str(user_id).isdecimal()}
    for role in _listed(ctx.values.get("to_role")):
        people.update(people_with_role(str(role), ctx.case.site_id).values_list("pk", flat=True))
    if not people:
        raise BusinessError(f"通知“{key}”没有收件人，请联系流程负责人")
    about = About(
        NoticeKind.CASE,
        urgent=ctx.values.get("urgent") is True,
        subject=("case", ctx.case.pk),
        site_id=ctx.case.site_id,
        template=key,
        words=script_words(CaseFacts(ctx.case, ctx.actor)),
    )
    notify_people(people, ctx.case.title or ctx.case.number, "", f"/cases/{ctx.case.pk}", about)


@effect("tell_customer")
def tell_customer(ctx: EffectContext) -> None:
    """Have the customer told something: by what they agreed to, else by telephone.

    Inputs: `notice` (template key), `at` (a moment; given but empty: not at all), `once` (what makes it another one),
    `caller` (user id) and `caller_role`: who telephones when no message can be sent. Without either, nobody does.
    """
    key, at, caller = _template(ctx), ctx.values.get("at"), str(ctx.values.get("caller") or "")
    if at is None and "at" in ctx.values:
        return
    if at is not None and not isinstance(at, datetime):
        raise BusinessError(f"告知“{key}”的时间不是时刻，请联系流程负责人")
    plan_to_tell(
        ctx.case,
        key,
        send_at=at or ctx.now,
        once=str(ctx.values.get("once") or ""),
        caller_id=int(caller) if caller.isdecimal() else None,
        caller_role=str(ctx.values.get("caller_role") or ""),
    )


def _template(ctx: EffectContext) -> str:
    key = str(ctx.values.get("notice") or "")
    if template_for(key, channels=frozenset(KINDS)) is None:
        raise BusinessError(f"规则书里没有通知模板“{key}”，请联系流程负责人")
    return key


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [] if value is None else [value]
