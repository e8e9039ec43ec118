"""Sheet 作业项目: the jobs of the importing site with hours and rate, known by their code."""

from __future__ import annotations

from bihuan.kernel.errors import BusinessError
from bihuan.records.access import note
from bihuan.records.catalogue import clean_job
from bihuan.records.importing.cells import number, text, yes_no
from bihuan.records.importing.parts import read_code
from bihuan.records.importing.report import SheetReport
from bihuan.records.importing.sheet import Column, Row, Run, chunks, refuse
from bihuan.records.models import JobType
from bihuan.records.search_keys import pinyin_of


class JobSheet:
    """New codes become jobs of the site, known ones get the new name, hours and rate."""

    name = "作业项目"
    key = "code"
    columns: tuple[Column, ...] = (
        Column("code", "项目编码", read_code, required=True, example="BY01"),
        Column("name", "项目名称", text(80), required=True, example="更换机油机滤"),
        Column("hours", "标准工时", number(999), required=True, example="1.00", hint="小时"),
        Column("rate_yuan_per_hour", "工时单价", number(100_000), required=True, example="120.00", hint="元/小时"),
        Column("is_maintenance", "保养项目", yes_no, example="是", hint="是 或 否"),
        Column("active", "在用", yes_no, example="是", hint="是 或 否"),
    )

    def apply(self, rows: list[Row], run: Run) -> SheetReport:
        """Create and update jobs in pieces of a few hundred."""
        report = SheetReport(self.name, rows=len(rows))
        for piece in chunks(rows):
            codes = [row.values["code"] for row in piece]
            there = {job.code: job for job in JobType.objects.at(run.site.pk).filter(code__in=codes)}
            fresh: list[JobType] = []
            changed: list[JobType] = []
            log = []
            for row in piece:
                try:
                    values = clean_job(row.values, whole=True)
                except BusinessError as error:
                    refuse(self, run, row, error)
                    continue
                known = there.get(values["code"])
                before = {key: getattr(known, key) for key in values} if known else {}
                if known and before == values:
                    report.unchanged += 1
                    continue
                job = known or JobType(site=run.site)
                for key, value in values.items():
                    setattr(job, key, value)
                job.initials = pinyin_of(job.name)[1]
                (changed if known else fresh).append(job)
                log.append({"before": before, "after": values})
            JobType.objects.bulk_create(fresh)
            fields = ["name", "hours", "rate_yuan_per_hour", "is_maintenance", "active", "initials"]
            JobType.unscoped.bulk_update(changed, fields)
            report.created += len(fresh)
            report.updated += len(changed)
            if log:
                data = {"rows": log, "file": run.report.file}
                note(run.actor, "import.jobs", f"site:{run.site.pk}", site_id=run.site.pk, data=data)
            run.advance(len(piece), self.name)
        return report
