"""Finding whom a step is copied to (抄送, `bihuan:cc`): by the same words as who does it, and all of them."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from bihuan.engine.definition.iso8601 import later
from bihuan.engine.definition.model import CopyRule
from bihuan.engine.runtime import CopyRequested, ItemOpened
from bihuan.org.duty.staff import Staff
from bihuan.processes.assigning.sources import SOURCES, Question
from bihuan.processes.contract import Copied
from bihuan.processes.rows import Loaded
from bihuan.processes.unit import Unit

MOST_PEOPLE = 200
"""Told by one rule; who wants more means a notice board."""


def find_copied(unit: Unit, instance: Loaded, event: CopyRequested) -> None:
    """Find the people of a rule. That nobody is found, or it could not be worked out, is kept as its reason."""
    node = instance.process.nodes.get(event.node)
    rule = (node.copies if node is not None else instance.process.copies)[event.rule]
    name = node.label if node is not None else instance.process.name
    # What is only told may go to people of other sites, if the rule names them.
    staff = Staff(instance.facts.site_id, unit.now, anywhere=True)
    people, why = ((), f"没有送出：{event.failure}") if event.failure else _found(unit, instance, event, rule, staff)
    zone = ZoneInfo(instance.facts.timezone)
    remind_at = later(unit.now, rule.remind, zone) if rule.remind is not None and people else None
    names = tuple(staff.name(user) for user in people)
    instance.copies.append(Copied(event.node, name, rule.on, people, names, why, rule.confirm, rule.note, remind_at))


def _found(
    unit: Unit, instance: Loaded, event: CopyRequested, rule: CopyRule, staff: Staff
) -> tuple[tuple[int, ...], str]:
    node = instance.process.nodes.get(event.node)
    role = node.extension.role if node is not None else ""
    asked = ItemOpened(0, event.node, 0, "", role, event.people)
    found = SOURCES[rule.who.source](Question(unit, instance, asked, rule.who, staff))
    # Whoever does the step knows of it.
    people = tuple(user for user in found.people[:MOST_PEOPLE] if user != unit.actor.user_id)
    if not people:
        return (), f"没有找到{found.words}的{'其他' if found.people else ''}人"
    # Who is on leave is told for later, and so is whoever acts for them, so that it is read in time.
    away = [user for user in people if user in staff.away]
    role = rule.who.argument or role if rule.who.source == "role" else ""
    deputies = staff.deputies(away, role, instance.facts.process_id) if away else ()
    return tuple(dict.fromkeys([*people, *(user for user, _ in deputies)])), found.words
