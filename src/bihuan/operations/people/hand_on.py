"""Taking work that is offered to one's role, giving it back, and handing it on to a colleague."""

from __future__ import annotations

from django.db import transaction

from bihuan.kernel.errors import BusinessError
from bihuan.notify.kinds import NoticeKind
from bihuan.notify.notices import About, notify_people
from bihuan.operations.work import load_work
from bihuan.org.actor import Actor
from bihuan.processes import engine_store

MAX_REASON = 200


@transaction.atomic
def claim_work(item_id: int, *, actor: Actor) -> None:
    """Take an item offered to one's role; Conflict names who was faster."""
    load_work(item_id, actor=actor)
    engine_store.claim_item(item_id, actor=actor)


@transaction.atomic
def release_work(item_id: int, *, actor: Actor) -> None:
    """Give an item back to its role; besides its holder, whoever manages cases may."""
    work = load_work(item_id, actor=actor)
    managing = actor.can("case.manage", work.item.site_id)
    engine_store.release_item(item_id, actor=actor, check_holder=not managing)


@transaction.atomic
def transfer_work(item_id: int, to_user_id: int, *, actor: Actor, reason: str) -> str:
    """Hand an item on with a reason; the colleague is told. Besides its holder, whoever manages cases may.

    Answers the colleague's name.
    """
    work = load_work(item_id, actor=actor)
    words = reason.strip()
    if not words:
        raise BusinessError("请填写转办原因", "reason")
    if len(words) > MAX_REASON:
        raise BusinessError(f"转办原因最多 {MAX_REASON} 个字", "reason")
    managing = actor.can("case.manage", work.item.site_id)
    engine_store.transfer_item(item_id, to_user_id, actor=actor, reason=words, check_holder=not managing)
    after = load_work(item_id, actor=actor).item
    if after.assignee_id is not None and after.assignee_id != actor.user_id:
        body = f"{after.title}，{actor.name}：{words}"
        about = About(
            NoticeKind.TASK,
            subject=("case", work.case.pk),
            site_id=after.site_id,
            template="task_transferred",
            words={"环节": after.name, "事项": after.title, "转办人": actor.name, "原因": words},
        )
        notify_people([after.assignee_id], f"转给您：{after.name}", body, f"/tasks/{after.pk}", about)
    return after.assignee.name if after.assignee else ""
