"""Events of a telephone system (AUTO-02): it rings, somebody picks up, the call ends."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from bihuan.accounts.models import User
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, NotFound
from bihuan.notify.kinds import NoticeKind
from bihuan.notify.notices import About, notify_people
from bihuan.operations.desk.answering import let_ring, pick_up, put_down
from bihuan.org.access import load_actor, system_actor
from bihuan.org.actor import Actor
from bihuan.org.models import Site
from bihuan.org.roles import people_allowed
from bihuan.records.models import CallLog

FRESH = timedelta(minutes=10)
EVENTS = ("ringing", "answered", "ended")


@transaction.atomic
def take_call_event(
    site_code: str, *, event: str, external_id: str, phone: str = "", username: str = "", at: datetime | None = None
) -> CallLog:
    """Record what the telephone system tells of a call. Telling it twice changes nothing.

    `username` is who picked up; `at` the moment by the telephone system's clock, refused when ten minutes off.
    """
    site = Site.objects.filter(code=site_code, is_active=True).first()
    if site is None:
        raise NotFound("没有这个门店")
    if event not in EVENTS:
        raise BusinessError(f"event 只能是 {'、'.join(EVENTS)}", "event")
    if not external_id.strip():
        raise BusinessError("缺少通话编号 id", "id")
    if at is not None and abs(at - clock.now()) > FRESH:
        raise BusinessError("at 与服务器时间相差超过 10 分钟，请校准话务系统的时钟", "at")
    system = system_actor(site.pk)
    if event == "ringing":
        return let_ring(actor=system, phone=phone, site_id=site.pk, external_id=external_id.strip(), at=at)
    call = CallLog.objects.at(site.pk).filter(external_id=external_id.strip()[:80]).first()
    if call is None:
        raise NotFound("没有这个通话，请先发送 ringing")
    if event == "ended":
        return _ended(put_down(call.pk, actor=system, at=at))
    if call.answered_at is not None:
        return call
    return pick_up(call.pk, actor=_who(username, site) or system, at=at)


def _ended(call: CallLog) -> CallLog:
    """Nobody picked up: whoever answers the telephone here is told once, so that somebody rings back (AUTO-02)."""
    if call.outcome == "abandoned":
        people = people_allowed("call.handle", call.site_id)
        tail = call.phone[-4:] if call.phone else ""
        title = f"未接来电，尾号 {tail}" if tail else "未接来电，号码未显示"
        about = About(NoticeKind.CASE, site_id=call.site_id, key=f"call {call.pk} missed")
        notify_people(people, title, "请尽快回电。", "/calls", about)
    return call


def _who(username: str, site: Site) -> Actor | None:
    """The person at the telephone, when they work at this site; a call counts as answered without a name too."""
    user = User.objects.filter(username=username, is_active=True).first() if username else None
    if user is None:
        return None
    actor = load_actor(user)
    return actor.at(site.pk) if actor.can("call.handle", site.pk) else None
