"""抄送 on screen: what was copied to somebody, and to whom a case was copied and who has read it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db.models import Count, Q

from bihuan.engine.definition.specs import CopyRule, Span
from bihuan.kernel.paging import Part, part_of
from bihuan.operations.pages.who_words import who_in_words
from bihuan.org.actor import Actor
from bihuan.records.copies import Subject, copies_about, copies_to, may_control, may_urge
from bihuan.records.models import CarbonCopy, CopyOn

MOST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class CopyList:
    """A page of what was copied to somebody; `unread` says whether only what they have not read is in it."""

    part: Part
    unread: bool


class Counted(NamedTuple):
    """How many copies were sent, and how many of them are read."""

    sent: int
    read: int


@dataclass(frozen=True, slots=True)
class CopyRow:
    """A copy as the page of what it is of shows it: `may_urge` and `may_withdraw` are for whoever looks at it."""

    copy: CarbonCopy
    may_urge: bool
    may_withdraw: bool


def copies_to_me(*, actor: Actor, unread: bool, number: int) -> CopyList:
    """What was copied to the actor, newest first, whatever it is of and at whatever site. Two queries."""
    rows = copies_to(actor)
    if unread:
        rows = rows.filter(unread=True)
    rows = rows.select_related("case", "case__vehicle", "site", "by").order_by("-pk")
    return CopyList(part_of(rows, number), unread)


def copies_of(subject: Subject, *, actor: Actor) -> list[CopyRow]:
    """Everybody something was copied to, newest first. One query."""
    rows = copies_about(subject).select_related("user", "by", "withdrawn_by").order_by("-pk")[:MOST_SHOWN]
    told = any(
        copy.on == CopyOn.ESCALATE and copy.user_id == actor.user_id and copy.withdrawn_at is None for copy in rows
    )
    found = []
    for copy in rows:
        live = copy.withdrawn_at is None
        urges = live and copy.unread and may_urge(copy, actor, told=told)
        found.append(CopyRow(copy, urges, live and may_control(copy, actor)))
    return found


def copies_on_diagram(instance_id: int) -> dict[str, Counted]:
    """How many copies each node of an instance has sent ("": the process), and how many of them are read. One query."""
    rows = CarbonCopy.unscoped.filter(instance_id=instance_id, withdrawn_at__isnull=True).values_list("node_id")
    counted = rows.order_by().annotate(sent=Count("pk"), read=Count("pk", filter=Q(unread=False)))
    return {node: Counted(sent, read) for node, sent, read in counted}


def wants_confirmation(copies: Iterable[CarbonCopy]) -> bool:
    """Whether any of these is still to be confirmed."""
    return any(copy.unread and copy.wants_confirmation for copy in copies)


def words_of(copy: CarbonCopy) -> str:
    """What a copy was about and by whose doing: 李晓抄送“估价”；“估价”办完时按规定抄送；上报“估价”：郑国没有确认."""
    if copy.on == CopyOn.HAND:
        return f"{copy.by.name if copy.by else '系统'}抄送“{copy.step}”"
    if copy.on == CopyOn.ESCALATE:
        return f"上报“{copy.step}”：{copy.why}"
    return f"“{copy.step}”{copy.get_on_display()}按规定抄送"


def copies_in_words(
    label: str,
    rules: Iterable[CopyRule],
    roles: Mapping[str, str],
    steps: Mapping[str, str],
    limits: Mapping[str, Any],
    *,
    event: bool = False,
) -> list[tuple[str, str]]:
    """The rules of a step as a process owner reads them: (估价估时，办完时; 服务经理，要确认已阅).

    `limits` are those of the version by key.
    """
    return [
        (
            label if event else f"{label}，{'打开时' if rule.on == 'open' else '办完时'}",
            (rule.said if rule.said.startswith("=") else who_in_words(rule.who, roles, steps))
            + (f"，条件：{rule.when.text}" if rule.when is not None else "")
            + ("，要确认已阅" if rule.confirm else "")
            + _pursuit_in_words(rule, roles, limits),
        )
        for rule in rules
    ]


def _pursuit_in_words(rule: CopyRule, roles: Mapping[str, str], limits: Mapping[str, Any]) -> str:
    """；过了 4 小时没看就提醒，再过 2 小时又提醒，最多 3 次；过了 1 天还没看就上报本人的上级."""
    told = ""
    if rule.remind is not None:
        told += f"；过了{_span_in_words(rule.remind, limits)}没看就提醒"
        if rule.every is not None and rule.every != rule.remind:
            told += f"，再过{_span_in_words(rule.every, limits)}又提醒"
        if rule.times > 1:
            told += f"，{'' if rule.every != rule.remind else '隔同样久再提醒，'}最多 {rule.times} 次"
    if rule.escalate is not None:
        whom = roles.get(rule.escalate_to, rule.escalate_to) or "本人的上级"
        told += f"；过了{_span_in_words(rule.escalate, limits)}还没看就上报{whom}"
    return told


def _span_in_words(span: Span, limits: Mapping[str, Any]) -> str:
    if span.duration is None:
        return f"“{limits[span.limit]['name']}”时限" if span.limit in limits else f"时限“{span.limit}”"
    left, parts = span.duration.seconds, [(span.duration.months, "个月"), (span.duration.days, "天")]
    hours, rest = divmod(int(left.total_seconds()), 3600)
    parts += [(hours, "小时"), (rest // 60, "分"), (rest % 60, "秒")]
    return "".join(f" {number} {unit}" for number, unit in parts if number)
