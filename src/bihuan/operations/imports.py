"""Importing a workbook in the background: handed in, worked on by the worker, watched by whoever is waiting.

The rows are written in the transaction that removes the job and stores the report, so a worker that dies in the
middle leaves nothing behind and the next one begins again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db import IntegrityError, transaction

from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, Conflict, NotFound
from bihuan.org.access import load_actor
from bihuan.org.actor import Actor
from bihuan.processes.jobs import Handler, Prepared, TakenJob, enqueue
from bihuan.records.access import current_site, note
from bihuan.records.importing.guard import MAX_BYTES
from bihuan.records.importing.progress import Progress, Teller, forget, read_progress
from bihuan.records.importing.report import ImportReport, shown
from bihuan.records.importing.run import Workbook, read_workbook, write_workbook
from bihuan.records.models import ImportRun, ImportStatus

KIND = "import"
MAX_ATTEMPTS = 3
# A workbook that was tried may be stored until then; it may hold first passwords, so not for longer.
KEPT_FOR = timedelta(hours=12)
RECENT = 10
GAVE_UP = "处理时后台进程几次中断，什么都没有存。请分成几个小文件再试；仍然不行请联系系统管理员。"


@dataclass(frozen=True)
class ImportPage:
    """What the page shows: the import that is looked at (if any), how far it is (None: nobody has begun), whether the
    tried workbook may now be stored, and the newest imports of the site."""

    run: ImportRun | None
    progress: Progress | None
    may_store: bool
    recent: list[ImportRun]


@transaction.atomic
def ask_import(content: bytes, file_name: str, *, actor: Actor, dry_run: bool) -> int:
    """Hand in a workbook for the actor's site; answers the number of the import to watch.

    Raises Conflict, saying whose import it is, while another one of the site is being worked on.
    """
    site = current_site(actor)
    actor.require("import.run", site.pk)
    if len(content) > MAX_BYTES:
        raise BusinessError("文件超过 20 MB，请分成几个文件", "file")
    now = clock.now()
    ImportRun.unscoped.filter(site=site, content__isnull=False, asked_at__lt=now - KEPT_FOR).exclude(
        status=ImportStatus.WAITING
    ).update(content=None)
    if actor.user_id is None:
        raise BusinessError("请先登录")
    run = ImportRun(
        site=site, file_name=shown(file_name), content=content, dry_run=dry_run, asked_by_id=actor.user_id, asked_at=now
    )
    try:
        with transaction.atomic():
            run.save()
    except IntegrityError:
        raise _under_way(site.pk) from None
    # A database that was set back may give a number again.
    forget(run.pk)
    data = {"file": run.file_name, "dry_run": dry_run}
    note(actor, "import.asked", f"site:{site.pk}", site_id=site.pk, data=data)
    enqueue(KIND, {"run": run.pk}, site_id=site.pk)
    return run.pk


def _under_way(site_id: int) -> Conflict:
    other = ImportRun.unscoped.select_related("asked_by").filter(site=site_id, status=ImportStatus.WAITING).first()
    if other is None:
        return Conflict("同事的导入刚刚完成，请再提交一次")
    return Conflict(f"{other.asked_by.name}正在导入“{other.file_name}”，同一门店一次只能导入一份，请等它完成")


def store_tried(run_id: int, *, actor: Actor) -> int:
    """Store the very workbook that was tried without a problem; answers the number of the new import."""
    tried = _visible(run_id, actor)
    if not _may_store(tried):
        raise Conflict("这份文件试导入后已经过期或已经存过，请重新选择文件")
    assert tried.content is not None
    return ask_import(bytes(tried.content), tried.file_name, actor=actor, dry_run=False)


def import_page(run_id: int | None = None, *, actor: Actor) -> ImportPage:
    """The import with that number, else the one of the actor's site that is being worked on. Raises NotFound."""
    site = current_site(actor)
    actor.require("import.run", site.pk)
    rows = ImportRun.unscoped.filter(site=site).select_related("asked_by").defer("content")
    if run_id is not None:
        run: ImportRun | None = _visible(run_id, actor)
    else:
        run = rows.filter(status=ImportStatus.WAITING).first()
    progress = read_progress(run.pk) if run is not None and run.is_waiting else None
    return ImportPage(run, progress, run is not None and _may_store(run), list(rows.order_by("-pk")[:RECENT]))


def _visible(run_id: int, actor: Actor) -> ImportRun:
    run = ImportRun.unscoped.select_related("asked_by").filter(pk=run_id).first()
    if run is None or not (actor.is_system or run.site_id in actor.site_ids):
        raise NotFound("没有这次导入，或者它不属于您的门店")
    actor.require("import.run", run.site_id)
    return run


def _may_store(run: ImportRun) -> bool:
    tried = run.dry_run and run.status == ImportStatus.DONE and run.report.get("ok") and run.content is not None
    return bool(tried) and clock.now() - run.asked_at < KEPT_FOR


def _prepare(job: TakenJob) -> Handler:
    """Read the workbook before the transaction in which its rows are written."""
    run = ImportRun.unscoped.select_related("asked_by").filter(pk=job.payload["run"]).first()
    if run is None or not run.is_waiting or run.content is None:
        return lambda _: None
    if job.attempts > MAX_ATTEMPTS:
        return _ending(run, _failure(run, GAVE_UP), ImportStatus.FAILED)
    try:
        actor = load_actor(run.asked_by, run.site_id)
        read = read_workbook(
            bytes(run.content), run.file_name, actor=actor, site_id=run.site_id, dry_run=run.dry_run,
            progress=Teller(run.pk),
        )  # fmt: skip
    except BusinessError as refusal:
        return _ending(run, _failure(run, refusal.message), ImportStatus.FAILED)
    return lambda _: _write(run, read)


def _write(run: ImportRun, read: Workbook) -> None:
    _end(run, write_workbook(read), ImportStatus.DONE)


def _ending(run: ImportRun, report: ImportReport, status: ImportStatus) -> Handler:
    return lambda _: _end(run, report, status)


def _end(run: ImportRun, report: ImportReport, status: ImportStatus) -> None:
    # A workbook that may still be stored is kept; any other has served.
    keep = report.ok and report.dry_run
    ImportRun.unscoped.filter(pk=run.pk, status=ImportStatus.WAITING).update(
        status=status, report=report.to_json(), ended_at=clock.now(), content=run.content if keep else None
    )
    transaction.on_commit(lambda: forget(run.pk))


def _failure(run: ImportRun, message: str) -> ImportReport:
    report = ImportReport(run.file_name, run.dry_run)
    report.add(run.file_name, message)
    return report


HANDLER = Prepared(_prepare)
