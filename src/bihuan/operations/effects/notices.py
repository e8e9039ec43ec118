"""Notices that a process itself sends: who, and which wording of the rule book."""

from __future__ import annotations

from typing import Any

from bihuan.kernel.errors import BusinessError
from bihuan.notify.channels.registry import KINDS
from bihuan.notify.kinds import NoticeKind
from bihuan.notify.notices import About, notify_people
from bihuan.notify.templates import template_for
from bihuan.operations.facts import CaseFacts, script_words
from bihuan.operations.registry import EffectContext, effect
from bihuan.org.roles import people_with_role


@effect("send_notice")
def send_notice(ctx: EffectContext) -> None:
    """Tell people something in the rule book's words.

    Inputs: `notice` (template key), `to_role` (role key or list), `to_person` (user id or list), `urgent`.
    """
    key = str(ctx.values.get("notice") or "")
    if template_for(key, channels=frozenset(KINDS)) is None:
        raise BusinessError(f"规则书里没有通知模板“{key}”，请联系流程负责人")
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


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [] if value is None else [value]
