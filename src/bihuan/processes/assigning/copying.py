"""Finding whom a step is copied to (抄送, `bihuan:cc`): by the same words as who does it, and all of them."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from bihuan.engine.definition.iso8601 import later
from bihuan.engine.definition.specs import CopyRule, Span
from bihuan.engine.runtime import CopyRequested, ItemOpened
from bihuan.org.duty.staff import Staff
from bihuan.processes.assigning.sources import SOURCES, Question
from bihuan.processes.contract import Copied
from bihuan.processes.finishing import moments_of
from bihuan.processes.rows import Loaded
from bihuan.processes.unit import Unit

MOST_PEOPLE = 200
"""Told by one rule; who wants more means a notice board."""


def find_copied(unit: Unit, instance: Loaded, event: CopyRequested) -> None:
    """Find the people of a rule. That nobody is found, or it could not be worked out, is kept as its reason."""
    node = instance.process.nodes.get(event.node)
    rule = (node.copies if node is not None else instance.process.copies)[event.rule]
    name = node.label if node is not None else instance.process.name
    # The sources of who does a step are asked as if one opened for these people.
    asked = ItemOpened(0, event.node, 0, name, node.extension.role if node is not None else "", event.people)
    # What is only told may go to people of other sites, if the rule names them.
    staff = Staff(instance.facts.site_id, unit.now, anywhere=True)
    question = Question(unit, instance, asked, rule.who, staff)
    people, why = ((), f"没有送出：{event.failure}") if event.failure else _found(question)
    names = tuple(staff.name(user) for user in people)
    reminders = _reminders(question, rule) if people else ()
    escalate_at = _after(question, rule.escalate, unit.now) if people else None
    instance.copies.append(
        Copied(
            event.node, name, rule.on, people, names, why, rule.confirm, rule.note, reminders, escalate_at,
            rule.escalate_to,
        )
    )  # fmt: skip


def _reminders(question: Question, rule: CopyRule) -> tuple[datetime, ...]:
    """When whoever has not confirmed is reminded."""
    moments = [question.unit.now]
    for span in (rule.remind, *[rule.every] * (rule.times - 1)):
        at = _after(question, span, moments[-1])
        # The clock of a case that is over already gives no further moment.
        if at is None or (len(moments) > 1 and at <= moments[-1]):
            break
        moments.append(at)
    return tuple(moments[1:])


def _after(question: Question, span: Span | None, at: datetime) -> datetime | None:
    """The moment so long after another; None without a span, or if its time limit has no end."""
    unit, instance = question.unit, question.instance
    if span is None:
        return None
    if span.duration is not None:
        return later(at, span.duration, ZoneInfo(instance.facts.timezone))
    return moments_of(unit, instance, question.event, span.limit, at)[0]


def _found(question: Question) -> tuple[tuple[int, ...], str]:
    rule, staff = question.rule, question.staff
    found = SOURCES[rule.source](question)
    # Whoever does the step knows of it.
    people = tuple(user for user in found.people[:MOST_PEOPLE] if user != question.unit.actor.user_id)
    if not people:
        return (), f"没有找到{found.words}的{'其他' if found.people else ''}人"
    # Who is on leave is told for later, and so is whoever acts for them, so that it is read in time.
    away = [user for user in people if user in staff.away]
    role = rule.argument or question.event.role if rule.source == "role" else ""
    deputies = staff.deputies(away, role, question.instance.facts.process_id) if away else ()
    return tuple(dict.fromkeys([*people, *(user for user, _ in deputies)])), found.words
