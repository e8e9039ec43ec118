"""Stock moves. Each is a guarded update: the database itself decides whether there is enough, so that two people
drawing the last piece at once cannot both have it; each leaves a StockMove."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Round

from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, NotAllowed, NotFound
from bihuan.org.actor import Actor
from bihuan.records.access import current_site, lock_case, note, note_on_case, optional_text, required_text
from bihuan.records.models import Case, LineStatus, Part, Stock, StockMove, StockMoveKind, WorkLine

MAX_QUANTITY = Decimal(1_000_000)


class ShortStockError(BusinessError):
    """There is less on the shelf than asked for; `available` is what could be had."""

    def __init__(self, part: Part, wanted: Decimal, available: Decimal) -> None:
        super().__init__(
            f"“{part.name}”库存不足：需要 {_said(wanted)} {part.unit}，可用 {_said(available)} {part.unit}", "part_id"
        )
        self.part, self.wanted, self.available = part, wanted, available


@dataclass(frozen=True)
class Shortage:
    """A line whose part is not all there."""

    line: WorkLine
    wanted: Decimal
    available: Decimal


@transaction.atomic
def receive_stock(
    part_id: int,
    quantity: Decimal,
    *,
    actor: Actor,
    site_id: int | None = None,
    shelf: str | None = None,
    reason: str = "",
) -> Stock:
    """Parts arrive on a site's shelf."""
    site = current_site(actor, site_id)
    actor.require("stock.manage", site.pk)
    count = _positive(quantity)
    stock = _stock_of(site.pk, part_id)
    if shelf is not None:
        place = optional_text(shelf, label="货位", field="shelf", limit=30)
        Stock.unscoped.filter(pk=stock.pk).update(shelf=place)
    if not _apply(stock, on_hand=count, reserved=Decimal(0)):
        raise BusinessError("入库没有成功，请重试")
    return _moved(stock, StockMoveKind.RECEIVE, count, actor, reason=reason)


@transaction.atomic
def adjust_stock(part_id: int, counted: Decimal, *, actor: Actor, reason: str, site_id: int | None = None) -> Stock:
    """Stock-taking found `counted` pieces. Refused below what is promised to cases."""
    site = current_site(actor, site_id)
    actor.require("stock.manage", site.pk)
    text = required_text(reason, label="盘点说明", field="reason", limit=200)
    target = _quantity(counted)
    stock = _stock_of(site.pk, part_id)
    locked = Stock.unscoped.select_for_update().get(pk=stock.pk)
    difference = target - locked.on_hand
    if not difference:
        return locked
    if target < locked.reserved:
        raise BusinessError(f"已有 {_said(locked.reserved)} 件预留给工单，盘点数不能更少；请先取消预留", "counted")
    if not _apply(stock, on_hand=difference, reserved=Decimal(0)):
        raise BusinessError("库存刚刚变动，请刷新后重新盘点")
    return _moved(stock, StockMoveKind.ADJUST, difference, actor, reason=text)


@transaction.atomic
def reserve_case(case_id: int, *, actor: Actor) -> list[Shortage]:
    """Hold back the parts of the case's standing lines; what is short is answered, not raised, so it can be ordered."""
    case = lock_case(case_id, actor=actor)
    _require_one(actor, case.site_id, "estimate.manage", "stock.issue")
    standing = (LineStatus.ESTIMATED, LineStatus.AGREED)
    lines = WorkLine.unscoped.filter(case=case, part__isnull=False, status__in=standing).select_related("part")
    short: list[Shortage] = []
    for line in lines.order_by("part_id", "seq"):
        wanted = line.quantity - line.issued_quantity - line.reserved_quantity
        if wanted <= 0:
            continue
        try:
            _reserve(case, line, wanted, actor)
        except ShortStockError as refusal:
            short.append(Shortage(line, refusal.wanted, refusal.available))
    return short


@transaction.atomic
def reserve_for_line(line_id: int, *, actor: Actor) -> WorkLine:
    """Hold back what the line still lacks; ShortStockError when there is less."""
    case, line = _line_for_stock(line_id, actor, "estimate.manage", "stock.issue")
    wanted = line.quantity - line.issued_quantity - line.reserved_quantity
    if wanted > 0:
        _reserve(case, line, wanted, actor)
    return line


@transaction.atomic
def release_for_line(line_id: int, *, actor: Actor, reason: str = "") -> WorkLine:
    """No longer hold back the line's part."""
    _, line = _line_for_stock(line_id, actor, "estimate.manage", "stock.issue")
    release_line(line, actor=actor, reason=reason)
    return line


def release_line(line: WorkLine, *, actor: Actor, reason: str = "") -> None:
    """Release inside the transaction of another use case that has locked the case and checked the right."""
    held = line.reserved_quantity
    if not held or line.part_id is None:
        return
    stock = _stock_of(line.case.site_id, line.part_id)
    if not _apply(stock, on_hand=Decimal(0), reserved=-held):
        raise BusinessError("预留数量对不上，请联系管理员核对库存")
    WorkLine.unscoped.filter(pk=line.pk).update(reserved_quantity=Decimal(0))
    line.reserved_quantity = Decimal(0)
    _moved(stock, StockMoveKind.RELEASE, held, actor, line=line, reason=reason)


@transaction.atomic
def issue_for_line(line_id: int, quantity: Decimal | None = None, *, actor: Actor) -> WorkLine:
    """Hand parts over the counter for an agreed line (all that is due by default); ShortStockError when lacking."""
    case, line = _line_for_stock(line_id, actor, "stock.issue")
    if line.status != LineStatus.AGREED:
        raise BusinessError(f"“{line.description}”客户还没有同意，不能发料")
    due = line.quantity - line.issued_quantity
    count = due if quantity is None else _positive(quantity)
    if count > due:
        raise BusinessError(f"“{line.description}”还应领 {_said(due)}，不能发 {_said(count)}", "quantity")
    if count <= 0:
        return line
    if line.reserved_quantity < count:
        _reserve(case, line, count - line.reserved_quantity, actor)
    stock = _stock_of(case.site_id, _part_id(line))
    if not _apply(stock, on_hand=-count, reserved=-count):
        raise ShortStockError(_part(line), count, Stock.unscoped.get(pk=stock.pk).available)
    line.reserved_quantity -= count
    line.issued_quantity += count
    line.save(update_fields=["reserved_quantity", "issued_quantity"])
    _moved(stock, StockMoveKind.ISSUE, count, actor, line=line)
    note_on_case(actor, "stock.issued", case, data={"line": line.pk, "part": line.part_id, "quantity": count})
    return line


@transaction.atomic
def issue_case(case_id: int, *, actor: Actor) -> list[WorkLine]:
    """Hand over all that the case's agreed lines still need, all or nothing."""
    case = lock_case(case_id, actor=actor)
    actor.require("stock.issue", case.site_id)
    ids = WorkLine.unscoped.filter(case=case, part__isnull=False, status=LineStatus.AGREED).order_by("part_id", "seq")
    return [issue_for_line(line_id, actor=actor) for line_id in list(ids.values_list("pk", flat=True))]


@transaction.atomic
def return_for_line(line_id: int, quantity: Decimal, *, actor: Actor, reason: str = "") -> WorkLine:
    """Unused parts come back to the shelf; never more than the line drew."""
    case, line = _line_for_stock(line_id, actor, "stock.issue")
    count = _positive(quantity)
    if count > line.issued_quantity:
        raise BusinessError(
            f"“{line.description}”只领出 {_said(line.issued_quantity)}，不能退 {_said(count)}", "quantity"
        )
    stock = _stock_of(case.site_id, _part_id(line))
    if not _apply(stock, on_hand=count, reserved=Decimal(0)):
        raise BusinessError("退料没有成功，请重试")
    line.issued_quantity -= count
    line.save(update_fields=["issued_quantity"])
    _moved(stock, StockMoveKind.RETURN, count, actor, line=line, reason=reason)
    data = {"line": line.pk, "part": line.part_id, "quantity": count, "reason": reason}
    note_on_case(actor, "stock.returned", case, data=data)
    return line


@transaction.atomic
def back_order(line_id: int, *, actor: Actor, expected_on: date | None) -> WorkLine:
    """The part is ordered and expected on a day; None when it has come (FAW-06)."""
    case, line = _line_for_stock(line_id, actor, "stock.issue", "stock.manage", "estimate.manage")
    WorkLine.unscoped.filter(pk=line.pk).update(part_expected_on=expected_on)
    line.part_expected_on = expected_on
    note_on_case(actor, "stock.back_ordered", case, data={"line": line.pk, "expected_on": expected_on})
    return line


def stock_at(site_id: int, part_ids: Iterable[int]) -> dict[int, Stock]:
    """The stock rows of these parts at a site, by part; a part never stocked there is missing."""
    return {row.part_id: row for row in Stock.objects.at(site_id).filter(part_id__in=list(part_ids))}


def _reserve(case: Case, line: WorkLine, count: Decimal, actor: Actor) -> None:
    stock = _stock_of(case.site_id, _part_id(line))
    if not _apply(stock, on_hand=Decimal(0), reserved=count):
        raise ShortStockError(_part(line), count, Stock.unscoped.get(pk=stock.pk).available)
    line.reserved_quantity += count
    line.save(update_fields=["reserved_quantity"])
    _moved(stock, StockMoveKind.RESERVE, count, actor, line=line)


def _apply(stock: Stock, *, on_hand: Decimal, reserved: Decimal) -> bool:
    """Move the two numbers if and only if the result is sound; one statement, so there is nothing between look and act.

    Rounded because SQLite keeps decimals as floats, and 0.3 - 0.1 would fall short of 0.2.
    """
    there = Round(F("on_hand") + on_hand, precision=2)
    held = Round(F("reserved") + reserved, precision=2)
    sound = Stock.unscoped.filter(pk=stock.pk).annotate(there=there, held=held)
    guarded = sound.filter(Q(there__gte=Decimal(0)), Q(held__gte=Decimal(0)), Q(there__gte=F("held")))
    return bool(guarded.update(on_hand=there, reserved=held))


def _moved(
    stock: Stock, kind: StockMoveKind, count: Decimal, actor: Actor, *, line: WorkLine | None = None, reason: str = ""
) -> Stock:
    after = Stock.unscoped.get(pk=stock.pk)
    StockMove.objects.create(
        site_id=stock.site_id,
        stock=stock,
        kind=kind,
        quantity=count,
        on_hand_after=after.on_hand,
        reserved_after=after.reserved,
        case_id=line.case_id if line else None,
        line=line,
        reason=reason[:200],
        at=clock.now(),
        by_id=actor.user_id,
    )
    if kind in (StockMoveKind.RECEIVE, StockMoveKind.ADJUST):
        shown = {"quantity": count, "on_hand": after.on_hand, "reason": reason[:200]}
        note(actor, f"stock.{kind.value}", f"stock:{stock.pk}", site_id=stock.site_id, data=shown)
    return after


def _stock_of(site_id: int, part_id: int) -> Stock:
    stock = Stock.objects.at(site_id).filter(part_id=part_id).first()
    if stock is not None:
        return stock
    if not Part.objects.filter(pk=part_id).exists():
        raise NotFound("没有这种配件", "part_id")
    Stock.objects.bulk_create([Stock(site_id=site_id, part_id=part_id)], ignore_conflicts=True)
    return Stock.objects.at(site_id).get(part_id=part_id)


def _line_for_stock(line_id: int, actor: Actor, *actions: str) -> tuple[Case, WorkLine]:
    case_id = WorkLine.unscoped.filter(pk=line_id).values_list("case_id", flat=True).first()
    if case_id is None:
        raise NotFound("没有这行作业")
    case = lock_case(case_id, actor=actor)
    _require_one(actor, case.site_id, *actions)
    line = WorkLine.unscoped.select_related("part", "case").get(pk=line_id)
    if line.part_id is None:
        raise BusinessError(f"“{line.description}”没有配件")
    return case, line


def _require_one(actor: Actor, site_id: int, *actions: str) -> None:
    if not any(actor.can(action, site_id) for action in actions):
        actor.require(actions[0], site_id)
        raise NotAllowed("您没有这项权限")


def _part(line: WorkLine) -> Part:
    if line.part is None:
        raise BusinessError(f"“{line.description}”没有配件")
    return line.part


def _part_id(line: WorkLine) -> int:
    return _part(line).pk


def _quantity(value: Decimal) -> Decimal:
    number = Decimal(value)
    if not number.is_finite() or not 0 <= number <= MAX_QUANTITY:
        raise BusinessError(f"数量应在 0 到 {MAX_QUANTITY:,} 之间", "quantity")
    rounded = number.quantize(Decimal("0.01"))
    if rounded != number:
        raise BusinessError("数量最多两位小数", "quantity")
    return rounded


def _positive(value: Decimal) -> Decimal:
    number = _quantity(value)
    if not number:
        raise BusinessError("数量要大于 0", "quantity")
    return number


def _said(number: Decimal) -> str:
    return f"{number.normalize():f}"
