"""What all kinds of sheets share: their columns, the run they are part of, and the way from cells to rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from bihuan.kernel.errors import BusinessError
from bihuan.org.actor import Actor
from bihuan.org.models import Site
from bihuan.records.importing.cells import Reader, is_blank
from bihuan.records.importing.guard import MAX_ROWS
from bihuan.records.importing.reading import Table
from bihuan.records.importing.report import ImportReport, SheetReport

CHUNK = 500
_HEADING_WITHIN = 5
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Column:
    """One column of a sheet: its heading, what it means, how it is read, and an example for the template."""

    key: str
    heading: str
    read: Reader
    required: bool = False
    example: Any = ""
    hint: str = ""


@dataclass
class Row:
    """One filled row: its number in the spreadsheet, and the values of its non-blank cells."""

    number: int
    values: dict[str, Any]


@dataclass
class Run:
    """One import under way: who, where, what was found. `broken` are keys of rows with problems, by sheet."""

    actor: Actor
    site: Site
    report: ImportReport
    progress: Progress
    total: int = 0
    done: int = 0
    broken: dict[str, set[str]] = field(default_factory=dict)

    def advance(self, count: int, label: str) -> None:
        """So many more rows are through."""
        self.done += count
        self.progress(self.done, self.total, label)


class SheetKind(Protocol):
    """One kind of sheet; `apply` writes its rows inside the transaction of the import."""

    name: str
    key: str
    columns: tuple[Column, ...]

    def apply(self, rows: list[Row], run: Run) -> SheetReport:
        """Create and update; problems go to the run's report."""
        ...


def heading_of(kind: SheetKind, key: str | None) -> str:
    """The heading of a column by its key, empty for a key of none."""
    return next((column.heading for column in kind.columns if column.key == key), "")


def refuse(kind: SheetKind, run: Run, row: Row, error: BusinessError, key: str | None = None) -> None:
    """Note what is wrong with a row, at the column the error names."""
    field_key = key or error.field
    value = row.values.get(field_key or "", "")
    run.report.add(kind.name, error.message, row=row.number, column=heading_of(kind, field_key), value=value)
    run.broken.setdefault(kind.name, set()).add(str(row.values.get(kind.key, "")))


def find_headings(kind: SheetKind, table: Table) -> int | None:
    """The index of the row of headings: the first of the top five with at least half of the needed ones."""
    needed = {column.heading for column in kind.columns if column.required}
    for index, cells in enumerate(table.rows[:_HEADING_WITHIN]):
        there = {_heading(cell) for cell in cells}
        if needed <= there or len(needed & there) * 2 >= len(needed):
            return index
    return None


def read_rows(kind: SheetKind, table: Table, run: Run) -> list[Row]:
    """The filled rows of a table; everything wrong with headings or single cells goes to the report."""
    head = find_headings(kind, table)
    if head is None:
        wanted = "、".join(column.heading for column in kind.columns if column.required)
        run.report.add(kind.name, f"找不到表头，前 {_HEADING_WITHIN} 行里应有：{wanted}")
        return []
    places = _places(kind, table.rows[head], head + 1, run)
    if places is None:
        return []
    for first_row, first, last_row, last in table.merged:
        if last_row > head:
            where = f"第 {first_row} 到 {last_row} 行、第 {first} 到 {last} 列"
            run.report.add(kind.name, f"{where}是合并单元格，请取消合并", row=first_row)
    rows = list(_filled(kind, table, head, places, run))
    if len(rows) > MAX_ROWS:
        run.report.add(kind.name, f"一张表最多 {MAX_ROWS} 行，请拆成几个文件导入")
        return []
    return _without_repeats(kind, rows, run)


def chunks(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """The rows in pieces small enough for one query."""
    for start in range(0, len(rows), CHUNK):
        yield list(rows[start : start + CHUNK])


def _heading(cell: Any) -> str:
    return "" if cell is None else str(cell).strip().rstrip("*＊").replace("\n", "").replace(" ", "")


def _places(kind: SheetKind, cells: list[Any], number: int, run: Run) -> dict[int, Column] | None:
    """Which column stands where; None when the headings cannot be trusted."""
    known = {column.heading: column for column in kind.columns}
    places: dict[int, Column] = {}
    sound = True
    for index, cell in enumerate(cells):
        heading = _heading(cell)
        if not heading:
            continue
        column = known.get(heading)
        if column is None:
            expected = "、".join(known)
            run.report.add(kind.name, f"不认识这一列，可用的列：{expected}", row=number, column=heading)
            sound = False
        elif column in places.values():
            run.report.add(kind.name, "这一列出现了两次", row=number, column=heading)
            sound = False
        else:
            places[index] = column
    for column in kind.columns:
        if column.required and column not in places.values():
            run.report.add(kind.name, "缺少这一列", row=number, column=column.heading)
            sound = False
    return places if sound else None


def _filled(kind: SheetKind, table: Table, head: int, places: dict[int, Column], run: Run) -> Iterator[Row]:
    # A formula without a kept result reads as blank, so its row would look empty.
    suspect_rows = {row for row, _ in table.suspects.formulas | table.suspects.errors}
    for number, cells in enumerate(table.rows[head + 1 :], start=head + 2):
        if all(is_blank(cell) for cell in cells) and number not in suspect_rows:
            continue
        yield from _read_row(kind, table, cells, number, places, run)


def _read_row(
    kind: SheetKind, table: Table, cells: list[Any], number: int, places: dict[int, Column], run: Run
) -> Iterator[Row]:
    values: dict[str, Any] = {}
    sound = True
    for index, cell in enumerate(cells):
        if index not in places and not is_blank(cell):
            run.report.add(kind.name, f"第 {index + 1} 列没有表头，却有内容", row=number, value=cell)
            sound = False
    for index, column in places.items():
        cell = cells[index] if index < len(cells) else None
        try:
            if (number, index + 1) in table.suspects.formulas:
                raise BusinessError("单元格是公式，请复制后“粘贴为数值”")
            if (number, index + 1) in table.suspects.errors:
                raise BusinessError("单元格是错误值")
            if is_blank(cell):
                if column.required:
                    raise BusinessError("不能为空")
                continue
            values[column.key] = column.read(cell)
        except BusinessError as error:
            run.report.add(kind.name, error.message, row=number, column=column.heading, value=cell)
            sound = False
    if sound:
        yield Row(number, values)
    elif kind.key in values:
        run.broken.setdefault(kind.name, set()).add(str(values[kind.key]))


def _without_repeats(kind: SheetKind, rows: list[Row], run: Run) -> list[Row]:
    """The same key twice in one sheet: which row should hold? Nobody but the clerk knows."""
    first: dict[Any, int] = {}
    kept = []
    for row in rows:
        key = row.values[kind.key]
        if key in first:
            run.report.add(
                kind.name, f"与第 {first[key]} 行重复", row=row.number, column=heading_of(kind, kind.key), value=key
            )
            continue
        first[key] = row.number
        kept.append(row)
    return kept
