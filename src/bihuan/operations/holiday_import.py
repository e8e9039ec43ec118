"""A list of holidays from a workbook or CSV: every row checked, then stored for the years it speaks of, or not at all.

Columns: 日期 (one date, or 2026-10-01 至 2026-10-07), 类别 (放假, 调休上班, 半天), 名称, 半天至 (12:00).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from bihuan.kernel.errors import BusinessError
from bihuan.kernel.worktime import minutes_of
from bihuan.limits.holidays import FIRST_YEAR, LAST_YEAR, NAME_MAX, NewDay, replace_years
from bihuan.limits.models import DayKind
from bihuan.org.actor import Actor
from bihuan.records.importing.reading import read_tables
from bihuan.records.importing.report import UnreadableWorkbookError

COLUMNS = ("日期", "类别", "名称", "半天至")
MAX_ROWS = 2000
MAX_RANGE_DAYS = 40
KINDS = {
    "放假": DayKind.REST, "休": DayKind.REST, "休息": DayKind.REST, "节假日": DayKind.REST,
    "调休上班": DayKind.WORK, "上班": DayKind.WORK, "班": DayKind.WORK, "补班": DayKind.WORK,
    "半天": DayKind.HALF,
}  # fmt: skip


@dataclass(frozen=True)
class RowProblem:
    """What is wrong with one cell: the row as the sheet counts it, the column's name, and why."""

    row: int
    column: str
    reason: str


@dataclass
class HolidayReport:
    """What a file holds: its days by year, or every problem."""

    days: list[NewDay] = field(default_factory=list)
    problems: list[RowProblem] = field(default_factory=list)
    stored: bool = False

    @property
    def ok(self) -> bool:
        return not self.problems

    @property
    def by_year(self) -> dict[int, int]:
        """How many dates of each year."""
        years = sorted({day.date.year for day in self.days})
        return {year: sum(1 for day in self.days if day.date.year == year) for year in years}


def import_holidays(content: bytes, file_name: str, *, actor: Actor, dry_run: bool = False) -> HolidayReport:
    """Check a file, and store it unless something is wrong or it is only tried. Raises BusinessError if unreadable."""
    try:
        tables = read_tables(content, file_name)
    except UnreadableWorkbookError as error:
        raise BusinessError(str(error), field="file") from error
    report = HolidayReport()
    rows = tables[0].rows if tables else []
    places = _places(rows[0] if rows else [])
    if places is None:
        raise BusinessError(f"第 1 行应为表头：{'、'.join(COLUMNS)}", field="file")
    if len(rows) > MAX_ROWS:
        raise BusinessError(f"最多 {MAX_ROWS} 行", field="file")
    seen: dict[date, int] = {}
    for number, row in enumerate(rows[1:], start=2):
        cells = [row[place] if place is not None and place < len(row) else "" for place in places]
        if any(str(cell).strip() for cell in cells):
            _read_row(report, number, cells, seen)
    if not report.days and report.ok:
        report.problems.append(RowProblem(1, "日期", "文件里没有日期"))
    if report.ok and not dry_run:
        replace_years(report.days, source=file_name, actor=actor)
        report.stored = True
    return report


def _places(head: Sequence[Any]) -> list[int | None] | None:
    names = [str(cell).strip().lstrip("\ufeff") for cell in head]
    if not all(name in names for name in COLUMNS[:3]):
        return None
    return [names.index(name) if name in names else None for name in COLUMNS]


def _read_row(report: HolidayReport, number: int, cells: Sequence[Any], seen: dict[date, int]) -> None:
    def wrong(column: str, reason: str) -> None:
        report.problems.append(RowProblem(number, column, reason))

    kind = KINDS.get(str(cells[1]).strip())
    if kind is None:
        wrong("类别", f"“{cells[1]}”不是类别，应为放假、调休上班或半天")
    name = str(cells[2]).strip()
    if len(name) > NAME_MAX:
        wrong("名称", f"最多 {NAME_MAX} 个字")
    until: int | None = None
    if kind == DayKind.HALF:
        until = _minutes(cells[3])
        if until is None:
            wrong("半天至", f"“{cells[3]}”不是时间，例如 12:00")
    try:
        days = _dates(cells[0])
    except ValueError as error:
        wrong("日期", str(error))
        return
    for day in days:
        if day in seen:
            wrong("日期", f"{day.isoformat()} 与第 {seen[day]} 行重复")
        seen.setdefault(day, number)
        if kind is not None:
            report.days.append(NewDay(day, kind, name, until))


def _dates(cell: Any) -> list[date]:
    if isinstance(cell, datetime | date):
        return [_in_range(cell.date() if isinstance(cell, datetime) else cell)]
    text = str(cell).strip()
    for mark in ("至", "~", "—", "～"):
        if mark in text:
            first, last = (_date(part) for part in text.split(mark, 1))
            if not 0 <= (last - first).days <= MAX_RANGE_DAYS:
                raise ValueError(f"“{text}”的起止不对，最多 {MAX_RANGE_DAYS} 天")
            return [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return [_date(text)]


def _date(text: str) -> date:
    parts = text.strip().replace("年", "-").replace("月", "-").replace("日", "").replace("/", "-").replace(".", "-")
    try:
        year, month, day = (int(part) for part in parts.split("-"))
        return _in_range(date(year, month, day))
    except ValueError:
        raise ValueError(f"“{text}”不是日期，例如 2026-10-01") from None


def _in_range(day: date) -> date:
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValueError(f"年份须在 {FIRST_YEAR} 到 {LAST_YEAR} 之间")
    return day


def _minutes(cell: Any) -> int | None:
    text = cell.strftime("%H:%M") if hasattr(cell, "strftime") else str(cell).strip()
    try:
        found = minutes_of(text)
    except ValueError:
        return None
    return found if 0 < found < 24 * 60 else None
