"""The import as one use case: read, check, write everything or nothing, and say what happened."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from django.db import IntegrityError, OperationalError, transaction

from bihuan.kernel.errors import BusinessError
from bihuan.org.actor import Actor
from bihuan.records.access import current_site, note
from bihuan.records.importing.customers import CustomerSheet
from bihuan.records.importing.jobs import JobSheet
from bihuan.records.importing.parts import PartSheet
from bihuan.records.importing.reading import Table, read_tables
from bihuan.records.importing.report import ImportReport, UnreadableWorkbookError, shown
from bihuan.records.importing.sheet import Progress, Row, Run, SheetKind, find_headings, read_rows
from bihuan.records.importing.staff import StaffSheet
from bihuan.records.importing.vehicles import VehicleSheet

# In the order in which they are written: vehicles need their owners.
KINDS: tuple[SheetKind, ...] = (CustomerSheet(), VehicleSheet(), PartSheet(), JobSheet(), StaffSheet())
# Sheets of the template that explain and hold no data.
IGNORED = ("说明", "填写说明")


class _TakeBackError(Exception):
    """Ends the transaction of a dry run or a faulty import without storing anything."""


@dataclass
class Workbook:
    """A workbook that has been read: its rows by kind of sheet in writing order, and what was found wrong so far."""

    run: Run
    sha256: str
    work: list[tuple[SheetKind, list[Row]]]


def import_workbook(
    content: bytes,
    file_name: str,
    *,
    actor: Actor,
    site_id: int | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Import a workbook (.xlsx) or one sheet (.csv) into a site: all of it, or, with any problem, nothing.

    A dry run writes in a transaction that is taken back, so it finds what the real one would find. `progress` is
    called with rows done, rows in all, and the sheet's name. Raises only NotAllowed and NotFound; whatever is wrong
    with the file stands in the report.
    """
    read = read_workbook(content, file_name, actor=actor, site_id=site_id, dry_run=dry_run, progress=progress)
    return write_workbook(read)


def read_workbook(
    content: bytes,
    file_name: str,
    *,
    actor: Actor,
    site_id: int | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Workbook:
    """The first half of an import, which needs no transaction: open the file and check every cell by itself."""
    site = current_site(actor, site_id)
    actor.require("import.run", site.pk)
    report = ImportReport(shown(file_name), dry_run)
    run = Run(actor, site, report, progress or (lambda done, total, label: None))
    read = Workbook(run, hashlib.sha256(content).hexdigest(), [])
    try:
        tables = read_tables(content, file_name)
    except UnreadableWorkbookError as failure:
        report.add(report.file, failure.message)
        return read
    read.work = _sorted_out(tables, run)
    run.total = sum(len(rows) for _, rows in read.work)
    return read


def write_workbook(read: Workbook) -> ImportReport:
    """The second half: write all rows, or take everything back with a problem or on a dry run."""
    run, report = read.run, read.run.report
    if not read.work:
        return report
    try:
        with transaction.atomic():
            for kind, rows in read.work:
                _apply(kind, rows, run)
            if report.dry_run or not report.ok:
                raise _TakeBackError
            data = {"file": report.file, "sha256": read.sha256, "sheets": [sheet.to_json() for sheet in report.sheets]}
            note(run.actor, "import.run", f"site:{run.site.pk}", site_id=run.site.pk, data=data)
    except _TakeBackError:
        pass
    except (IntegrityError, OperationalError):
        report.add(report.file, "导入期间有同事登记了相同的资料，什么都没有存，请再导入一次")
    return report


def kind_named(name: str) -> SheetKind | None:
    """The kind of sheet of this name."""
    return next((kind for kind in KINDS if kind.name == name.strip()), None)


def _apply(kind: SheetKind, rows: list[Row], run: Run) -> None:
    try:
        run.report.sheets.append(kind.apply(rows, run))
    except BusinessError as refusal:
        run.report.add(kind.name, refusal.message)


def _sorted_out(tables: list[Table], run: Run) -> list[tuple[SheetKind, list[Row]]]:
    """Each table with its kind, by name or else by headings, in writing order."""
    found: dict[str, list[Row]] = {}
    for table in tables:
        if table.name.strip() in IGNORED or not any(any(str(cell).strip() for cell in row) for row in table.rows):
            continue
        kind = kind_named(table.name) or _kind_by_headings(table)
        if kind is None:
            names = "、".join(kind.name for kind in KINDS)
            run.report.add(shown(table.name), f"不认识这张表，请把工作表命名为：{names}")
        elif kind.name in found:
            run.report.add(shown(table.name), f"“{kind.name}”出现了两次，请合并成一张表")
        else:
            found[kind.name] = read_rows(kind, table, run)
    if not found and run.report.ok:
        run.report.add(run.report.file, "文件里没有可导入的内容")
    return [(kind, found[kind.name]) for kind in KINDS if kind.name in found]


def _kind_by_headings(table: Table) -> SheetKind | None:
    """The only kind whose needed headings are all there."""
    fitting = []
    for kind in KINDS:
        head = find_headings(kind, table)
        if head is not None:
            there = {str(cell).strip().rstrip("*＊") for cell in table.rows[head]}
            if all(column.heading in there for column in kind.columns if column.required):
                fitting.append(kind)
    return fitting[0] if len(fitting) == 1 else None
