"""抄送 as records: telling somebody of a case lets them read it; they read, confirm, and it can be taken back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from django.db import transaction
from django.db.models import F, Q, QuerySet

from bihuan.kernel import clock
from bihuan.kernel.errors import Conflict, NotAllowed, NotFound
from bihuan.org.actor import Actor
from bihuan.records.access import note_on_case, optional_text
from bihuan.records.models import Case, CaseCopy, CopyOn

URGE_EVERY = timedelta(minutes=30)
MAX_REMARK = 200


def send_copies(
    case_id: int,
    people: Mapping[int, str],
    *,
    step: str,
    on: str,
    by: int | None,
    note: str = "",
    confirm: bool = False,
) -> list[int]:
    """A copy of a case for each of these people, with why; answers their ids. Whoever calls has checked and audits."""
    now = clock.now()
    rows = [
        CaseCopy(
            case_id=case_id, user_id=user, step=step[:200], on=on, by_id=by, why=why[:300], note=note[:200],
            sent_at=now, wants_confirmation=confirm,
        )
        for user, why in people.items()
    ]  # fmt: skip
    return [row.pk for row in CaseCopy.unscoped.bulk_create(rows)]


def copies_to(actor: Actor, case_id: int | None = None) -> QuerySet[CaseCopy]:
    """What was copied to somebody and not taken back, of all cases or of one."""
    rows = CaseCopy.unscoped.filter(user_id=actor.user_id or 0, withdrawn_at__isnull=True)
    return rows if case_id is None else rows.filter(case_id=case_id)


def open_copies(case_id: int, *, actor: Actor) -> None:
    """Somebody looks at a case that was copied to them; where nothing is to be confirmed, it is read by that."""
    mine = copies_to(actor, case_id)
    now = clock.now()
    if not mine.exists():
        raise NotFound("这张单据没有抄送给您，或者已经收回")
    mine.filter(opened_at__isnull=True).update(opened_at=now)
    mine.filter(unread=True, wants_confirmation=False).update(unread=False)


@transaction.atomic
def confirm_copies(case_id: int, *, actor: Actor, remark: str = "") -> int:
    """Somebody confirms that they have read all that was copied to them of a case (已阅). Answers how many copies.

    Confirming again changes nothing.
    """
    words = optional_text(remark, label="阅后意见", field="remark", limit=MAX_REMARK)
    mine = copies_to(actor, case_id).select_for_update().order_by("pk")
    waiting = [row.pk for row in mine if row.unread]
    if not waiting:
        if not mine:
            raise NotFound("这张单据没有抄送给您，或者已经收回")
        return 0
    now = clock.now()
    rows = CaseCopy.unscoped.filter(pk__in=waiting)
    rows.filter(opened_at__isnull=True).update(opened_at=now)
    rows.update(unread=False, confirmed_at=now, remark=words)
    case = Case.unscoped.get(pk=case_id)
    note_on_case(actor, "copy.confirmed", case, data={"copies": waiting, "remark": words})
    return len(waiting)


@transaction.atomic
def withdraw_copy(copy_id: int, *, actor: Actor, reason: str = "") -> CaseCopy:
    """Take a copy back, and with the last of them the right to read the case. For its sender and who manages cases."""
    words = optional_text(reason, label="原因", field="reason", limit=MAX_REMARK)
    copy = _hold(copy_id)
    require_sender(copy, actor)
    if copy.withdrawn_at is not None:
        raise Conflict(f"抄送给{copy.user.name}的这一份已经收回")
    CaseCopy.unscoped.filter(pk=copy_id).update(withdrawn_at=clock.now(), withdrawn_by_id=actor.user_id)
    data = {"copy": copy_id, "name": copy.user.name, "step": copy.step, "reason": words}
    note_on_case(actor, "copy.withdrawn", copy.case, data=data)
    return copy


@transaction.atomic
def urge_copy(copy_id: int, *, actor: Actor) -> CaseCopy:
    """Count a reminder to read (催阅), once in half an hour; for its sender and who manages cases."""
    copy, now = _hold(copy_id), clock.now()
    require_sender(copy, actor)
    if copy.withdrawn_at is not None or not copy.unread:
        raise Conflict(f"{copy.user.name}已经看过，或者抄送已收回，不用催")
    free = Q(urged_at__isnull=True) | Q(urged_at__lte=now - URGE_EVERY)
    if not CaseCopy.unscoped.filter(free, pk=copy_id).update(urged_at=now, urges=F("urges") + 1):
        raise Conflict("半小时内已经催过，请稍后再催")
    note_on_case(actor, "copy.urged", copy.case, data={"copy": copy_id, "name": copy.user.name, "step": copy.step})
    return copy


def may_control(copy: CaseCopy, actor: Actor) -> bool:
    """Whether somebody may urge and withdraw a copy: who sent it by hand, and who manages the site's cases."""
    sent_it = copy.on == CopyOn.HAND and copy.by_id is not None and copy.by_id == actor.user_id
    return sent_it or actor.can("case.manage", copy.case.site_id)


def require_sender(copy: CaseCopy, actor: Actor) -> None:
    """Refuse whoever may not urge or withdraw a copy; NotFound for those who could not see the case either."""
    if may_control(copy, actor):
        return
    if copy.case.site_id not in actor.site_ids:
        raise NotFound("没有这份抄送")
    raise NotAllowed("只有抄送人和管理单据的人可以催阅、收回")


def to_confirm(user_id: int) -> QuerySet[CaseCopy]:
    """What somebody is still to confirm."""
    return CaseCopy.unscoped.filter(user_id=user_id, withdrawn_at__isnull=True, unread=True, wants_confirmation=True)


@transaction.atomic
def hand_over_copies(of: int, to: int, *, actor: Actor) -> int:
    """What somebody was still to confirm is copied to their successor and taken back from them."""
    waiting = list(to_confirm(of).select_related("user", "case").order_by("pk"))
    now = clock.now()
    for row in waiting:
        why = {to: f"{row.user.name}交接"}
        send_copies(row.case_id, why, step=row.step, on=row.on, by=row.by_id, note=row.note, confirm=True)
        note_on_case(actor, "copy.handed_over", row.case, data={"copy": row.pk, "name": row.user.name, "to": to})
    ids = [row.pk for row in waiting]
    CaseCopy.unscoped.filter(pk__in=ids).update(withdrawn_at=now, withdrawn_by_id=actor.user_id)
    return len(ids)


def _hold(copy_id: int) -> CaseCopy:
    copy = CaseCopy.unscoped.select_for_update(of=("self",)).select_related("case", "user").filter(pk=copy_id).first()
    if copy is None:
        raise NotFound("没有这份抄送")
    return copy
