"""抄送 by hand, 催阅 and taking a copy back."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction

from bihuan.accounts.models import User
from bihuan.audit.log import record
from bihuan.kernel.errors import BusinessError
from bihuan.operations.copies import copied_step, tell_readers
from bihuan.operations.work import hold_work
from bihuan.org.actor import Actor
from bihuan.processes.handling.allowing import require_allowed
from bihuan.records.access import optional_text
from bihuan.records.copies import CopiedStep, send_copies, urge_copy
from bihuan.records.models import CarbonCopy, CopyOn

MAX_COPIES = 50


@transaction.atomic
def copy_work(
    item_id: int, to_user_ids: Iterable[int], *, actor: Actor, note: str = "", confirm: bool = False
) -> list[str]:
    """Let colleagues of any site know of a step (抄送): they may read its case, and with `confirm` say that they have.

    Anybody who sees the case by their post may. Answers their names. Raises BusinessError at `to` and `note`.
    """
    words = optional_text(note, label="说明", field="note", limit=200)
    held = hold_work(item_id, actor=actor)
    require_allowed("cc", held.instance.process, held.node)
    wanted = sorted(set(to_user_ids))
    if not wanted or len(wanted) > MAX_COPIES:
        raise BusinessError(f"请选择抄送给谁，最多 {MAX_COPIES} 人", "to")
    people = dict(User.objects.filter(pk__in=wanted, is_active=True).order_by("pk").values_list("pk", "name"))
    if actor.user_id in people:
        raise BusinessError("不用抄送给自己", "to")
    if len(people) < len(wanted):
        raise BusinessError("选的人里有已经离职的，请重新选择", "to")
    facts = held.instance.facts
    what = copied_step(facts, held.node_id, held.name)
    send_copies(what, dict.fromkeys(people, ""), on=CopyOn.HAND, by=actor.user_id, note=words, confirm=confirm)
    names = list(people.values())
    data = {
        "instance": facts.id, "item": held.item_id, "node": held.node_id, "name": held.name, "to": list(people),
        "names": "、".join(names), **({"reason": words} if words else {}), **({"confirm": True} if confirm else {}),
    }  # fmt: skip
    record(actor_id=actor.user_id, action="item.cc", chain=facts.chain, site_id=facts.site_id, data=data)
    title = f"{actor.name}{'请您阅' if confirm else '抄送'}：{held.name}"
    tell_readers(people, title, facts.title + (f"，{words}" if words else ""), what)
    return names


@transaction.atomic
def urge_reader(copy_id: int, *, actor: Actor) -> CarbonCopy:
    """Remind somebody of what they were to read (催阅), once in half an hour."""
    copy = urge_copy(copy_id, actor=actor)
    body = copy.case.number if copy.case else copy.title
    tell_readers([copy.user_id], f"{actor.name}催阅：{copy.step}", body, CopiedStep.of(copy))
    return copy
