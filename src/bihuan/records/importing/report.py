"""What an import found and did, in words for a clerk and as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bihuan.kernel.errors import BusinessError

MAX_PROBLEMS = 500
_SHOWN_VALUE = 60


@dataclass(frozen=True)
class Problem:
    """One thing to put right: where it stands (sheet, row as the spreadsheet counts, column heading) and why."""

    sheet: str
    row: int | None
    column: str
    value: str
    message: str

    def in_words(self) -> str:
        """One line for a person: 客户 第 3 行 电话“123”：…"""
        place = self.sheet + (f" 第 {self.row} 行" if self.row else "")
        column = f" {self.column}" if self.column else ""
        value = f"“{self.value}”" if self.value else ""
        return f"{place}{column}{value}：{self.message}"

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "sheet": self.sheet,
            "row": self.row,
            "column": self.column,
            "value": self.value,
            "message": self.message,
        }


@dataclass
class SheetReport:
    """How many rows of a sheet were new, changed, or as they were."""

    sheet: str
    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "sheet": self.sheet,
            "rows": self.rows,
            "created": self.created,
            "updated": self.updated,
            "unchanged": self.unchanged,
        }


@dataclass
class ImportReport:
    """The outcome of an import. Nothing is stored when there is any problem, or on a dry run."""

    file: str
    dry_run: bool
    sheets: list[SheetReport] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    problem_count: int = 0

    @property
    def ok(self) -> bool:
        """No problem was found."""
        return not self.problem_count

    @property
    def stored(self) -> bool:
        """The rows are in the database now."""
        return self.ok and not self.dry_run

    def add(self, sheet: str, message: str, *, row: int | None = None, column: str = "", value: Any = "") -> None:
        """Note a problem; beyond the first 500 they are only counted."""
        self.problem_count += 1
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(sheet, row, column, shown(value), message))

    def to_json(self) -> dict[str, Any]:
        """The stable shape of `bihuan import --json`."""
        return {
            "file": self.file,
            "ok": self.ok,
            "dry_run": self.dry_run,
            "stored": self.stored,
            "sheets": [sheet.to_json() for sheet in self.sheets],
            "problem_count": self.problem_count,
            "problems": [problem.to_json() for problem in self.problems],
        }


class UnreadableWorkbookError(BusinessError):
    """The file as a whole cannot be read; the message says why and what to do."""


def shown(value: Any) -> str:
    """A cell's value in a message: one short line without control characters."""
    text = "" if value is None else str(value)
    clean = "".join(letter if letter.isprintable() else " " for letter in text[: _SHOWN_VALUE * 2]).strip()
    return clean if len(clean) <= _SHOWN_VALUE else f"{clean[:_SHOWN_VALUE]}…"
