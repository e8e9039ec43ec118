"""Being away, with everybody concerned told: asking for leave, answering, letting a colleague act."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import transaction

from bihuan.notify.kinds import NoticeKind
from bihuan.notify.notices import About, notify_people
from bihuan.org.actor import Actor
from bihuan.org.duty import delegation, leave
from bihuan.org.duty.chart import answerable_for, load_chart
from bihuan.org.duty.leave import Span
from bihuan.org.duty.models import Delegation, Leave
from bihuan.org.models import Site
from bihuan.processes.models import WorkItem


@transaction.atomic
def ask_for_leave(
    span: Span, *, actor: Actor, kind: str = Leave.Kind.ANNUAL, reason: str = "", user_id: int | None = None
) -> Leave:
    """Ask for leave, or enter it for somebody one plans for: then the superior, or that person, is told."""
    made = leave.request_leave(span, actor=actor, kind=kind, reason=reason, user_id=user_id)
    if made.status == Leave.Status.REQUESTED:
        title = f"请假待批准：{made.user.name} {span}"
        _tell(_who_decides(made), title, reason, "/duty/decisions", made.site_id)
    else:
        _tell_granted(made)
    return made


@transaction.atomic
def answer_leave(leave_id: int, *, approve: bool, actor: Actor) -> Leave:
    """Approve or refuse leave; whoever asked is told, and with open work in hand also what to do with it."""
    answered = leave.decide_leave(leave_id, approve=approve, actor=actor)
    if approve:
        _tell_granted(answered)
    else:
        _tell([answered.user_id], f"请假未批准：{_span(answered)}", "", "/duty", answered.site_id)
    return answered


@transaction.atomic
def let_act(
    *, to_user_id: int, starts_at: datetime, ends_at: datetime, actor: Actor, role_key: str = "", process_key: str = "",
    reason: str = "",
) -> Delegation:  # fmt: skip
    """Let a colleague do one's work for a while; the colleague is told."""
    made = delegation.delegate_work(
        to_user_id=to_user_id, starts_at=starts_at, ends_at=ends_at, actor=actor, role_key=role_key,
        process_key=process_key, reason=reason,
    )  # fmt: skip
    _tell([made.delegate_id], f"{made.principal.name}委托您代理工作", reason, "/duty", made.site_id)
    return made


def _who_decides(asked: Leave) -> list[int]:
    """The superior of whoever asks, else whoever answers for the site; never that person."""
    above = load_chart(asked.site_id).superior_of(asked.user_id)
    return [above] if above is not None else [one for one in answerable_for(asked.site_id) if one != asked.user_id]


def _tell_granted(granted: Leave) -> None:
    items = WorkItem.unscoped.filter(
        site_id=granted.site_id, assignee_id=granted.user_id, status=WorkItem.Status.OPEN
    ).count()  # fmt: skip
    rest = f"名下还有 {items} 项待办，请转办给同事或设代理" if items else ""
    _tell([granted.user_id], f"请假已批准：{_span(granted)}", rest, "/duty", granted.site_id)


def _span(held: Leave) -> Span:
    zone = ZoneInfo(Site.objects.values_list("timezone", flat=True).get(pk=held.site_id))
    return Span.of(held.starts_at, held.ends_at, zone)


def _tell(people: list[int], title: str, body: str, url: str, site_id: int) -> None:
    notify_people(people, title, body, url, About(NoticeKind.DUTY, site_id=site_id))
