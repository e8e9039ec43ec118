"""Why a clock shows what it shows: the page a dispute is settled with, reached from every countdown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bihuan.kernel import clock as time
from bihuan.kernel.errors import NotFound
from bihuan.kernel.worktime import Why
from bihuan.limits.arithmetic import ExplainedSpan, SpanKind
from bihuan.limits.models import Clock, ClockChange, ClockPause, ClockStep
from bihuan.limits.reading import Figures, explain, figures_of
from bihuan.operations.surroundings import CASE, ITEM
from bihuan.operations.timing.clock_decisions import ACTION
from bihuan.org.actor import Actor
from bihuan.org.models import Role
from bihuan.processes.models import WorkItem
from bihuan.records.models import Case

MAX_SPANS = 500
WHY = {
    Why.OPEN: "工作时间",
    Why.MAKE_UP: "调休上班",
    Why.OFF_HOURS: "工作时间以外",
    Why.LUNCH: "午休",
    Why.BREAK: "班间休息",
    Why.REST_DAY: "休息日",
    Why.HOLIDAY: "节假日",
}
CAUSES = {
    ClockPause.Cause.TEAM: "不由该班组办理",
    ClockPause.Cause.CLOSED: "已关闭",
    ClockPause.Cause.CONDITION: "按规则暂停",
}


@dataclass(frozen=True, slots=True)
class SpanRow:
    """One stretch as the table shows it."""

    start: datetime
    end: datetime
    seconds: float
    counted: bool
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class ClockPage:
    """A clock with its numbers, every stretch of its life, and what was agreed about it. `rows` is the newest part."""

    held: Clock
    figures: Figures
    rows: list[SpanRow]
    left_out: int
    changes: list[ClockChange]
    steps: list[ClockStep]
    roles: str
    case: Case | None
    item: WorkItem | None
    calendar_name: str
    zone: str
    may_decide: bool


def clock_of(subject_kind: str, subject_id: int, key: str, *, actor: Actor) -> Clock:
    """The newest clock of a limit on a subject."""
    rows = Clock.unscoped.filter(subject_kind=subject_kind, subject_id=subject_id, key=key)
    return _permitted(rows.order_by("-pk").first(), actor)


def clock_of_item(item_id: int, *, actor: Actor) -> Clock:
    """The clock behind a work item's countdown: its own, or the one of its case that it shares."""
    item = WorkItem.unscoped.select_related("instance").filter(pk=item_id).first()
    if item is None:
        raise NotFound("没有这项工作")
    own = Clock.unscoped.filter(subject_kind=ITEM, subject_id=item.pk, key=item.limit_key)
    shared = Clock.unscoped.filter(
        subject_kind=item.instance.subject_kind, subject_id=item.instance.subject_id, key=item.limit_key
    )
    return _permitted(own.order_by("-pk").first() or shared.order_by("-pk").first(), actor)


def clock_page(clock_id: int, *, actor: Actor) -> ClockPage:
    """Everything about one clock, for whoever may see the cases of its site."""
    rows = Clock.unscoped.select_related("calendar_version", "site", "person")
    held = _permitted(rows.filter(pk=clock_id).first(), actor)
    always = held.calendar_version is None
    now = time.now()
    spans = [_row(span, always=always) for span in explain(held, now)]
    item, case = _about(held)
    keys = [key.strip() for key in held.role.split(",") if key.strip()]
    names = dict(Role.objects.filter(key__in=keys).values_list("key", "name"))
    version = held.calendar_version
    return ClockPage(
        held,
        figures_of(held, now),
        spans[-MAX_SPANS:],
        max(len(spans) - MAX_SPANS, 0),
        list(ClockChange.unscoped.filter(clock=held).select_related("by")),
        list(ClockStep.unscoped.filter(clock=held)),
        "、".join(names.get(key, key) for key in keys),
        case,
        item,
        version.content["name"] if version else "自然时间（全天计时）",
        version.content["zone"] if version else held.site.timezone,
        actor.can(ACTION, held.site_id),
    )


def _permitted(held: Clock | None, actor: Actor) -> Clock:
    if held is None or not (actor.is_system or held.site_id in actor.site_ids):
        raise NotFound("没有这个时限")
    actor.require("case.view", held.site_id)
    return held


def _about(held: Clock) -> tuple[WorkItem | None, Case | None]:
    item = None
    case_id = held.subject_id if held.subject_kind == CASE else None
    if held.subject_kind == ITEM:
        item = WorkItem.unscoped.select_related("instance").filter(pk=held.subject_id).first()
        if item is not None and item.instance.subject_kind == CASE:
            case_id = item.instance.subject_id
    return item, Case.unscoped.select_related("vehicle").filter(pk=case_id).first() if case_id else None


def _row(span: ExplainedSpan, *, always: bool) -> SpanRow:
    """`always`: the clock runs round the clock, so that no hours are kept that it could name."""
    if span.kind == SpanKind.PAUSED:
        who = str(CAUSES.get(ClockPause.Cause(span.cause), "")) if span.cause else ""
        told = f"{span.by}暂停" if span.by and not who else who or "暂停"
        reason = f"{told}：{span.reason}" if span.reason else told
        return SpanRow(span.start, span.end, span.seconds, False, "暂停", reason)
    if span.kind == SpanKind.AFTER:
        return SpanRow(span.start, span.end, span.seconds, False, "已停止", "停止以后不再计时")
    words = "全天计时" if always else WHY[span.why] if span.why else ""
    reason = f"{words}：{span.reason}" if span.reason and span.reason != words else words
    counted = span.kind == SpanKind.COUNTED
    return SpanRow(span.start, span.end, span.seconds, counted, "计时" if counted else "不计", reason)
