"""Lines of work on a case: raised, priced, agreed, replaced, done; and what they add up to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db import transaction
from django.db.models import Max

from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, NotFound
from bihuan.kernel.money import ZERO, yuan
from bihuan.org.actor import Actor
from bihuan.records.access import lock_case, note_on_case, required_text
from bihuan.records.models import Case, JobType, LineStatus, Part, WorkLine
from bihuan.records.stock import release_line

EDITABLE = (LineStatus.REQUESTED, LineStatus.ESTIMATED)
CURRENT = (LineStatus.REQUESTED, LineStatus.ESTIMATED, LineStatus.AGREED, LineStatus.DONE)
MAX_LINES = 200
MAX_AMOUNT = Decimal(1_000_000)
_SHOWN = (
    "description", "raised_by", "job_id", "part_id", "quantity", "part_price_yuan", "labour_hours", "labour_fee_yuan",
    "status", "round",
)  # fmt: skip


@dataclass(frozen=True)
class Totals:
    """What lines add up to: parts and labour in yuan, hours of labour."""

    parts_yuan: Decimal
    labour_yuan: Decimal
    hours: Decimal

    @property
    def total_yuan(self) -> Decimal:
        """Parts and labour together."""
        return self.parts_yuan + self.labour_yuan


def totals(lines: Iterable[WorkLine], statuses: Sequence[str] = CURRENT) -> Totals:
    """The sums over the lines that count: those neither declined nor replaced, unless other statuses are named."""
    counted = [line for line in lines if line.status in statuses]
    return Totals(
        parts_yuan=sum((line.parts_fee_yuan for line in counted), ZERO),
        labour_yuan=sum((yuan(line.labour_fee_yuan) for line in counted), ZERO),
        hours=sum((line.labour_hours for line in counted), ZERO),
    )


@transaction.atomic
def add_line(
    case_id: int, *, actor: Actor, description: str = "", raised_by: str = "customer", **values: Any
) -> WorkLine:
    """Add a line: `job_id`, `part_id`, `quantity`, and, to depart from the catalogue, `part_price_yuan`,
    `labour_hours`, `labour_fee_yuan`. The description defaults to the name of the job or part."""
    case = lock_case(case_id, actor=actor)
    line = _build(case, actor, {**values, "description": description, "raised_by": raised_by})
    _insert(case, line)
    note_on_case(actor, "line.added", case, data={"line": line.pk}, after=_snapshot(line))
    return line


@transaction.atomic
def change_line(line_id: int, *, actor: Actor, **values: Any) -> WorkLine:
    """Change a line that the customer has not answered yet; the values are those of `add_line`."""
    case, line = lock_line(line_id, actor=actor)
    if line.status not in EDITABLE:
        raise BusinessError(f"“{line.description}”客户已经答复，不能直接修改；请重新估价")
    before = _snapshot(line)
    kept = {field: before[field] for field in ("description", "raised_by", "job_id", "part_id", "quantity")}
    if not {"job_id", "part_id"} & {key for key in values if values[key] != before[key]}:
        kept |= {field: before[field] for field in ("part_price_yuan", "labour_hours", "labour_fee_yuan")}
    fresh = _build(case, actor, {**kept, **values}, priced_before=before)
    if (line.part_id, line.quantity) != (fresh.part_id, fresh.quantity):
        release_line(line, actor=actor)
    for field in _SHOWN:
        if field != "round":
            setattr(line, field, getattr(fresh, field))
    line.save(update_fields=[field for field in _SHOWN if field != "round"])
    note_on_case(actor, "line.changed", case, data={"line": line.pk}, before=before, after=_snapshot(line))
    return line


@transaction.atomic
def replace_line(line_id: int, *, actor: Actor, **values: Any) -> WorkLine:
    """The fault is not as estimated: the old line stays as `replaced`, a new one opens the next round (AUTO-17)."""
    case, old = lock_line(line_id, actor=actor)
    actor.require("estimate.manage", case.site_id)
    if old.status not in (*EDITABLE, LineStatus.AGREED):
        raise BusinessError(f"“{old.description}”已是“{old.get_status_display()}”，不能替换")
    if old.issued_quantity:
        raise BusinessError(f"“{old.description}”的配件已经领出，请先退料")
    release_line(old, actor=actor)
    line = _build(case, actor, {"raised_by": "technician", **values})
    line.round, line.replaces = old.round + 1, old
    _insert(case, line)
    _set_status(old, LineStatus.REPLACED)
    note_on_case(actor, "line.replaced", case, data={"line": old.pk, "by": line.pk}, after=_snapshot(line))
    return line


@transaction.atomic
def remove_line(line_id: int, *, actor: Actor) -> None:
    """Take back a line raised by mistake, before the customer answered."""
    case, line = lock_line(line_id, actor=actor)
    if line.status not in EDITABLE or line.stock_moves.exists():
        raise BusinessError(f"“{line.description}”已经估价答复或动用过库存，不能删除")
    before = _snapshot(line)
    line.delete()
    note_on_case(actor, "line.removed", case, data={"line": line_id}, before=before)


@transaction.atomic
def write_lines(case_id: int, rows: Sequence[Mapping[str, Any]], *, actor: Actor) -> list[WorkLine]:
    """Bring the case's unanswered lines to what a form shows: rows with `id` change that line, others are added.

    Lines that the form no longer shows are removed; answered ones are left alone.
    """
    if len(rows) > MAX_LINES:
        raise BusinessError(f"一张单据最多 {MAX_LINES} 行作业")
    case = lock_case(case_id, actor=actor)
    there = {line.pk: line for line in WorkLine.unscoped.filter(case=case)}
    shown: set[int] = set()
    for row in rows:
        values = {key: value for key, value in row.items() if key != "id"}
        if not row.get("id"):
            shown.add(add_line(case_id, actor=actor, **values).pk)
            continue
        line = there.get(int(row["id"]))
        if line is None:
            raise NotFound("这行作业不在这张单据上")
        shown.add(line.pk)
        if line.status in EDITABLE:
            change_line(line.pk, actor=actor, **values)
    for line in there.values():
        if line.pk not in shown and line.status in EDITABLE:
            remove_line(line.pk, actor=actor)
    return list(WorkLine.unscoped.filter(case=case).order_by("seq"))


@transaction.atomic
def agree_lines(case_id: int, line_ids: Iterable[int] | None = None, *, actor: Actor) -> list[WorkLine]:
    """The customer agrees to the lines (all unanswered ones by default); the case's agreed hours are their sum."""
    case = lock_case(case_id, actor=actor)
    actor.require("estimate.manage", case.site_id)
    lines = _answerable(case, line_ids)
    for line in lines:
        _set_status(line, LineStatus.AGREED)
    standing = list(WorkLine.unscoped.filter(case=case))
    case.agreed_hours = totals(standing, (LineStatus.AGREED, LineStatus.DONE)).hours
    case.save(update_fields=["agreed_hours"])
    data = {"lines": [line.pk for line in lines], "agreed_hours": case.agreed_hours}
    note_on_case(actor, "lines.agreed", case, data=data)
    return lines


@transaction.atomic
def decline_lines(
    case_id: int, line_ids: Iterable[int] | None = None, *, actor: Actor, reason: str = ""
) -> list[WorkLine]:
    """The customer does not want the lines; their parts are no longer held back."""
    case = lock_case(case_id, actor=actor)
    actor.require("estimate.manage", case.site_id)
    lines = _answerable(case, line_ids)
    for line in sorted(lines, key=lambda line: line.part_id or 0):
        release_line(line, actor=actor)
        _set_status(line, LineStatus.DECLINED)
    note_on_case(actor, "lines.declined", case, data={"lines": [line.pk for line in lines], "reason": reason[:200]})
    return lines


@transaction.atomic
def retire_line(line_id: int, *, actor: Actor, replaced_by: WorkLine | None = None, reason: str = "") -> WorkLine:
    """An agreed line is taken off before it was done: replaced by another (AUTO-17), or refused after all.

    Its parts are no longer held back; parts already drawn must be returned first.
    """
    case, line = lock_line(line_id, actor=actor)
    actor.require("estimate.manage", case.site_id)
    if line.status != LineStatus.AGREED:
        raise BusinessError(f"“{line.description}”已是“{line.get_status_display()}”，不能撤下")
    if line.issued_quantity:
        raise BusinessError(f"“{line.description}”的配件已经领出，请先退料")
    release_line(line, actor=actor)
    _set_status(line, LineStatus.REPLACED if replaced_by else LineStatus.DECLINED)
    if replaced_by is not None:
        replaced_by.replaces, replaced_by.round = line, line.round + 1
        replaced_by.save(update_fields=["replaces", "round"])
    data = {"line": line.pk, "by": replaced_by.pk if replaced_by else None, "reason": reason[:200]}
    note_on_case(actor, "line.retired", case, data=data)
    return line


@transaction.atomic
def mark_line_done(line_id: int, *, actor: Actor, old_part_present: bool | None = None) -> WorkLine:
    """The work of an agreed line is finished; nothing that was not agreed can be done."""
    case, line = lock_line(line_id, actor=actor)
    if line.status == LineStatus.DONE:
        return line
    if line.status != LineStatus.AGREED:
        raise BusinessError(f"“{line.description}”没有客户同意，不能标记完工")
    line.status, line.done_at, line.done_by_id = LineStatus.DONE, clock.now(), actor.user_id
    line.old_part_present = old_part_present
    line.save(update_fields=["status", "done_at", "done_by", "old_part_present"])
    note_on_case(actor, "line.done", case, data={"line": line.pk, "old_part_present": old_part_present})
    return line


@transaction.atomic
def inspect_line(line_id: int, *, actor: Actor, passed: bool) -> WorkLine:
    """The technical director's verdict on a finished line; a failed one goes back to be done again (AUTO-20)."""
    case, line = lock_line(line_id, actor=actor)
    if line.status != LineStatus.DONE:
        raise BusinessError(f"“{line.description}”还没有完工，不能检验")
    line.inspected_ok = passed
    if not passed:
        line.status, line.done_at = LineStatus.AGREED, None
    line.save(update_fields=["inspected_ok", "status", "done_at"])
    note_on_case(actor, "line.inspected", case, data={"line": line.pk, "passed": passed})
    return line


def lock_line(line_id: int, *, actor: Actor) -> tuple[Case, WorkLine]:
    """The line for writing, with its case locked first so that writers of one case queue up."""
    found = WorkLine.unscoped.filter(pk=line_id).values_list("case_id", flat=True).first()
    if found is None:
        raise NotFound("没有这行作业")
    case = lock_case(found, actor=actor)
    line = WorkLine.unscoped.filter(pk=line_id).select_related("part", "job").first()
    if line is None:
        raise NotFound("没有这行作业")
    return case, line


def _answerable(case: Case, line_ids: Iterable[int] | None) -> list[WorkLine]:
    lines = list(WorkLine.unscoped.filter(case=case, status__in=EDITABLE).order_by("seq"))
    if line_ids is None:
        return lines
    wanted = set(line_ids)
    chosen = [line for line in lines if line.pk in wanted]
    if len(chosen) != len(wanted):
        raise BusinessError("有的作业已经答复过，或不在这张单据上，请刷新")
    return chosen


def _build(
    case: Case, actor: Actor, values: dict[str, Any], priced_before: Mapping[str, Any] | None = None
) -> WorkLine:
    allowed = {*_SHOWN, "labour_fee_yuan"} - {"round", "status"}
    unknown = set(values) - allowed
    if unknown:
        raise BusinessError(f"作业行没有这些栏目: {'、'.join(sorted(unknown))}")
    job, part = _job(case, values.get("job_id")), _part(values.get("part_id"))
    name = job.name if job else part.name if part else ""
    raised_by = values.get("raised_by", "customer")
    if raised_by not in ("customer", "technician", "advisor"):
        raise BusinessError("提出人只能是客户、技师或服务顾问", "raised_by")
    quantity = amount(values.get("quantity"), "数量", "quantity", default=Decimal(1)) if part else Decimal(0)
    if part and quantity <= 0:
        raise BusinessError(f"“{part.name}”的数量要大于 0", "quantity")
    hours = amount(values.get("labour_hours"), "工时", "labour_hours", default=job.hours if job else ZERO)
    usual = {
        "part_price_yuan": part.price_yuan if part else ZERO,
        "labour_fee_yuan": yuan(hours * job.rate_yuan_per_hour) if job else ZERO,
    }
    asked = {
        "part_price_yuan": amount(
            values.get("part_price_yuan"), "配件单价", "part_price_yuan", usual["part_price_yuan"]
        ),
        "labour_fee_yuan": amount(values.get("labour_fee_yuan"), "工时费", "labour_fee_yuan", usual["labour_fee_yuan"]),
    }
    if any(asked[key] not in (usual[key], (priced_before or {}).get(key)) for key in usual):
        actor.require("estimate.manage", case.site_id)
    priced = bool(job or part or asked["labour_fee_yuan"])
    return WorkLine(
        case=case,
        raised_by=raised_by,
        description=required_text(values.get("description") or name, label="作业内容", field="description", limit=300),
        job=job,
        part=part,
        quantity=quantity,
        labour_hours=hours,
        status=LineStatus.ESTIMATED if priced else LineStatus.REQUESTED,
        **asked,
    )


def _insert(case: Case, line: WorkLine) -> None:
    last = WorkLine.unscoped.filter(case=case).aggregate(last=Max("seq"))["last"] or 0
    if last >= MAX_LINES:
        raise BusinessError(f"一张单据最多 {MAX_LINES} 行作业")
    line.seq = last + 1
    line.save()


def _set_status(line: WorkLine, status: LineStatus) -> None:
    line.status = status
    line.save(update_fields=["status"])


def _job(case: Case, job_id: Any) -> JobType | None:
    if not job_id:
        return None
    job = JobType.objects.at(case.site_id).filter(pk=job_id).first()
    if job is None:
        raise NotFound("本店没有这个作业项目", "job_id")
    return job


def _part(part_id: Any) -> Part | None:
    if not part_id:
        return None
    part = Part.objects.filter(pk=part_id).first()
    if part is None:
        raise NotFound("没有这种配件", "part_id")
    return part


def amount(value: Any, label: str, field: str, default: Decimal = ZERO) -> Decimal:
    """A number from a form or a workbook with two places; refused when negative, absurd or no number."""
    if value is None or value == "":
        return default
    try:
        number = Decimal(str(value))
        if not number.is_finite() or not 0 <= number <= MAX_AMOUNT:
            raise BusinessError(f"{label}应在 0 到 {MAX_AMOUNT:,} 之间", field)
        rounded = yuan(number)
    except (InvalidOperation, ValueError):
        raise BusinessError(f"{label}应是数字", field) from None
    if rounded != number:
        raise BusinessError(f"{label}最多两位小数", field)
    return rounded


def _snapshot(line: WorkLine) -> dict[str, Any]:
    return {field: getattr(line, field) for field in _SHOWN}
