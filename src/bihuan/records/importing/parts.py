"""Sheet 配件: parts by code, with the stock and shelf of the importing site."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError
from bihuan.records.access import note
from bihuan.records.catalogue import clean_part
from bihuan.records.importing.cells import as_text, number, text, yes_no
from bihuan.records.importing.report import SheetReport
from bihuan.records.importing.sheet import Column, Row, Run, chunks, refuse
from bihuan.records.models import Part, Stock, StockMove, StockMoveKind
from bihuan.records.search_keys import pinyin_of, plain

_MAX_STOCK = 1_000_000


def read_code(cell: Any) -> str:
    """A code as it is compared: half-width capitals."""
    return plain(str(text(40)(as_text(cell)))).upper()


class PartSheet:
    """New codes become parts, known ones get the new name and price; 库存 is what lies on the shelf now."""

    name = "配件"
    key = "code"
    columns: tuple[Column, ...] = (
        Column("code", "配件编码", read_code, required=True, example="P-001"),
        Column("name", "配件名称", text(80), required=True, example="机油滤清器"),
        Column("unit", "单位", text(10), example="个"),
        Column("price_yuan", "单价", number(1_000_000), required=True, example="35.50", hint="元"),
        Column("on_hand", "库存", number(_MAX_STOCK), example=10, hint="本店现有数量"),
        Column("shelf", "货位", text(30), example="A-01"),
        Column("active", "在用", yes_no, example="是", hint="是 或 否"),
    )

    def apply(self, rows: list[Row], run: Run) -> SheetReport:
        """Create and update parts, then bring the stock to what was counted."""
        report = SheetReport(self.name, rows=len(rows))
        for piece in chunks(rows):
            touched = self._write_parts(piece, run)
            parts = {part.code: part for part in Part.objects.filter(code__in=[row.values["code"] for row in piece])}
            stocked = _write_stock(self, [row for row in piece if row.values["code"] in parts], parts, run)
            for row in piece:
                code = row.values["code"]
                how = touched.get(code)
                if how == "created":
                    report.created += 1
                elif how == "updated" or code in stocked:
                    report.updated += 1
                elif how is not None:
                    report.unchanged += 1
            run.advance(len(piece), self.name)
        return report

    def _write_parts(self, piece: list[Row], run: Run) -> dict[str, str]:
        """Write the parts themselves; answers what happened to each code."""
        there = {part.code: part for part in Part.objects.filter(code__in=[row.values["code"] for row in piece])}
        fresh: list[Part] = []
        changed: list[Part] = []
        touched: dict[str, str] = {}
        log = []
        for row in piece:
            given = {key: value for key, value in row.values.items() if key not in ("on_hand", "shelf")}
            try:
                values = clean_part(given, whole=True)
            except BusinessError as error:
                refuse(self, run, row, error)
                continue
            known = there.get(values["code"])
            before = {key: getattr(known, key) for key in values} if known else {}
            if known and before == values:
                touched[row.values["code"]] = "unchanged"
                continue
            touched[row.values["code"]] = "updated" if known else "created"
            part = known or Part()
            for key, value in values.items():
                setattr(part, key, value)
            part.initials = pinyin_of(part.name)[1]
            (changed if known else fresh).append(part)
            log.append({"before": before, "after": values})
        Part.objects.bulk_create(fresh)
        Part.objects.bulk_update(changed, ["name", "unit", "price_yuan", "active", "initials"])
        if log:
            data = {"rows": log, "file": run.report.file}
            note(run.actor, "import.parts", f"site:{run.site.pk}", site_id=run.site.pk, data=data)
        return touched


def _write_stock(kind: PartSheet, rows: list[Row], parts: dict[str, Part], run: Run) -> set[str]:
    """Bring the shelves to what the rows say, with a move for each difference; answers the codes that changed."""
    wanted = [row for row in rows if "on_hand" in row.values or "shelf" in row.values]
    ids = [parts[row.values["code"]].pk for row in wanted]
    locked = Stock.objects.at(run.site.pk).filter(part_id__in=ids).order_by("part_id").select_for_update()
    there = {stock.part_id: stock for stock in locked}
    missing = [Stock(site=run.site, part_id=part_id) for part_id in ids if part_id not in there]
    new_ids = {stock.part_id for stock in missing}
    there |= {stock.part_id: stock for stock in Stock.objects.bulk_create(missing)}
    changed: list[Stock] = []
    moves: list[StockMove] = []
    now = clock.now()
    for row in wanted:
        stock = there[parts[row.values["code"]].pk]
        counted = row.values.get("on_hand", stock.on_hand)
        shelf = row.values.get("shelf", stock.shelf)
        if counted < stock.reserved:
            refuse(kind, run, row, BusinessError(f"已有 {stock.reserved} 预留给工单，库存不能更少"), "on_hand")
            continue
        difference = Decimal(counted) - stock.on_hand
        if not difference and shelf == stock.shelf:
            continue
        stock.on_hand, stock.shelf = Decimal(counted), shelf
        changed.append(stock)
        if difference:
            moves.append(
                StockMove(
                    site=run.site,
                    stock=stock,
                    kind=StockMoveKind.RECEIVE if stock.part_id in new_ids else StockMoveKind.ADJUST,
                    quantity=difference,
                    on_hand_after=stock.on_hand,
                    reserved_after=stock.reserved,
                    reason=f"导入 {run.report.file}"[:200],
                    at=now,
                    by_id=run.actor.user_id,
                )
            )
    Stock.unscoped.bulk_update(changed, ["on_hand", "shelf"])
    StockMove.objects.bulk_create(moves)
    return {row.values["code"] for row in wanted if there[parts[row.values["code"]].pk] in changed}
