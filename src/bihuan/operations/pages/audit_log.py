"""The audit log on screen: filters and entries in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.db.models import Q

from bihuan.accounts.models import User
from bihuan.audit.models import Entry
from bihuan.operations.pages.audit_words import CHAINS, DEEDS, FIELDS
from bihuan.operations.pages.case_list import named_by
from bihuan.org.access import holds_everywhere
from bihuan.org.actions import ACTIONS
from bihuan.org.actor import Actor
from bihuan.org.models import Site
from bihuan.records.models import Case

PAGE_SIZE = 50
MATCHES = 200


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Filters of the audit log as they stand in the address.

    `subject` is a kind of chain ("role"), one chain ("case:12"), or what a case is found by: number, plate, name.
    """

    subject: str = ""
    action: str = ""
    who: str = ""
    since: date | None = None
    until: date | None = None
    page: int = 1

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> AuditQuery:
        """What makes no sense is left out rather than refused."""
        page = str(params.get("page", "1"))
        return cls(
            subject=str(params.get("chain", "")).strip()[:80],
            action=str(params.get("action", "")).strip()[:80],
            who=str(params.get("who", "")).strip()[:60],
            since=_day(params.get("since")),
            until=_day(params.get("until")),
            page=max(1, int(page)) if page.isdecimal() and len(page) < 6 else 1,
        )

    def address(self) -> str:
        """The filters without the page."""
        parts = {
            "chain": self.subject, "action": self.action, "who": self.who,
            "since": self.since.isoformat() if self.since else "",
            "until": self.until.isoformat() if self.until else "",
        }  # fmt: skip
        return urlencode({key: value for key, value in parts.items() if value})


@dataclass(frozen=True, slots=True)
class Deed:
    """One entry of the log in words."""

    entry: Entry
    who: str
    what: str
    subject: str
    changed: list[tuple[str, str, str]]


@dataclass(frozen=True, slots=True)
class AuditPage:
    query: AuditQuery
    deeds: list[Deed]
    has_more: bool


def audit_page(query: AuditQuery, *, actor: Actor) -> AuditPage:
    """The log of the sites where the actor may see it, newest first; the whole organisation's to those at its top."""
    rows = Entry.objects.filter(readable(actor))
    if query.subject:
        rows = rows.filter(_about(query.subject, actor))
    if query.action:
        rows = rows.filter(action=query.action)
    if query.who:
        people = User.objects.filter(Q(name__icontains=query.who) | Q(username__iexact=query.who))
        rows = rows.filter(actor_id__in=list(people.values_list("pk", flat=True)[:200]))
    zone = ZoneInfo(Site.objects.values_list("timezone", flat=True).get(pk=actor.site_id or 0))
    if query.since:
        rows = rows.filter(at__gte=datetime.combine(query.since, time(), tzinfo=zone))
    if query.until:
        rows = rows.filter(at__lt=datetime.combine(query.until + timedelta(days=1), time(), tzinfo=zone))
    start = (query.page - 1) * PAGE_SIZE
    found = list(rows.order_by("-at", "-pk")[start : start + PAGE_SIZE + 1])
    named = {row.actor_id or 0 for row in found} | {_number(row.chain, "user") for row in found}
    names = dict(User.objects.filter(pk__in=named).values_list("pk", "name"))
    cases = Case.unscoped.filter(pk__in={_number(row.chain, "case") for row in found})
    numbers = dict(cases.values_list("pk", "number"))
    deeds = [_deed(row, names, numbers) for row in found[:PAGE_SIZE]]
    return AuditPage(query, deeds, has_more=len(found) > PAGE_SIZE)


def _about(subject: str, actor: Actor) -> Q:
    """Entries of a kind, of one chain, or of the cases found by a number, plate or name."""
    if subject in CHAINS:
        return Q(chain__startswith=f"{subject}:")
    if ":" in subject:
        return Q(chain=subject)
    sites = actor.sites_allowing("audit.view")
    cases = named_by(subject, Case.objects.at(sites), sites).cases
    return Q(chain__in=[Case.chain_of(pk) for pk in sorted(set(cases), reverse=True)[:MATCHES]])


def readable(actor: Actor) -> Q:
    """Entries of the sites where the actor may read the log; those of no site only for the top of the organisation."""
    sites = actor.sites_allowing("audit.view")
    if not sites:
        actor.require("audit.view")
    scope = Q(site_id__in=sites)
    return scope | Q(site_id__isnull=True) if holds_everywhere(actor, "audit.view") else scope


def deed_name(action: str) -> str:
    """An action of the log in words."""
    return DEEDS.get(action) or ACTIONS.get(action) or action


def _deed(entry: Entry, names: Mapping[int, str], cases: Mapping[int, str]) -> Deed:
    kind, _, number = entry.chain.partition(":")
    data = entry.data if isinstance(entry.data, dict) else {}
    before, after = data.get("before"), data.get("after")
    old = before if isinstance(before, dict) else {"": before} if before else {}
    new = after if isinstance(after, dict) else {"": after} if after else {}
    changed = [
        (FIELDS.get(key, key), _short(old.get(key)), _short(new.get(key))) for key in dict.fromkeys([*old, *new])
    ]
    told = names.get(_number(entry.chain, "user")) or cases.get(_number(entry.chain, "case")) or number
    who = "系统" if entry.actor_id is None else names.get(entry.actor_id, "已删除人员")
    return Deed(entry, who, deed_name(entry.action), f"{CHAINS.get(kind, kind)} {told}".strip(), changed[:12])


def _number(chain: str, kind: str) -> int:
    """The number in a chain of this kind, else 0."""
    of, _, number = chain.partition(":")
    return int(number) if of == kind and number.isdecimal() else 0


def _short(value: Any) -> str:
    if value is None or value == "":
        return "空"
    if isinstance(value, bool):
        return "是" if value else "否"
    text = "、".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 80 else f"{text[:80]}…"


def _day(text: Any) -> date | None:
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        return None
