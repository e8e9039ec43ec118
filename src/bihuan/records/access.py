"""Fetching with permission, and the audit line of a use case: the first and the last thing each of them does."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from bihuan.audit import log
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, NotAllowed, NotFound
from bihuan.org.actions import label_of
from bihuan.org.actor import Actor
from bihuan.org.models import Site
from bihuan.records.models import CarbonCopy, Case, CaseStatus

NO_CASE = "没有这张单据，或者它不属于您的门店"


def require_anywhere(actor: Actor, action: str) -> None:
    """Refuse unless the actor may do this at some site; for records that belong to the whole organisation."""
    if not actor.can_anywhere(action):
        raise NotAllowed(f"您没有“{label_of(action)}”的权限")


def current_site(actor: Actor, site_id: int | None = None) -> Site:
    """The site meant: the one named, else the one the actor works at now."""
    where = site_id if site_id is not None else actor.site_id
    if where is None:
        raise BusinessError("请先选择门店" if actor.site_ids else "您在任何门店都没有岗位，请联系系统管理员")
    site = Site.objects.filter(pk=where).first()
    if site is None or not (actor.is_system or where in actor.site_ids):
        raise NotFound("没有这个门店")
    return site


def local_day(site: Site, at: datetime | None = None) -> date:
    """The calendar day at the site."""
    return (at or clock.now()).astimezone(ZoneInfo(site.timezone)).date()


def access_case(case_id: int, *, actor: Actor, action: str = "case.view") -> Case:
    """The case for reading; NotFound when it is outside the actor's sites, NotAllowed when the action is not theirs."""
    rows = Case.unscoped.all() if actor.is_system else Case.objects.visible_to(actor)
    case = rows.select_related("site").filter(pk=case_id).first()
    if case is None:
        raise NotFound(NO_CASE)
    actor.require(action, case.site_id)
    return case


def read_case(case_id: int, *, actor: Actor) -> Case:
    """The case for looking at it only: for whoever may see it, and for those it was copied to (抄送), of any site.

    Raises NotFound or NotAllowed as `access_case`. Whoever may see it anyway is asked nothing more.
    """
    try:
        return access_case(case_id, actor=actor)
    except (NotFound, NotAllowed):
        copied = CarbonCopy.unscoped.filter(case_id=case_id, user_id=actor.user_id or 0, withdrawn_at__isnull=True)
        case = Case.unscoped.select_related("site").filter(pk=case_id, pk__in=copied.values("case_id")).first()
        if case is None:
            raise
        return case


def only_reads(case: Case, *, actor: Actor) -> bool:
    """Whether somebody who may read the case may do so only because it was copied to them."""
    return not actor.can("case.view", case.site_id)


def lock_case(case_id: int, *, actor: Actor, action: str = "case.view", open_only: bool = True) -> Case:
    """The case for writing: its row is locked until the transaction ends, so that writers of one case queue up."""
    rows = Case.unscoped.all() if actor.is_system else Case.objects.visible_to(actor)
    case = rows.select_for_update().filter(pk=case_id).first()
    if case is None:
        raise NotFound(NO_CASE)
    actor.require(action, case.site_id)
    if open_only:
        require_open(case.number, case.status)
    return case


def require_open(number: str, status: str) -> None:
    """Refuse to change a case that is over."""
    if status != CaseStatus.OPEN:
        raise BusinessError(f"单据 {number} 已经结束，不能再修改")


def note(
    actor: Actor,
    action: str,
    chain: str,
    *,
    site_id: int | None = None,
    data: Mapping[str, Any] | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    last: log.End | None = None,
) -> log.End:
    """One audit line in the transaction of the use case; answers the new end of the chain (`last`: the known one)."""
    return log.record(
        actor_id=actor.user_id,
        action=action,
        chain=chain,
        site_id=site_id,
        data=data,
        before=before,
        after=after,
        last=last,
    ).end


def note_on_case(
    actor: Actor,
    action: str,
    case: Case,
    *,
    data: Mapping[str, Any] | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """One audit line in the chain of a case."""
    note(actor, action, case.chain, site_id=case.site_id, data=data, before=before, after=after)


def required_text(value: str | None, *, label: str, field: str, limit: int) -> str:
    """The text trimmed; refused when empty, too long, or holding control characters."""
    text = optional_text(value, label=label, field=field, limit=limit)
    if not text:
        raise BusinessError(f"请填写{label}", field)
    return text


def optional_text(value: str | None, *, label: str, field: str, limit: int) -> str:
    """The text trimmed; refused when too long or holding control characters other than line breaks."""
    text = (value or "").strip()
    if len(text) > limit:
        raise BusinessError(f"{label}最多 {limit} 个字，现在有 {len(text)} 个", field)
    if any(ord(letter) < 32 and letter not in "\n\r\t" for letter in text):
        raise BusinessError(f"{label}里有看不见的控制字符，请重新填写", field)
    return text
