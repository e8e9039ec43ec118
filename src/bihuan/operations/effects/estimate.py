"""Estimate, answer of the customer, parts held back for the car (AUTO-12, AUTO-16 to AUTO-18)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from bihuan.kernel.errors import BusinessError
from bihuan.operations.registry import EffectContext, effect
from bihuan.records import lines
from bihuan.records.documents import issue_document, latest_document, void_document
from bihuan.records.models import DocumentKind, LineStatus, WorkLine
from bihuan.records.stock import release_for_line, reserve_case


def _agreed(ctx: EffectContext) -> bool:
    return bool(ctx.value("customer_answer") == "agree")


def standing_lines(case_id: int) -> list[WorkLine]:
    """Lines that count: not declined, not replaced, in order."""
    return list(WorkLine.unscoped.filter(case_id=case_id, status__in=lines.CURRENT).select_related("part", "job"))


@effect("confirm_lines")
def confirm_lines(ctx: EffectContext) -> Mapping[str, Any]:
    """The customer's answer line by line: agreed ones set the agreed hours, declined ones fall away."""
    if not _agreed(ctx):
        return {}
    declined = [row["id"] for row in ctx.values.get("lines") or [] if row.get("decision") == "declined" and row["id"]]
    if declined:
        lines.decline_lines(ctx.case.pk, declined, actor=ctx.process, reason="客户不做")
    fresh = lines.agree_lines(ctx.case.pk, actor=ctx.process)
    agreed = [line for line in standing_lines(ctx.case.pk) if line.status == LineStatus.AGREED]
    if not agreed:
        raise BusinessError("客户同意维修，但没有一项同意的作业；请核对明细，或选择“不同意”", "lines")
    sums = lines.totals(agreed, (LineStatus.AGREED,))
    if fresh or declined:
        _issue_estimate(ctx, agreed, sums)
    return {"agreed_hours": sums.hours, "estimate_yuan": sums.total_yuan}


def _issue_estimate(ctx: EffectContext, agreed: list[WorkLine], sums: lines.Totals) -> None:
    """The paper of what was agreed; an earlier one is void."""
    earlier = latest_document(ctx.case.pk, DocumentKind.ESTIMATE)
    if earlier is not None:
        void_document(earlier.pk, actor=ctx.process, reason="重新估价")
    shown = {
        "parts_yuan": sums.parts_yuan,
        "labour_yuan": sums.labour_yuan,
        "hours": sums.hours,
        "lines": [line.pk for line in agreed],
    }
    issue_document(ctx.case.pk, DocumentKind.ESTIMATE, shown, actor=ctx.process)


@effect("reserve_parts")
def reserve_parts(ctx: EffectContext) -> Mapping[str, Any]:
    """Hold the parts of agreed lines back; what is short is told, not refused, so that it can be ordered."""
    if not _agreed(ctx):
        return {}
    short = reserve_case(ctx.case.pk, actor=ctx.process)
    return {"parts_short": [row.line.description for row in short]}


@effect("replace_lines")
def replace_lines(ctx: EffectContext) -> Mapping[str, Any]:
    """The fault is not as estimated: agreed lines that the new estimate no longer shows are replaced (AUTO-17)."""
    if not _agreed(ctx):
        return {}
    rows = ctx.values.get("lines") or []
    shown = {row["id"] for row in rows if row.get("id")}
    fresh = [line for line in standing_lines(ctx.case.pk) if line.status in lines.EDITABLE]
    for line in standing_lines(ctx.case.pk):
        if line.status == LineStatus.AGREED and line.pk not in shown:
            by = fresh[0] if fresh else None
            lines.retire_line(line.pk, actor=ctx.process, replaced_by=by)
    return {}


@effect("decline_lines")
def decline_lines(ctx: EffectContext) -> Mapping[str, Any]:
    """The customer refuses: nothing more is done; what was diagnosed may be charged as one line of its own."""
    reason = str(ctx.value("refuse_reason", ""))
    open_lines = [line for line in standing_lines(ctx.case.pk) if line.status in lines.EDITABLE]
    if open_lines:
        lines.decline_lines(ctx.case.pk, [line.pk for line in open_lines], actor=ctx.process, reason=reason)
    for line in standing_lines(ctx.case.pk):
        if line.status == LineStatus.AGREED:
            lines.retire_line(line.pk, actor=ctx.process, reason=reason)
    fee = ctx.values.get("diagnosis_fee_yuan")
    if ctx.value("diagnosis_charge") == "fee" and fee:
        line = lines.add_line(
            ctx.case.pk,
            actor=ctx.process,
            description="检测费",
            raised_by="advisor",
            labour_fee_yuan=Decimal(fee),
        )
        lines.agree_lines(ctx.case.pk, [line.pk], actor=ctx.process)
        lines.mark_line_done(line.pk, actor=ctx.process)
    return {"refused": True}


@effect("release_parts")
def release_parts(ctx: EffectContext) -> None:
    """Nothing is held back for this car any more."""
    for line in WorkLine.unscoped.filter(case_id=ctx.case.pk, part__isnull=False, reserved_quantity__gt=0):
        release_for_line(line.pk, actor=ctx.process, reason="客户不修")
