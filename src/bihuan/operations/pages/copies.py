"""抄送 on screen: what was copied to somebody, and to whom a case was copied and who has read it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bihuan.engine.definition.specs import CopyRule
from bihuan.kernel.paging import Part, part_of
from bihuan.operations.pages.who_words import who_in_words
from bihuan.org.actor import Actor
from bihuan.records.copies import copies_to, may_control
from bihuan.records.models import Case, CaseCopy, CopyOn

MOST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class CopyList:
    """A page of what was copied to somebody; `unread` says whether only what they have not read is in it."""

    part: Part
    unread: bool


@dataclass(frozen=True, slots=True)
class CopyRow:
    """A copy as the case shows it: `may_urge` and `may_withdraw` are for whoever looks at it."""

    copy: CaseCopy
    may_urge: bool
    may_withdraw: bool


def copies_to_me(*, actor: Actor, unread: bool, number: int) -> CopyList:
    """What was copied to the actor, newest first, whatever site it is of. Two queries."""
    rows = copies_to(actor)
    if unread:
        rows = rows.filter(unread=True)
    rows = rows.select_related("case", "case__site", "case__vehicle", "by").order_by("-pk")
    return CopyList(part_of(rows, number), unread)


def copies_of_case(case: Case, *, actor: Actor) -> list[CopyRow]:
    """Everybody a case was copied to, newest first. One query."""
    rows = CaseCopy.unscoped.filter(case_id=case.pk).select_related("user", "by", "withdrawn_by").order_by("-pk")
    found = []
    for copy in rows[:MOST_SHOWN]:
        copy.case = case
        live = copy.withdrawn_at is None and may_control(copy, actor)
        found.append(CopyRow(copy, live and copy.unread, live))
    return found


def words_of(copy: CaseCopy) -> str:
    """What a copy was about and by whose doing: 李晓抄送“估价”；“估价”办完时按规定抄送."""
    if copy.on == CopyOn.HAND:
        return f"{copy.by.name if copy.by else '系统'}抄送“{copy.step}”"
    return f"“{copy.step}”{copy.get_on_display()}按规定抄送"


def copies_in_words(
    label: str, rules: Iterable[CopyRule], roles: Mapping[str, str], steps: Mapping[str, str], *, event: bool = False
) -> list[tuple[str, str]]:
    """The rules of a step as a process owner reads them: (估价估时，办完时; 服务经理，要确认已阅)."""
    return [
        (
            label if event else f"{label}，{'打开时' if rule.on == 'open' else '办完时'}",
            (rule.said if rule.said.startswith("=") else who_in_words(rule.who, roles, steps))
            + (f"，条件：{rule.when.text}" if rule.when is not None else "")
            + ("，要确认已阅" if rule.confirm else ""),
        )
        for rule in rules
    ]
