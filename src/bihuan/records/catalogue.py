"""Jobs and parts with their prices, kept by the site and by the organisation."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction

from bihuan.audit.log import changes
from bihuan.kernel.errors import BusinessError, Conflict, NotFound
from bihuan.org.actor import Actor
from bihuan.records.access import current_site, note, optional_text, require_anywhere, required_text
from bihuan.records.lines import amount
from bihuan.records.models import JobType, Part, SlotCapacity
from bihuan.records.search_keys import pinyin_of, plain

_JOB_FIELDS = ("code", "name", "hours", "rate_yuan_per_hour", "is_maintenance", "active")
_PART_FIELDS = ("code", "name", "unit", "price_yuan", "active")


@transaction.atomic
def save_job(*, actor: Actor, site_id: int | None = None, job_id: int | None = None, **values: Any) -> JobType:
    """Add a job to a site's catalogue, or change the named fields of one (`job_id`)."""
    site = current_site(actor, site_id)
    actor.require("master.manage", site.pk)
    job = JobType(site=site)
    if job_id is not None:
        found = JobType.objects.at(site.pk).select_for_update().filter(pk=job_id).first()
        if found is None:
            raise NotFound("本店没有这个作业项目")
        job = found
    before = {field: getattr(job, field) for field in _JOB_FIELDS} if job_id else {}
    for field, value in clean_job(values, whole=job_id is None).items():
        setattr(job, field, value)
    job.initials = pinyin_of(job.name)[1]
    old, new = changes(before, {field: getattr(job, field) for field in _JOB_FIELDS})
    if new:
        _save(job, f"作业项目编码“{job.code}”已经有了")
        note(actor, "job.saved", f"job:{job.pk}", site_id=site.pk, before=old, after=new)
    return job


@transaction.atomic
def save_part(*, actor: Actor, part_id: int | None = None, **values: Any) -> Part:
    """Add a part to the list, or change the named fields of one; a new price holds for new estimates only."""
    require_anywhere(actor, "stock.manage")
    part = Part()
    if part_id is not None:
        found = Part.objects.select_for_update().filter(pk=part_id).first()
        if found is None:
            raise NotFound("没有这种配件")
        part = found
    before = {field: getattr(part, field) for field in _PART_FIELDS} if part_id else {}
    for field, value in clean_part(values, whole=part_id is None).items():
        setattr(part, field, value)
    part.initials = pinyin_of(part.name)[1]
    old, new = changes(before, {field: getattr(part, field) for field in _PART_FIELDS})
    if new:
        _save(part, f"配件编码“{part.code}”已经有了")
        note(actor, "part.saved", f"part:{part.pk}", site_id=actor.site_id, before=old, after=new)
    return part


@transaction.atomic
def set_capacity(
    *, actor: Actor, weekday: int, starts: Any, capacity: int, minutes: int = 60, site_id: int | None = None
) -> SlotCapacity:
    """How many arrivals the site takes in one weekly slot (weekday 0 is Monday, `starts` a local time)."""
    site = current_site(actor, site_id)
    actor.require("master.manage", site.pk)
    if not 0 <= weekday <= 6 or not 0 <= capacity <= 500 or not 5 <= minutes <= 1440:
        raise BusinessError("时段设置不对：星期、容量或时长超出范围")
    slot, _ = SlotCapacity.unscoped.update_or_create(
        site=site, weekday=weekday, starts=starts, defaults={"capacity": capacity, "minutes": minutes}
    )
    after = {"weekday": weekday, "starts": starts, "minutes": minutes, "capacity": capacity}
    note(actor, "capacity.set", f"site:{site.pk}", site_id=site.pk, after=after)
    return slot


def clean_job(values: dict[str, Any], *, whole: bool) -> dict[str, Any]:
    """The given fields of a job checked; all of code, name, hours and rate are needed when `whole`."""
    _refuse_unknown(values, _JOB_FIELDS, "作业项目")
    clean = _clean_code_and_name(values, whole=whole, code_limit=30)
    for field, label, most in (
        ("hours", "标准工时", Decimal(999)),
        ("rate_yuan_per_hour", "工时单价", Decimal(100_000)),
    ):
        if whole or field in values:
            clean[field] = _required_amount(values.get(field), label, field, most)
    for field in ("is_maintenance", "active"):
        if field in values:
            clean[field] = bool(values[field])
    return clean


def clean_part(values: dict[str, Any], *, whole: bool) -> dict[str, Any]:
    """The given fields of a part checked; code, name and price are needed when `whole`."""
    _refuse_unknown(values, _PART_FIELDS, "配件")
    clean = _clean_code_and_name(values, whole=whole, code_limit=40)
    if whole or "price_yuan" in values:
        clean["price_yuan"] = _required_amount(values.get("price_yuan"), "单价", "price_yuan", Decimal(1_000_000))
    if values.get("unit"):
        clean["unit"] = optional_text(values["unit"], label="单位", field="unit", limit=10)
    if "active" in values:
        clean["active"] = bool(values["active"])
    return clean


def _clean_code_and_name(values: dict[str, Any], *, whole: bool, code_limit: int) -> dict[str, Any]:
    clean: dict[str, Any] = {}
    if whole or "code" in values:
        code = required_text(values.get("code"), label="编码", field="code", limit=code_limit)
        clean["code"] = plain(code).upper()
    if whole or "name" in values:
        clean["name"] = required_text(values.get("name"), label="名称", field="name", limit=80)
    return clean


def _required_amount(value: Any, label: str, field: str, most: Decimal) -> Decimal:
    if value is None or value == "":
        raise BusinessError(f"请填写{label}", field)
    number = amount(value, label, field)
    if number > most:
        raise BusinessError(f"{label}不能大于 {most:,}", field)
    return number


def _refuse_unknown(values: dict[str, Any], fields: tuple[str, ...], what: str) -> None:
    unknown = set(values) - set(fields)
    if unknown:
        raise BusinessError(f"{what}没有这些栏目: {'、'.join(sorted(unknown))}")


def _save(row: JobType | Part, taken: str) -> None:
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        raise Conflict(taken, "code") from None
