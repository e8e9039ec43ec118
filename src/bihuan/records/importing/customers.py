"""Sheet 客户: customers, known by their phone."""

from __future__ import annotations

from typing import Any

from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError
from bihuan.records.access import note
from bihuan.records.customers import clean_customer
from bihuan.records.importing.cells import choice, phone_text, text
from bihuan.records.importing.report import SheetReport
from bihuan.records.importing.sheet import Column, Row, Run, chunks, refuse
from bihuan.records.models import Customer
from bihuan.records.phones import clean_phone


class CustomerSheet:
    """New phones become customers, known ones are brought up to date; blank cells change nothing."""

    name = "客户"
    key = "phone"
    columns: tuple[Column, ...] = (
        Column("name", "姓名", text(80), required=True, example="张伟"),
        Column("phone", "电话", lambda cell: clean_phone(phone_text(cell)), required=True, example="13900000001"),
        Column("kind", "类别", choice(person="个人", company="单位"), example="个人", hint="个人 或 单位"),
        Column("salutation", "称谓", choice(先生="先生", 女士="女士"), example="先生", hint="先生 或 女士"),
        Column("address", "地址", text(200), example="春江路 8 号"),
        Column("note", "备注", text(2000)),
    )

    def apply(self, rows: list[Row], run: Run) -> SheetReport:
        """Create and update customers in pieces of a few hundred."""
        report = SheetReport(self.name, rows=len(rows))
        for piece in chunks(rows):
            there = {
                row.phone: row for row in Customer.objects.filter(phone__in=[row.values["phone"] for row in piece])
            }
            fresh: list[Customer] = []
            changed: list[Customer] = []
            log: list[dict[str, Any]] = []
            now = clock.now()
            for row in piece:
                try:
                    values = clean_customer(row.values)
                except BusinessError as error:
                    refuse(self, run, row, error)
                    continue
                known = there.get(row.values["phone"])
                customer = known or Customer(created_at=now)
                before = {field: getattr(customer, field) for field in values if known}
                if known and before == values:
                    report.unchanged += 1
                    continue
                for field, value in values.items():
                    setattr(customer, field, value)
                customer.fill_keys()
                customer.updated_at = now
                (changed if known else fresh).append(customer)
                log.append({"before": before, "after": values})
            Customer.objects.bulk_create(fresh)
            fields = ["name", "kind", "salutation", "address", "note", "pinyin", "initials", "updated_at"]
            Customer.objects.bulk_update(changed, fields)
            report.created += len(fresh)
            report.updated += len(changed)
            if log:
                chain = f"site:{run.site.pk}"
                note(
                    run.actor,
                    "import.customers",
                    chain,
                    site_id=run.site.pk,
                    data={"rows": log, "file": run.report.file},
                )
            run.advance(len(piece), self.name)
        return report
