"""What stands at the three counters: parts, cashier, guard. One read model each, and the guard's release."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import F, Q, QuerySet, Sum

from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, NotAllowed, NotFound
from bihuan.kernel.money import ZERO, yuan
from bihuan.operations.pages.clock_signs import NO_SIGN, ClockSign, signs_of_work
from bihuan.operations.surroundings import CASE
from bihuan.operations.work import complete_task
from bihuan.org.actor import Actor
from bihuan.org.models import Site
from bihuan.processes.models import WorkItem
from bihuan.records import release
from bihuan.records.models import (
    Case,
    Custody,
    Document,
    DocumentKind,
    HolderKind,
    LineStatus,
    Payment,
    Settlement,
    Stock,
    StockMove,
    Thing,
    WorkLine,
)
from bihuan.records.release import ReleaseCheck

ISSUE, BACKORDER, PAY, SIGN_KEY, GATE = "issue", "backorder", "cashier", "key_sign", "gate_check"
PAGE = 50


@dataclass(frozen=True)
class Waiting:
    """An open step at a counter, with its case, its lines or its bill; `sign` stands beside its countdown."""

    item: WorkItem
    case: Case
    lines: tuple[WorkLine, ...] = ()
    bill: Settlement | None = None
    sign: ClockSign = NO_SIGN


@dataclass(frozen=True)
class PartsCounter:
    """Pick slips waiting, parts waited for, and the shelf as searched."""

    slips: tuple[Waiting, ...]
    backorders: tuple[Waiting, ...]
    stock: tuple[Stock, ...]
    stock_by_part: dict[int, Stock]
    moves: tuple[StockMove, ...]
    search: str
    more: bool


@dataclass(frozen=True)
class CashierDesk:
    """Customers to pay, what was taken today by method, and the latest payments."""

    waiting: tuple[Waiting, ...]
    taken: dict[str, Decimal]
    total_yuan: Decimal
    payments: tuple[Payment, ...]


@dataclass(frozen=True)
class GuardDesk:
    """The verdict on the papers shown, keys to sign for, cars to let go, keys in the house."""

    check: ReleaseCheck | None
    item: WorkItem | None
    to_sign: tuple[Waiting, ...]
    to_release: tuple[Waiting, ...]
    keys: tuple[Custody, ...]


def parts_counter(*, actor: Actor, search: str = "", part_id: int | None = None) -> PartsCounter:
    """The parts counter (AUTO-18). Stock is found by code, name or initials; with a part its latest moves."""
    site_id = _site(actor)
    if not actor.can("stock.issue"):
        actor.require("stock.view")
    slips, backorders = _signed(*(_waiting(site_id, node, with_lines=True) for node in (ISSUE, BACKORDER)))
    wanted = {line.part_id for waiting in (*slips, *backorders) for line in waiting.lines if line.part_id}
    rows = _search_stock(site_id, search)
    found = list(rows[: PAGE + 1])
    needed = Stock.objects.at(site_id).filter(part_id__in=wanted)
    moves: list[StockMove] = []
    if part_id is not None:
        at_part = StockMove.objects.at(site_id).filter(stock__part_id=part_id)
        moves = list(at_part.select_related("case", "by", "stock__part").order_by("-pk")[:20])
    return PartsCounter(
        slips=slips,
        backorders=backorders,
        stock=tuple(found[:PAGE]),
        stock_by_part={row.part_id: row for row in needed},
        moves=tuple(moves),
        search=search,
        more=len(found) > PAGE,
    )


def cashier_desk(*, actor: Actor) -> CashierDesk:
    """The cashier's desk (AUTO-26): who is to pay how much, and today's takings."""
    site_id = _site(actor)
    if not actor.can("payment.refund"):
        actor.require("payment.take")
    since = _midnight(site_id)
    today = Payment.objects.at(site_id).filter(at__gte=since)
    taken: dict[str, Decimal] = {}
    for row in today.values("method", "kind").annotate(sum=Sum("amount_yuan")).order_by("method"):
        # SQLite adds up in floating point; the fen are right again once rounded.
        amount = yuan(row["sum"])
        signed = amount if row["kind"] == "payment" else -amount
        taken[row["method"]] = taken.get(row["method"], ZERO) + signed
    latest = today.select_related("settlement__case__vehicle", "settlement__case__customer", "by").order_by("-pk")
    return CashierDesk(
        waiting=_waiting(site_id, PAY, with_bill=True),
        taken=taken,
        total_yuan=sum(taken.values(), ZERO),
        payments=tuple(latest[:30]),
    )


def guard_desk(*, actor: Actor, gate_pass: str = "", settlement: str = "") -> GuardDesk:
    """The guard's desk (AUTO-25, AUTO-27): checks the papers shown and tells where every key is."""
    site_id = _site(actor)
    actor.require("key.release")
    check = release.check_release(gate_pass, settlement, actor=actor) if gate_pass else None
    case = check.case if check else None
    keys = (
        Custody.objects.at(site_id)
        .filter(thing=Thing.KEY, case__status="open")
        .exclude(holder_kind=HolderKind.CUSTOMER)
    )
    return GuardDesk(
        check=check,
        item=_gate_item(case.pk) if case is not None else None,
        to_sign=_waiting(site_id, SIGN_KEY),
        to_release=_waiting(site_id, GATE, with_bill=True),
        keys=tuple(keys.select_related("case__vehicle", "case__customer").order_by("-since")),
    )


def scanned_kind(token: str, *, actor: Actor) -> str:
    """Which of the two papers a scanned code belongs to: gate_pass or settlement. Raises NotFound for any other."""
    actor.require("key.release")
    kinds = (DocumentKind.GATE_PASS, DocumentKind.SETTLEMENT)
    found = Document.objects.visible_to(actor).filter(token=token[:64], kind__in=kinds).first()
    if found is None:
        raise NotFound("没有这张单据，请核对编号或重新扫码")
    return str(found.kind)


@transaction.atomic
def let_go(gate_pass: str, settlement: str, *, actor: Actor, once_key: str = "") -> Case:
    """Give the key out at the gate against both papers; the step of the visit is completed with it.

    Raises BusinessError with the reason when the papers do not fit, and says who has the key when it is not here.
    """
    check = release.check_release(gate_pass, settlement, actor=actor)
    if not check.ok or check.case is None:
        raise BusinessError(check.reason or "单证不符，不能放行", "gate_pass")
    item = _gate_item(check.case.pk)
    if item is None:
        raise BusinessError(_why_not_yet(check.case))
    values = {"gate_pass_number": gate_pass, "settlement_number": settlement, "person_checked": True}
    complete_task(item.pk, values, actor=actor, once_key=once_key)
    return check.case


def _why_not_yet(case: Case) -> str:
    key = Custody.unscoped.filter(case=case, thing=Thing.KEY).first()
    if key is None:
        return "这辆车没有钥匙保管记录，请找服务顾问核实"
    if key.holder_kind == HolderKind.CUSTOMER:
        return "钥匙已经交给客户"
    return f"钥匙现在在{key.holder_name}处，还没有交到值班室，请先收钥匙签收"


def _gate_item(case_id: int) -> WorkItem | None:
    rows = WorkItem.unscoped.filter(
        instance__subject_kind=CASE, instance__subject_id=case_id, node_id=GATE, status=WorkItem.Status.OPEN
    )
    return rows.first()


def _site(actor: Actor) -> int:
    if actor.site_id is None:
        raise NotAllowed("您在任何门店都没有岗位")
    return actor.site_id


def _waiting(site_id: int, node_id: str, *, with_lines: bool = False, with_bill: bool = False) -> tuple[Waiting, ...]:
    items = list(
        WorkItem.objects.at(site_id)
        .filter(node_id=node_id, status=WorkItem.Status.OPEN, instance__subject_kind=CASE)
        .select_related("instance", "assignee")
        .order_by("sort_at", "pk")[:PAGE]
    )
    ids = [item.instance.subject_id for item in items]
    cases = {
        case.pk: case
        for case in Case.unscoped.select_related("customer", "vehicle", "technician", "advisor").filter(pk__in=ids)
    }
    lines: dict[int, list[WorkLine]] = {}
    if with_lines:
        agreed = WorkLine.unscoped.filter(case_id__in=ids, part__isnull=False, status=LineStatus.AGREED)
        for line in agreed.select_related("part").order_by("seq"):
            lines.setdefault(line.case_id, []).append(line)
    bills = {}
    if with_bill:
        bills = {bill.case_id: bill for bill in Settlement.unscoped.filter(case_id__in=ids)}
    found = []
    for item in items:
        case = cases.get(item.instance.subject_id)
        if case is not None:
            found.append(Waiting(item, case, tuple(lines.get(case.pk, ())), bills.get(case.pk)))
    return tuple(found)


def _signed(*lists: tuple[Waiting, ...]) -> list[tuple[Waiting, ...]]:
    """The same steps with what stands beside their countdowns."""
    signs = signs_of_work([waiting.item for found in lists for waiting in found])
    return [tuple(replace(waiting, sign=signs[waiting.item.pk]) for waiting in found) for found in lists]


def _search_stock(site_id: int, search: str) -> QuerySet[Stock]:
    rows = Stock.objects.at(site_id).select_related("part").filter(part__active=True)
    words = search.strip()[:40]
    if words:
        by_code = Q(part__code__istartswith=words) | Q(part__initials__istartswith=words.lower())
        rows = rows.filter(by_code | Q(part__name__icontains=words) | Q(shelf__istartswith=words))
        return rows.order_by("part__code")
    return rows.annotate(free=F("on_hand") - F("reserved")).order_by("free", "part__code")


def _midnight(site_id: int) -> datetime:
    site = Site.objects.filter(pk=site_id).first()
    if site is None:
        raise NotFound("没有这个门店")
    zone = ZoneInfo(site.timezone)
    return datetime.combine(clock.now().astimezone(zone).date(), time(), zone)
