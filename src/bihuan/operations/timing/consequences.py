"""What a limit's step does when its moment comes: tell, escalate, reassign, raise, start a process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from django.db.models import Q

from bihuan.audit.log import record
from bihuan.limits.calendars import provisional_words
from bihuan.limits.models import Clock
from bihuan.notify.kinds import NoticeKind
from bihuan.notify.notices import About, notify_people
from bihuan.operations.cases import start_case
from bihuan.operations.timing.clock_following import CASE, ITEM
from bihuan.org.access import system_actor
from bihuan.org.duty.chart import answerable_for, nearest_superiors
from bihuan.org.duty.presence import present_with_role
from bihuan.processes.models import WorkItem
from bihuan.processes.rows import Held, read_item
from bihuan.records.models import Case

# Before every due moment there is: raised work stands first in every list.
FIRST_OF_ALL = datetime(2000, 1, 1, tzinfo=UTC)
HOLDER, SUPERIOR, ADVISOR, TECHNICIAN = "@holder", "@superior", "@advisor", "@technician"


def carry_out(step: Mapping[str, Any], held: Clock) -> None:
    """Do what a step of the rule says, in the caller's transaction. `at` of the step says when it was to happen."""
    items = _open_items(held)
    case = _case_of(held)
    title = str(step.get("text") or f"{held.name}：{_moment_text(str(step['at']))}")
    if step.get("reassign_to"):
        _reassign(items, str(step["reassign_to"]), held)
    if step.get("priority"):
        _raise(items, held)
    if step.get("start") and case is not None:
        start_case(
            str(step["start"]),
            actor=system_actor(held.site_id),
            site_id=held.site_id,
            customer_id=case.customer_id,
            vehicle_id=case.vehicle_id,
            phone=case.phone,
            parent_id=case.pk,
            title=title[:120],
        )
    people = _people([*_texts(step.get("notify")), *_texts(step.get("escalate_to"))], held, items, case)
    if step.get("reassign_to"):
        people |= _holders(str(step["reassign_to"]), held.site_id)
    url = f"/tasks/{items[0].pk}" if items else f"/cases/{case.pk}" if case else "/"
    about = About(NoticeKind.LIMIT, urgent=True, subject=(CASE, case.pk) if case else None, site_id=held.site_id)
    what, unsure = _what(case, items), provisional_words(held.unconfirmed_year)
    notify_people(people, title, f"{what}（{unsure}）" if unsure else what, url, about)


def people_named(named: Iterable[str], held: Clock, case: Case | None) -> set[int]:
    """Who is meant by roles and by @holder, @superior, @advisor and @technician, for a clock as it stands now."""
    return _people(named, held, _open_items(held), case)


def _open_items(held: Clock) -> list[WorkItem]:
    return list(WorkItem.unscoped.filter(_under(held), status=WorkItem.Status.OPEN).select_related("instance"))


def _under(held: Clock) -> Q:
    """The open work a clock is about: its item, or what its case has open, first what names the limit."""
    if held.subject_kind == ITEM:
        return Q(pk=held.subject_id)
    of_case = Q(instance__subject_kind=held.subject_kind, instance__subject_id=held.subject_id)
    named = of_case & Q(limit_key=held.key)
    return named if WorkItem.unscoped.filter(named, status=WorkItem.Status.OPEN).exists() else of_case


def _case_of(held: Clock) -> Case | None:
    case_id = held.subject_id if held.subject_kind == CASE else None
    if held.subject_kind == ITEM:
        # Done by now, but too late: what the lateness leads to is about its case all the same.
        about = WorkItem.unscoped.filter(pk=held.subject_id, instance__subject_kind=CASE)
        case_id = about.values_list("instance__subject_id", flat=True).first()
    return Case.unscoped.select_related("vehicle").filter(pk=case_id).first() if case_id else None


def _people(named: Iterable[str], held: Clock, items: list[WorkItem], case: Case | None) -> set[int]:
    found: set[int] = set()
    for name in named:
        if name == HOLDER:
            found |= _who_has(items, held.site_id)
        elif name == SUPERIOR:
            found |= _superiors(items, held.site_id)
        elif name in (ADVISOR, TECHNICIAN):
            person = getattr(case, f"{name[1:]}_id") if case else None
            found |= {person} if person else set()
        else:
            found |= _holders(name, held.site_id)
    return found


def _who_has(items: list[WorkItem], site_id: int) -> set[int]:
    found: set[int] = set()
    for item in items:
        if item.assignee_id:
            found.add(item.assignee_id)
        else:
            found.update(item.offers.values_list("user_id", flat=True))
            for role in filter(None, item.role.split(",")):
                found |= _holders(role.strip(), site_id)
    return found


def _superiors(items: list[WorkItem], site_id: int) -> set[int]:
    """The nearest superiors who are there of those who have the work; else whoever answers for the site."""
    return set(nearest_superiors(_who_has(items, site_id), site_id).values()) or set(answerable_for(site_id))


def _holders(role: str, site_id: int) -> set[int]:
    return set(present_with_role(role, site_id))


def _reassign(items: list[WorkItem], role: str, held: Clock) -> None:
    for item in _still_open(items):
        why = f"“{held.name}”到时改派"
        before = {"role": item.role, "assignee": item.assignee_id}
        WorkItem.unscoped.filter(pk=item.item_id).update(role=role, shared=False, assignee_id=None, why=why)
        _log(item, "item.reassign", held, before=before, after={"role": role, "assignee": None})


def _raise(items: list[WorkItem], held: Clock) -> None:
    for item in _still_open(items):
        WorkItem.unscoped.filter(pk=item.item_id).update(sort_at=FIRST_OF_ALL)
        _log(item, "item.raise", held)


def _still_open(items: list[WorkItem]) -> list[Held]:
    """The items locked by the lock rule, without those completed meanwhile."""
    return [found for found in (read_item(item.pk) for item in items) if found.is_open]


def _log(item: Held, action: str, held: Clock, **what: Any) -> None:
    facts = item.instance.facts
    data = {"instance": facts.id, "item": item.item_id, "node": item.node_id, "name": item.name, "clock": held.pk}
    record(actor_id=None, action=action, chain=facts.chain, site_id=facts.site_id, data=data, **what)


def _what(case: Case | None, items: list[WorkItem]) -> str:
    if items and items[0].title:
        return f"{items[0].name}，{items[0].title}"
    return (case.vehicle.plate if case.vehicle else case.number) if case else ""


def _moment_text(at: str) -> str:
    if at == "breach" or at.startswith("breach+"):
        return "已超时" if at == "breach" else f"超时已 {at.removeprefix('breach+')}"
    return "即将超时" if at == "warn" or at.startswith("-") else f"已用 {at.removeprefix('+')}"


def _texts(value: Any) -> tuple[str, ...]:
    return () if not value else (value,) if isinstance(value, str) else tuple(value)
