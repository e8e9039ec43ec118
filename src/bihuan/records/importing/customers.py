"""Sheet 客户: customers, known by their phone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError
from bihuan.records.access import note
from bihuan.records.consents import write_consents
from bihuan.records.customers import clean_customer
from bihuan.records.importing.cells import choice, phone_text, text
from bihuan.records.importing.report import SheetReport
from bihuan.records.importing.sheet import Column, Row, Run, chunks, refuse
from bihuan.records.models import Consent, ConsentMedium, Customer
from bihuan.records.phones import clean_phone

AGREED = choice(yes="同意", no="不接收")
MEDIA = {"sms": ConsentMedium.SMS, "by_mail": ConsentMedium.MAIL}
Said = Mapping[tuple[int, str], bool]


class CustomerSheet:
    """New phones become customers, known ones are brought up to date; blank cells change nothing."""

    name = "客户"
    key = "phone"
    columns: tuple[Column, ...] = (
        Column("name", "姓名", text(80), required=True, example="张伟"),
        Column("phone", "电话", lambda cell: clean_phone(phone_text(cell)), required=True, example="13900000001"),
        Column("kind", "类别", choice(person="个人", company="单位"), example="个人", hint="个人 或 单位"),
        Column("salutation", "称谓", choice(先生="先生", 女士="女士"), example="先生", hint="先生 或 女士"),
        Column("mail", "邮箱", text(160), example="zhangwei@example.com"),
        Column("sms", "接收短信", AGREED, example="同意", hint="客户本人说过的：同意 或 不接收"),
        Column("by_mail", "接收邮件", AGREED, example="不接收", hint="同意 或 不接收"),
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
            said = _said_before(there.values())
            agreed: list[tuple[Customer, dict[str, bool]]] = []
            fresh: list[Customer] = []
            changed: list[Customer] = []
            log: list[dict[str, Any]] = []
            now = clock.now()
            for row in piece:
                try:
                    values = clean_customer(row.values)
                    known = there.get(row.values["phone"])
                    consents = _consents(row, known, said)
                except BusinessError as error:
                    refuse(self, run, row, error)
                    continue
                customer = known or Customer(created_at=now)
                before = {field: getattr(customer, field) for field in values if known}
                if known and before == values and not consents:
                    report.unchanged += 1
                    continue
                for field, value in values.items():
                    setattr(customer, field, value)
                customer.fill_keys()
                customer.updated_at = now
                (changed if known else fresh).append(customer)
                agreed.append((customer, consents))
                log.append({"before": before, "after": values, **({"consents": consents} if consents else {})})
            Customer.objects.bulk_create(fresh)
            fields = ["name", "kind", "salutation", "mail", "address", "note", "pinyin", "initials", "updated_at"]
            Customer.objects.bulk_update(changed, fields)
            write_consents(
                {(one.pk, medium): given for one, media in agreed for medium, given in media.items()}, actor=run.actor
            )
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


def _said_before(customers: Collection[Customer]) -> Said:
    rows = Consent.objects.filter(customer__in=customers).values_list("customer_id", "medium", "is_given")
    return {(customer, medium): given for customer, medium, given in rows}


def _consents(row: Row, known: Customer | None, said: Said) -> dict[str, bool]:
    """What a row newly says about being written to; a workbook may be old, so it never turns a no into a yes."""
    found: dict[str, bool] = {}
    for key, medium in MEDIA.items():
        if key not in row.values:
            continue
        given, before = row.values[key] == "yes", said.get((known.pk, medium)) if known else None
        if given and before is False:
            raise BusinessError("客户说过不接收，导入不能改成同意；客户重新同意时，请在客户页登记", key)
        if given and medium == ConsentMedium.MAIL and not (row.values.get("mail") or (known and known.mail)):
            raise BusinessError("同意接收邮件的，请填写邮箱", "mail")
        if given is not before:
            found[medium.value] = given
    return found
