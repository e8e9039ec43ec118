"""Parts with their stock, jobs with their prices, and how many arrivals a slot takes: the master data of a site."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q, QuerySet

from bihuan.kernel import paging
from bihuan.kernel.errors import NotFound
from bihuan.org.actor import Actor
from bihuan.records.exporting import MAX_EXPORT_ROWS, export_xlsx
from bihuan.records.models import JobType, Part, SlotCapacity, Stock
from bihuan.records.search_keys import plain
from bihuan.records.stock import stock_at

PAGE_SIZE = 50
PART_HEADINGS = ("配件编码", "名称", "单位", "单价（元）", "货位", "库存", "预留", "可用", "状态")
JOB_HEADINGS = ("项目编码", "名称", "标准工时", "工时单价（元）", "工时费（元）", "保养项目", "状态")
KINDS = {"parts": "配件", "jobs": "作业项目", "slots": "预约容量"}
RIGHTS = {"parts": "stock.view", "jobs": "master.view", "slots": "master.view"}


@dataclass(frozen=True, slots=True)
class CatalogueQuery:
    """What the list shows as it stands in the address. `old` also lists what is no longer in use."""

    kind: str = "parts"
    search: str = ""
    old: bool = False
    page: int = 1

    @classmethod
    def of(cls, params: Mapping[str, Any], *, actor: Actor) -> CatalogueQuery:
        """The query of an address; without a kind, the first one the person may see."""
        kind, page = str(params.get("kind", "")), str(params.get("page", "1"))
        first = next((key for key, right in RIGHTS.items() if actor.can(right)), "parts")
        return cls(
            kind=kind if kind in KINDS else first,
            search=plain(str(params.get("q", "")))[:60],
            old=params.get("old") == "1",
            page=max(1, int(page)) if page.isdecimal() and len(page) < 6 else 1,
        )

    def address(self) -> str:
        """The filters without the page."""
        parts = {"kind": self.kind, "q": self.search, "old": "1" if self.old else ""}
        return urlencode({key: value for key, value in parts.items() if value})


@dataclass(frozen=True, slots=True)
class PartRow:
    """A part with what lies at the current site; `stock` is None when it was never stocked there."""

    part: Part
    stock: Stock | None

    @property
    def on_hand(self) -> Decimal:
        return self.stock.on_hand if self.stock else Decimal(0)

    @property
    def reserved(self) -> Decimal:
        return self.stock.reserved if self.stock else Decimal(0)

    @property
    def available(self) -> Decimal:
        return self.on_hand - self.reserved


@dataclass(frozen=True, slots=True)
class Catalogue:
    """One page of one kind."""

    query: CatalogueQuery
    parts: list[PartRow]
    jobs: list[JobType]
    slots: list[SlotCapacity]
    part: paging.Part | None
    """The page of parts or jobs; the slots of a week stand on one."""


def catalogue(query: CatalogueQuery, *, actor: Actor) -> Catalogue:
    """The page of the catalogue at the actor's site."""
    actor.require(RIGHTS[query.kind])
    if query.kind == "slots":
        slots = list(SlotCapacity.objects.at(actor.site_id or 0).order_by("weekday", "starts"))
        return Catalogue(query, [], [], slots, None)
    rows: QuerySet[Any] = _parts(query) if query.kind == "parts" else _jobs(query, actor)
    part = paging.part_of(rows, query.page)
    if query.kind == "parts":
        return Catalogue(query, _stocked(part.rows, actor), [], [], part)
    return Catalogue(query, [], part.rows, [], part)


def export_catalogue(query: CatalogueQuery, *, actor: Actor) -> bytes:
    """Exactly the rows of this view, all pages, as a workbook."""
    actor.require(RIGHTS[query.kind])
    if query.kind == "jobs":
        jobs = (
            (job.code, job.name, job.hours, job.rate_yuan_per_hour, job.labour_fee_yuan, job.is_maintenance, _use(job))
            for job in _jobs(query, actor)[: MAX_EXPORT_ROWS + 1]
        )
        return export_xlsx(JOB_HEADINGS, jobs, title="作业项目")
    if query.kind == "slots":
        rows = SlotCapacity.objects.at(actor.site_id or 0).order_by("weekday", "starts")
        slots = (
            (f"周{'一二三四五六日'[row.weekday]}", f"{row.starts:%H:%M}", row.minutes, row.capacity) for row in rows
        )
        return export_xlsx(("星期", "开始", "时长（分钟）", "容量"), slots, title="预约容量")
    found = _stocked(list(_parts(query)[: MAX_EXPORT_ROWS + 1]), actor)
    parts = (
        (row.part.code, row.part.name, row.part.unit, row.part.price_yuan, row.stock.shelf if row.stock else "",
         row.on_hand, row.reserved, row.available, _use(row.part))
        for row in found
    )  # fmt: skip
    return export_xlsx(PART_HEADINGS, parts, title="配件")


def part_for(part_id: int, *, actor: Actor) -> Part:
    """One part to be edited."""
    actor.require("stock.manage")
    part = Part.objects.filter(pk=part_id).first()
    if part is None:
        raise NotFound("没有这种配件")
    return part


def job_for(job_id: int, *, actor: Actor) -> JobType:
    """One job of the actor's site to be edited."""
    actor.require("master.manage")
    job = JobType.objects.at(actor.site_id or 0).filter(pk=job_id).first()
    if job is None:
        raise NotFound("本店没有这个作业项目")
    return job


def _parts(query: CatalogueQuery) -> QuerySet[Part]:
    rows = Part.objects.all() if query.old else Part.objects.filter(active=True)
    return rows.filter(_matching(query.search)).order_by("code")


def _jobs(query: CatalogueQuery, actor: Actor) -> QuerySet[JobType]:
    rows = JobType.objects.at(actor.site_id or 0)
    if not query.old:
        rows = rows.filter(active=True)
    return rows.filter(_matching(query.search)).order_by("code")


def _matching(text: str) -> Q:
    if not text:
        return Q()
    return Q(code__istartswith=text) | Q(name__icontains=text) | Q(initials__istartswith=text)


def _stocked(parts: list[Part], actor: Actor) -> list[PartRow]:
    stocks = stock_at(actor.site_id or 0, [part.pk for part in parts[:5000]])
    if len(parts) > 5000:
        stocks = {row.part_id: row for row in Stock.objects.at(actor.site_id or 0)}
    return [PartRow(part, stocks.get(part.pk)) for part in parts]


def _use(row: Part | JobType) -> str:
    return "在用" if row.active else "停用"
