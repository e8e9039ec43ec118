"""What the worker does when moments come: clocks warn and escalate (timers of processes are the processes' own)."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.db import transaction

from bihuan.kernel import clock
from bihuan.limits.calendars import provisional_words
from bihuan.limits.due import DueClock, DueKind, due_clocks, next_moment
from bihuan.limits.models import Clock
from bihuan.notify.kinds import NoticeKind
from bihuan.notify.notices import About, Message, notify_all
from bihuan.notify.templates import wordings_read_once
from bihuan.operations.copies import pursuing_handlers
from bihuan.operations.duty.unattended import look_after_unattended
from bihuan.operations.starting import start_work
from bihuan.operations.surroundings import CASE, ITEM, surroundings
from bihuan.operations.timing.consequences import people_named
from bihuan.operations.timing.due_steps import hand_over_steps, run_due_steps
from bihuan.org.duty.chart import answerable_for
from bihuan.org.duty.presence import away_at, present_with_role
from bihuan.processes.finishing import TIMER
from bihuan.processes.jobs import TakenJob, enqueue, run_due, timer_handler
from bihuan.processes.models import WorkItem
from bihuan.records.models import Case

log = logging.getLogger("bihuan.operations.timing.due_work")

TELL_CLOCK = "clock.tell"
"""The kind of the job that tells about a clock whose telling failed: tried again, later each time."""


def run_due_work() -> int:
    """Everything due at this moment: timers and starts of processes, reminders of copies, then limits to be told about;
    answers how many."""
    around = surroundings()
    handlers = {TIMER: timer_handler(around), **pursuing_handlers(), **start_work(around)}
    fired = run_due(limit=100, handlers=handlers)
    return fired.taken + tell_due_clocks() + run_due_steps() + look_after_unattended()


def tell_due_clocks() -> int:
    """Tell the people concerned about limits that are nearly or wholly used up, each exactly once; answers how many.

    A warning goes to whoever holds the work (or could); a breach also to the role the limit escalates to. One clock
    that cannot be told about does not hold up the others: it becomes a job of its own.
    """
    # Looking first takes no lock: an idle worker must not stand in anybody's way on SQLite.
    first = next_moment()
    if first is None or first > clock.now():
        return 0
    with transaction.atomic():
        found = due_clocks()
        try:
            with transaction.atomic():
                _tell_all(found)
        except Exception:
            log.exception("telling %s clocks together failed; telling them one by one", len(found))
            for due in found:
                _tell_or_put_off(due)
    return len(found)


def tell_again(job: TakenJob) -> None:
    """The handler of `TELL_CLOCK`. A clock that has been stopped in time or dropped since is not told about."""
    held = Clock.unscoped.filter(pk=job.payload["clock"]).first()
    if held is not None and (held.stopped_at is None or held.breached_at is not None):
        _tell_all([DueClock(held, DueKind(job.payload["kind"]))])


def _tell_or_put_off(due: DueClock) -> None:
    try:
        with transaction.atomic():
            _tell_all([due])
    except Exception:
        log.exception("telling about clock %s failed; it will be tried again", due.clock.pk)
        enqueue(TELL_CLOCK, {"clock": due.clock.pk, "kind": due.kind.value}, site_id=due.clock.site_id)


@dataclass
class _About:
    """What the clocks of one portion are about, loaded together."""

    items: Mapping[int, WorkItem]
    cases: Mapping[int, Case]
    away: frozenset[int]
    holders: dict[tuple[str, int], frozenset[int]] = field(default_factory=dict)

    def holders_of(self, role: str, site_id: int) -> frozenset[int]:
        """The numbers of the people with the role at the site who are there now; asked once a portion."""
        if (role, site_id) not in self.holders:
            self.holders[role, site_id] = present_with_role(role, site_id)
        return self.holders[role, site_id]

    def who_has(self, item: WorkItem) -> set[int]:
        """Whoever has the work or could take it; while its holder is away, whoever answers for the site besides."""
        if item.assignee_id:
            there = item.assignee_id not in self.away
            return {item.assignee_id} | (set() if there else self.answerable(item.site_id))
        offered = _offered(item)
        if offered:
            return offered - self.away or offered | self.answerable(item.site_id)
        return {one for role in item.role.split(",") if role for one in self.holders_of(role.strip(), item.site_id)}

    def answerable(self, site_id: int) -> frozenset[int]:
        """Who answers for a site when nobody is there; asked once a portion."""
        if ("", site_id) not in self.holders:
            self.holders["", site_id] = frozenset(answerable_for(site_id))
        return self.holders["", site_id]


def _offered(item: WorkItem) -> set[int]:
    """The people an item is offered to by name."""
    return {offer.user_id for offer in item.offers.all()}


def _tell_all(found: Sequence[DueClock]) -> None:
    item_ids = [due.clock.subject_id for due in found if due.clock.subject_kind == ITEM]
    items = WorkItem.unscoped.select_related("instance").prefetch_related("offers").in_bulk(item_ids)
    case_ids = {due.clock.subject_id for due in found if due.clock.subject_kind == CASE}
    case_ids.update(item.instance.subject_id for item in items.values() if item.instance.subject_kind == CASE)
    named = {one for item in items.values() for one in (item.assignee_id, *_offered(item)) if one}
    away = away_at(clock.now(), named) if named else frozenset()
    about = _About(items, Case.unscoped.select_related("vehicle").in_bulk(case_ids), away)
    with wordings_read_once():
        notify_all([_message(due, about) for due in found])
    for due in found:
        hand_over_steps(due.clock, due.kind.value)


def _message(due: DueClock, about: _About) -> Message:
    held, late = due.clock, due.kind == DueKind.BREACH
    item = about.items.get(held.subject_id) if held.subject_kind == ITEM else None
    case_id = item.instance.subject_id if item else held.subject_id if held.subject_kind == CASE else None
    case = about.cases.get(case_id or 0)
    what = item.title if item else (case.vehicle.plate if case and case.vehicle else case.number if case else "")
    people = about.who_has(item) if item is not None else set()
    if case is not None and held.subject_kind == CASE:
        people.update(user for user in (case.technician_id, case.advisor_id) if user)
    if late and held.escalate_to.startswith("@"):
        people |= people_named((held.escalate_to,), held, case)
    elif late and held.escalate_to:
        people |= about.holders_of(held.escalate_to, held.site_id)
    unsure = provisional_words(held.unconfirmed_year)
    elsewhere = "/calls" if held.subject_kind == "call" else "/"
    url = f"/tasks/{item.pk}" if item else f"/cases/{case.pk}" if case else elsewhere
    about_it = About(
        NoticeKind.BREACH if late else NoticeKind.LIMIT,
        urgent=late,
        subject=(CASE, case.pk) if case else None,
        site_id=held.site_id,
        template="limit_breached" if late else "limit_warning",
        words={"时限": held.name, "事项": what, "暂定": unsure},
    )
    title = f"{'已超时' if late else '即将超时'}：{held.name}"
    return Message(frozenset(people), title, f"{what}（{unsure}）" if unsure else what, url, about_it)
