"""Lists as workbooks: exactly the rows that were filtered, and nothing that a spreadsheet would run."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

MAX_EXPORT_ROWS = 100_000
_FORMULA_MARKS = ("=", "+", "-", "@", "\t", "\r", "\n")
_NOT_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_NOT_TITLE = re.compile(r"[\\/*?:\[\]]")


def safe_cell(value: Any, zone: ZoneInfo | None = None) -> Any:
    """The value for a cell: text that looks like a formula gets an apostrophe in front, moments become local time."""
    if value is None or isinstance(value, bool):
        return None if value is None else ("是" if value else "否")
    if isinstance(value, int | float | Decimal):
        return value
    if isinstance(value, datetime):
        local = value.astimezone(zone) if zone is not None and value.tzinfo is not None else value
        return local.replace(tzinfo=None)
    if isinstance(value, date):
        return value
    text = _NOT_XML.sub("", str(value))[:32_000]
    return f"'{text}" if text.startswith(_FORMULA_MARKS) else text


def export_xlsx(
    headings: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str = "导出", zone: ZoneInfo | None = None
) -> bytes:
    """A workbook with one sheet of these rows, at most 100,000; the title loses what sheet names may not hold."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(_NOT_TITLE.sub("", title)[:31] or "导出")
    sheet.freeze_panes = "A2"
    for index, heading in enumerate(headings, start=1):
        sheet.column_dimensions[get_column_letter(index)].width = max(10, min(len(heading) * 2 + 6, 40))
    head = []
    for heading in headings:
        cell = WriteOnlyCell(sheet, value=safe_cell(heading))
        cell.font = Font(bold=True)
        head.append(cell)
    sheet.append(head)
    for count, row in enumerate(rows):
        if count >= MAX_EXPORT_ROWS:
            sheet.append([f"只导出了前 {MAX_EXPORT_ROWS} 行，请缩小筛选范围"])
            break
        cells = []
        for value in row:
            cell = WriteOnlyCell(sheet, value=safe_cell(value, zone))
            if isinstance(cell.value, str):
                # Never let the library guess a type from what people typed.
                cell.data_type = "s"
            cells.append(cell)
        sheet.append(cells)
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()
