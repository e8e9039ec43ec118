"""From a file's bytes to tables of plain values, whatever its name says: .xlsx, or CSV in UTF-8 or GBK."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetTypeEnum, WorksheetNotFound

from bihuan.records.importing.guard import MAX_BYTES, MAX_COLUMNS, MAX_ROWS, Suspects, inspect_xlsx
from bihuan.records.importing.report import UnreadableWorkbookError

_OLD_EXCEL = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_DELIMITERS = ",\t;，"


@dataclass
class Table:
    """One sheet: its name and rows of cells, `rows[0]` being row 1 of the sheet.

    `merged` are ranges (first row, first column, last row, last column), all from 1.
    """

    name: str
    rows: list[list[Any]]
    suspects: Suspects = field(default_factory=Suspects)
    merged: list[tuple[int, int, int, int]] = field(default_factory=list)


def read_tables(content: bytes, file_name: str) -> list[Table]:
    """The tables of a file; raises UnreadableWorkbookError with what to do instead."""
    if not content:
        raise UnreadableWorkbookError("文件是空的")
    if len(content) > MAX_BYTES:
        raise UnreadableWorkbookError(f"文件不能超过 {MAX_BYTES // 1024 // 1024} MB，请拆成几个文件导入")
    if content.startswith(_OLD_EXCEL):
        raise UnreadableWorkbookError("这是旧版 .xls 或加密的工作簿，请用 Excel 另存为不加密的 .xlsx 再导入")
    if content.startswith(b"PK"):
        return _read_xlsx(content)
    return [Table(PurePath(file_name.replace("\\", "/")).stem, _read_csv(content))]


def _read_xlsx(content: bytes) -> list[Table]:
    suspects = inspect_xlsx(content)
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(content))
        tables = []
        for meta in workbook.sheets_metadata:
            if meta.typ != SheetTypeEnum.WorkSheet:
                continue
            sheet = workbook.get_sheet_by_name(meta.name)
            merged = [(a + 1, b + 1, c + 1, d + 1) for (a, b), (c, d) in sheet.merged_cell_ranges or []]
            rows = sheet.to_python(skip_empty_area=False)
            tables.append(Table(meta.name, rows, suspects.get(meta.name, Suspects()), merged))
    except PasswordError:
        raise UnreadableWorkbookError("工作簿有密码，请去掉密码再导入") from None
    except (CalamineError, WorksheetNotFound, OSError, ValueError):
        raise UnreadableWorkbookError("文件损坏或不是 Excel 工作簿，请用 Excel 打开后另存为 .xlsx 再试") from None
    return tables


def _read_csv(content: bytes) -> list[list[Any]]:
    text = _decoded(content)
    first_line = text.lstrip("\r\n").split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=first_line.count)
    rows: list[list[Any]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True):
            if len(rows) > MAX_ROWS + 10:
                raise UnreadableWorkbookError(f"一张表最多 {MAX_ROWS} 行，请拆成几个文件导入")
            if len(row) > MAX_COLUMNS:
                raise UnreadableWorkbookError(f"一张表最多 {MAX_COLUMNS} 列，请用导入模板")
            rows.append(list(row))
    except csv.Error:
        raise UnreadableWorkbookError(f"CSV 第 {len(rows) + 1} 行格式不对（引号没有成对），请检查") from None
    return rows


def _decoded(content: bytes) -> str:
    """UTF-8, UTF-16 with its mark, or GBK as Chinese Excel writes it; anything else is no text."""
    marked = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    candidates = ["utf-16"] if marked else ["utf-8-sig", "gb18030"]
    for encoding in candidates:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
        break
    raise UnreadableWorkbookError("这不是 .xlsx 工作簿，也不是 UTF-8 或 GBK 编码的 CSV 文件")
