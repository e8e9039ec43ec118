"""抄送 as records: telling somebody of a step lets them read it; they read, confirm, and it can be taken back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeAlias

from django.db import transaction
from django.db.models import Case, F, Q, QuerySet, Value, When

from bihuan.kernel import clock
from bihuan.kernel.errors import Conflict, NotAllowed, NotFound
from bihuan.org.actor import Actor
from bihuan.records.access import note, optional_text
from bihuan.records.models import CarbonCopy, CopyOn

URGE_EVERY = timedelta(minutes=30)
MAX_REMARK = 200
CASE, INSTANCE = "case", "instance"
Subject: TypeAlias = tuple[str, int]
"""What is read: a case, or a process instance that is about none, by number."""
NOT_COPIED: Mapping[str, str] = {
    CASE: "这张单据没有抄送给您，或者已经收回",
    INSTANCE: "这个流程没有抄送给您，或者已经收回",
}


@dataclass(frozen=True, slots=True)
class CopiedStep:
    """What people are told of: a step, of a case or of a process instance about none, and where that is logged."""

    site_id: int
    chain: str
    step: str
    case_id: int | None = None
    instance_id: int | None = None
    node_id: str = ""
    title: str = ""

    @classmethod
    def of(cls, copy: CarbonCopy) -> CopiedStep:
        """What a copy tells of."""
        return cls(
            copy.site_id, copy.chain, copy.step, copy.case_id, copy.instance_id, copy.node_id, copy.title,
        )  # fmt: skip


def subject_of(copy: CarbonCopy) -> Subject:
    """What a copy lets its reader read."""
    return (CASE, copy.case_id) if copy.case_id is not None else (INSTANCE, copy.instance_id or 0)


def send_copies(
    what: CopiedStep, people: Mapping[int, str], *, on: str, by: int | None, note: str = "", confirm: bool = False
) -> list[int]:
    """A copy for each of these people, with why; answers their ids. Whoever calls has checked and audits."""
    now = clock.now()
    rows = [
        CarbonCopy(
            site_id=what.site_id, chain=what.chain, case_id=what.case_id, instance_id=what.instance_id,
            node_id=what.node_id, title=what.title[:200], step=what.step[:200], user_id=user, on=on, by_id=by,
            why=why[:300], note=note[:200], sent_at=now, wants_confirmation=confirm,
        )
        for user, why in people.items()
    ]  # fmt: skip
    return [row.pk for row in CarbonCopy.unscoped.bulk_create(rows)]


def copies_to(actor: Actor, subject: Subject | None = None) -> QuerySet[CarbonCopy]:
    """What was copied to somebody and not taken back, of everything or of one thing."""
    rows = CarbonCopy.unscoped.filter(user_id=actor.user_id or 0, withdrawn_at__isnull=True)
    return rows if subject is None else rows & copies_about(subject)


def unread_copies(user_id: int) -> QuerySet[CarbonCopy]:
    """What was copied to somebody that they have not read, or not confirmed."""
    return CarbonCopy.unscoped.filter(user_id=user_id, withdrawn_at__isnull=True, unread=True)


def copies_about(subject: Subject) -> QuerySet[CarbonCopy]:
    """Every copy of one thing, to whomever."""
    kind, number = subject
    about = Q(case_id=number) if kind == CASE else Q(case_id__isnull=True, instance_id=number)
    return CarbonCopy.unscoped.filter(about)


def open_copies(subject: Subject, *, actor: Actor) -> None:
    """Somebody looks at what was copied to them; where nothing is to be confirmed, it is read by that."""
    mine = copies_to(actor, subject)
    now = clock.now()
    if not mine.exists():
        raise NotFound(NOT_COPIED[subject[0]])
    mine.filter(opened_at__isnull=True).update(opened_at=now)
    mine.filter(unread=True, wants_confirmation=False).update(unread=False)


@transaction.atomic
def confirm_copies(subject: Subject, *, actor: Actor, remark: str = "") -> int:
    """Somebody confirms that they have read all that was copied to them of one thing (已阅). Answers how many copies.

    Confirming again changes nothing.
    """
    words = optional_text(remark, label="阅后意见", field="remark", limit=MAX_REMARK)
    mine = list(copies_to(actor, subject).select_for_update().order_by("pk"))
    if not mine:
        raise NotFound(NOT_COPIED[subject[0]])
    waiting = [row.pk for row in mine if row.unread]
    if not waiting:
        return 0
    now = clock.now()
    rows = CarbonCopy.unscoped.filter(pk__in=waiting)
    rows.filter(opened_at__isnull=True).update(opened_at=now)
    rows.update(unread=False, confirmed_at=now, remark=words)
    note_on_copy(actor, "copy.confirmed", mine[0], data={"copies": waiting, "remark": words})
    return len(waiting)


@transaction.atomic
def withdraw_copy(copy_id: int, *, actor: Actor, reason: str = "") -> CarbonCopy:
    """Take a copy back, and with the last of them the right to read. For its sender and who manages what it is of."""
    words = optional_text(reason, label="原因", field="reason", limit=MAX_REMARK)
    copy = _hold(copy_id)
    if not may_control(copy, actor):
        raise _refusal(copy, actor)
    if copy.withdrawn_at is not None:
        raise Conflict(f"抄送给{copy.user.name}的这一份已经收回")
    CarbonCopy.unscoped.filter(pk=copy_id).update(withdrawn_at=clock.now(), withdrawn_by_id=actor.user_id)
    data = {"copy": copy_id, "name": copy.user.name, "step": copy.step, "reason": words}
    note_on_copy(actor, "copy.withdrawn", copy, data=data)
    return copy


@transaction.atomic
def urge_copy(copy_id: int, *, actor: Actor) -> CarbonCopy:
    """Count a reminder to read (催阅), once in half an hour; for those who may take it back, and those it was
    escalated to."""
    copy, now = _hold(copy_id), clock.now()
    told = copies_to(actor, subject_of(copy)).filter(on=CopyOn.ESCALATE)
    if not may_urge(copy, actor, told=told.exists()):
        raise _refusal(copy, actor)
    if copy.withdrawn_at is not None or not copy.unread:
        raise Conflict(f"{copy.user.name}已经看过，或者抄送已收回，不用催")
    free = Q(urged_at__isnull=True) | Q(urged_at__lte=now - URGE_EVERY)
    if not CarbonCopy.unscoped.filter(free, pk=copy_id).update(urged_at=now, urges=F("urges") + 1):
        raise Conflict("半小时内已经催过，请稍后再催")
    note_on_copy(actor, "copy.urged", copy, data={"copy": copy_id, "name": copy.user.name, "step": copy.step})
    return copy


def may_urge(copy: CarbonCopy, actor: Actor, *, told: bool) -> bool:
    """Whether somebody may urge the reader of a copy: who may take it back; and who was `told`, since it was escalated
    to them, of those who are to confirm, but for themselves."""
    return may_control(copy, actor) or (told and copy.wants_confirmation and copy.user_id != actor.user_id)


def may_control(copy: CarbonCopy, actor: Actor) -> bool:
    """Whether somebody may urge and withdraw a copy: who sent it by hand, and who manages cases (or processes, where
    it is of none) at the site."""
    sent_it = copy.on == CopyOn.HAND and copy.by_id is not None and copy.by_id == actor.user_id
    return sent_it or actor.can("case.manage" if copy.case_id is not None else "process.operate", copy.site_id)


def _refusal(copy: CarbonCopy, actor: Actor) -> NotAllowed | NotFound:
    """NotFound for those who could not see what it is of either."""
    if copy.site_id not in actor.site_ids:
        return NotFound("没有这份抄送")
    return NotAllowed("只有抄送人和管理单据的人可以催阅、收回")


def to_confirm(user_id: int) -> QuerySet[CarbonCopy]:
    """What somebody is still to confirm."""
    return unread_copies(user_id).filter(wants_confirmation=True)


@transaction.atomic
def hand_over_copies(of: int, to: int, *, actor: Actor) -> int:
    """What somebody was still to confirm is their successor's from now on, with the reminders that are to come; that
    it was theirs is kept as a copy that was taken back."""
    rows = list(to_confirm(of).select_for_update(of=("self",)).select_related("user").order_by("pk"))
    now, handed = clock.now(), [row.pk for row in rows]
    for row in rows:
        data = {"copy": row.pk, "name": row.user.name, "to": to}
        note_on_copy(actor, "copy.handed_over", row, data=data)
        row.pk, row.withdrawn_at, row.withdrawn_by_id = None, now, actor.user_id
    CarbonCopy.unscoped.bulk_create(rows)
    fresh = {"opened_at": None, "urged_at": None, "urges": 0, "reminders": 0, "escalated_at": None}
    why = f"{rows[0].user.name}交接" if rows else ""
    CarbonCopy.unscoped.filter(pk__in=handed).update(user_id=to, why=why, sent_at=now, **fresh)
    return len(handed)


def rename_copied_steps(instance_id: int, renamed: Mapping[str, str]) -> None:
    """The instance is on another version of its diagram: ids of steps that are called otherwise there ("": no more)."""
    cases = [When(node_id=old, then=Value(new)) for old, new in renamed.items() if new]
    if cases:
        rows = CarbonCopy.unscoped.filter(instance_id=instance_id)
        rows.update(node_id=Case(*cases, default=F("node_id")))


def note_on_copy(actor: Actor, action: str, copy: CarbonCopy, *, data: Mapping[str, Any]) -> None:
    """One audit line where what the copy is of is logged."""
    note(actor, action, copy.chain, site_id=copy.site_id, data={**data, "instance": copy.instance_id})


def _hold(copy_id: int) -> CarbonCopy:
    rows = CarbonCopy.unscoped.select_for_update(of=("self",)).select_related("case", "user")
    copy = rows.filter(pk=copy_id).first()
    if copy is None:
        raise NotFound("没有这份抄送")
    return copy
