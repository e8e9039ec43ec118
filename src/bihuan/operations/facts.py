"""A read-only view of a case: what conditions, forms and standard scripts may know about it.

No fact lives in both records and process variables: conditions read records through `case_facts`, scripts through
`script_words`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.dateparse import parse_datetime

from bihuan.accounts.models import User
from bihuan.kernel.money import format_yuan
from bihuan.org.actor import Actor
from bihuan.org.models import Role
from bihuan.records.models import Appointment, Case, JobType, LineStatus, Settlement, WorkLine

PLACEHOLDER = re.compile(r"\{([^{}\n]{1,20})\}")
WEEKDAYS = "一二三四五六日"
LIVE_LINES = (LineStatus.REQUESTED, LineStatus.ESTIMATED, LineStatus.AGREED, LineStatus.DONE)


class CaseFacts:
    """The facts of one case, each read from the database at most once and only when asked for."""

    def __init__(self, case: Case, actor: Actor) -> None:
        self.case = case
        self.actor = actor

    @cached_property
    def lines(self) -> list[WorkLine]:
        """The lines that still count (not declined, not replaced), in order."""
        return list(WorkLine.unscoped.filter(case_id=self.case.pk, status__in=LIVE_LINES).select_related("job", "part"))

    @cached_property
    def appointment(self) -> Appointment | None:
        """The appointment this case came from, or is about."""
        if self.case.appointment_id:
            return self.case.appointment
        return Appointment.unscoped.filter(case_id=self.case.pk).order_by("-pk").first()

    @cached_property
    def settlement(self) -> Settlement | None:
        """The bill, once drawn up."""
        return Settlement.unscoped.filter(case_id=self.case.pk).first()

    @cached_property
    def sheets(self) -> dict[str, dict[str, Any]]:
        """All sheets of the case by kind."""
        return {sheet.kind: sheet.data for sheet in self.case.sheets.all()}

    @cached_property
    def zone(self) -> ZoneInfo:
        """The site's zone."""
        return ZoneInfo(self.case.site.timezone)

    @property
    def parts_yuan(self) -> Decimal:
        """Parts of all live lines, in yuan."""
        return sum((line.parts_fee_yuan for line in self.lines), Decimal("0.00"))

    @property
    def labour_yuan(self) -> Decimal:
        """Labour of all live lines, in yuan."""
        return sum((line.labour_fee_yuan for line in self.lines), Decimal("0.00"))

    @property
    def hours(self) -> Decimal:
        """Labour hours of all live lines."""
        return sum((line.labour_hours for line in self.lines), Decimal(0))

    def local(self, at: datetime | None) -> str:
        """A moment in the site's zone as people say it: 11月02日（周一）09:30."""
        if at is None:
            return ""
        there = at.astimezone(self.zone)
        return f"{there:%m月%d日}（周{WEEKDAYS[there.weekday()]}）{there:%H:%M}"


def case_facts(case: Case) -> dict[str, Any]:
    """What expressions see as `case`, `customer` and `vehicle`: plain values of the case's own rows."""
    customer, vehicle = case.customer, case.vehicle
    return {
        "case": {
            "id": Decimal(case.pk),
            "number": case.number,
            "kind": case.kind,
            "waiting_mode": case.waiting_mode,
            "stamp": case.stamp,
            "agreed_hours": case.agreed_hours,
            "agreed_done_at": case.agreed_done_at,
            "work_started_at": case.work_started_at,
            "advisor": _id(case.advisor_id),
            "technician": _id(case.technician_id),
            "bay": case.bay,
            "phone": case.phone,
            "appointment": _id(case.appointment_id),
            "released_at": case.released_at,
        },
        "customer": {"id": _id(customer.pk), "name": customer.name} if customer else None,
        "vehicle": {"id": _id(vehicle.pk), "plate": vehicle.plate, "mileage_km": _id(vehicle.mileage_km)}
        if vehicle
        else None,
    }


def _id(value: int | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def script_words(facts: CaseFacts, variables: Mapping[str, Any] = MappingProxyType({})) -> dict[str, str]:
    """The words that fill the placeholders of a standard script; empty when the fact is not known yet (AUTO-32).

    What the process has worked out for this visit (`variables`) comes before what was kept from the last one.
    """
    case, actor = facts.case, facts.actor
    customer, vehicle, appointment = case.customer, case.vehicle, facts.appointment
    bill = facts.settlement
    total = bill.total_yuan if bill else facts.parts_yuan + facts.labour_yuan
    technician = (appointment.technician if appointment and appointment.technician_id else None) or case.technician
    asked = _asked_for(facts) if appointment is None else {}
    next_km = variables.get("下次保养里程") or (vehicle.next_service_km if vehicle else None)
    next_on = variables.get("下次保养日期") or (vehicle.next_service_on if vehicle else None)
    return {
        "门店": case.site.name,
        "门店电话": case.site.phone,
        "本人": actor.name,
        "岗位": "、".join(Role.objects.filter(key__in=actor.roles_at(case.site_id)).values_list("name", flat=True)),
        "客户": customer.name if customer else "",
        "称呼": customer.called if customer else "",
        "电话": case.phone or (customer.phone if customer else ""),
        "车牌": vehicle.plate if vehicle else "",
        "车型": vehicle.label if vehicle else "",
        "里程": f"{case.mileage_km:,} 公里" if case.mileage_km else "",
        "项目": "、".join(line.description for line in facts.lines)
        or _appointment_jobs(appointment)
        or asked.get("项目", ""),
        "项目明细": "；".join(_spoken(number, line) for number, line in enumerate(facts.lines, 1)),
        "配件费": format_yuan(bill.parts_yuan if bill else facts.parts_yuan),
        "工时费": format_yuan(bill.labour_yuan if bill else facts.labour_yuan),
        "优惠": format_yuan(bill.discount_yuan) if bill else "",
        "金额": format_yuan(total),
        "金额说明": _total_explained(bill) if bill else format_yuan(total),
        "工时": f"{case.agreed_hours or facts.hours:.1f} 小时",
        "预约时间": facts.local(appointment.starts_at) if appointment else asked.get("预约时间", ""),
        "特别要求": appointment.request if appointment else asked.get("特别要求", ""),
        "技师": technician.name if technician else asked.get("技师", ""),
        "顾问": case.advisor.name if case.advisor else "",
        "完工时间": facts.local(case.agreed_done_at),
        "单号": case.number,
        "工位": case.bay,
        "下次保养里程": f"{next_km:,} 公里" if next_km else "",
        "下次保养日期": f"{next_on:%Y年%m月%d日}" if next_on else "",
    }


SCRIPT_WORDS = (
    "门店", "门店电话", "本人", "岗位", "客户", "称呼", "电话", "车牌", "车型", "里程", "项目", "项目明细", "配件费",
    "工时费", "优惠", "金额", "金额说明", "工时", "预约时间", "特别要求", "技师", "顾问", "完工时间", "单号", "工位",
    "下次保养里程", "下次保养日期",
)  # fmt: skip


def _total_explained(bill: Settlement) -> str:
    """The total as it is said to the customer: when it is not the sum of the lines, how it comes about."""
    said = [format_yuan(bill.parts_yuan + bill.labour_yuan)]
    said += [f"优惠 {format_yuan(bill.discount_yuan)}"] if bill.discount_yuan else []
    said += [f"更正 {format_yuan(bill.correction_yuan)}"] if bill.correction_yuan else []
    return "，".join([*said, f"应付 {format_yuan(bill.total_yuan)}"] if len(said) > 1 else said)


def _spoken(number: int, line: WorkLine) -> str:
    parts = f"配件 {format_yuan(line.parts_fee_yuan)}，" if line.part_id else ""
    labour = f"工时费 {format_yuan(line.labour_fee_yuan)}，{line.labour_hours:.1f} 小时"
    return f"第{number}项 {line.description}：{parts}{labour}"


def _asked_for(facts: CaseFacts) -> dict[str, str]:
    """What was noted down for an appointment that is not on the board yet, for reading it back (AUTO-04)."""
    sheet = facts.sheets.get("appointment")
    if not sheet:
        return {}
    rows = [row for row in sheet.get("jobs") or [] if isinstance(row, dict)]
    wanted = JobType.unscoped.filter(pk__in=[row["job_id"] for row in rows if row.get("job_id")])
    jobs = dict(wanted.values_list("pk", "name"))
    named = User.objects.filter(pk=sheet["technician"]).first() if sheet.get("technician") else None
    return {
        "项目": "、".join(jobs.get(int(row.get("job_id") or 0)) or str(row.get("description") or "") for row in rows),
        "预约时间": facts.local(parse_datetime(str(sheet.get("starts_at") or ""))),
        "特别要求": str(sheet.get("request") or ""),
        "技师": named.name if named else "不指定",
    }


def _appointment_jobs(appointment: Appointment | None) -> str:
    return "、".join(job.name for job in appointment.jobs.all()) if appointment else ""


def fill_script(body: str, words: Mapping[str, str]) -> str:
    """The script with its placeholders filled; what is not known stays visible as a blank to say freely."""
    return PLACEHOLDER.sub(lambda match: words.get(match.group(1)) or "＿＿", body)
