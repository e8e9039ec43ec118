"""Sheet 车辆: vehicles, known by their plate; the owner is found by phone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError
from bihuan.records.access import note
from bihuan.records.importing.cells import as_text, day, phone_text, text, whole
from bihuan.records.importing.report import SheetReport
from bihuan.records.importing.sheet import Column, Row, Run, chunks, refuse
from bihuan.records.models import Customer, Vehicle
from bihuan.records.phones import clean_phone
from bihuan.records.vehicles import MAX_KM, clean_vehicle, estimate_due_on

_WRITTEN = [
    "customer", "vin", "brand", "model_name", "colour", "mileage_km", "bought_on", "last_service_on",
    "last_service_km", "next_service_on", "next_service_km", "last_visit_on", "note", "service_due_on", "updated_at",
]  # fmt: skip


@dataclass
class _Piece:
    """What a few hundred rows touch, looked up in three queries."""

    there: dict[str, Vehicle]
    owners: dict[str, int]
    vins: dict[str, str]
    fresh: list[Vehicle] = field(default_factory=list)
    changed: list[Vehicle] = field(default_factory=list)
    log: list[dict[str, Any]] = field(default_factory=list)


class VehicleSheet:
    """New plates become vehicles of the owner with that phone; known ones are brought up to date."""

    name = "车辆"
    key = "plate"
    columns: tuple[Column, ...] = (
        Column("plate", "车牌", lambda cell: clean_vehicle({"plate": as_text(cell)})["plate"], True, "示A12345"),
        Column(
            "owner", "车主电话", lambda cell: clean_phone(phone_text(cell)), True, "13900000001", "须是已登记的客户"
        ),
        Column("brand", "品牌", text(40), example="远山"),
        Column("model_name", "车型", text(60), example="S3"),
        Column("colour", "颜色", text(20), example="白"),
        Column("vin", "车架号", lambda cell: clean_vehicle({"vin": as_text(cell)})["vin"], example="LYS3A2B45NC000001"),
        Column("mileage_km", "里程", whole(MAX_KM), example=35200, hint="公里"),
        Column("bought_on", "购车日期", day, example="2023-05-01"),
        Column("last_service_on", "上次保养日期", day, example="2026-06-01"),
        Column("last_service_km", "上次保养里程", whole(MAX_KM), example=30000),
        Column("next_service_on", "下次保养日期", day, example="2026-12-01"),
        Column("next_service_km", "下次保养里程", whole(MAX_KM), example=40000),
        Column("last_visit_on", "上次来店日期", day, example="2026-06-01"),
        Column("note", "备注", text(2000)),
    )

    def apply(self, rows: list[Row], run: Run) -> SheetReport:
        """Create and update vehicles in pieces of a few hundred."""
        report = SheetReport(self.name, rows=len(rows))
        seen: dict[str, Row] = {}
        for piece in chunks(rows):
            work = self._look_up(piece)
            for row in piece:
                self._take(row, work, seen, run, report)
            Vehicle.objects.bulk_create(work.fresh)
            Vehicle.objects.bulk_update(work.changed, _WRITTEN)
            report.created += len(work.fresh)
            report.updated += len(work.changed)
            if work.log:
                data = {"rows": work.log, "file": run.report.file}
                note(run.actor, "import.vehicles", f"site:{run.site.pk}", site_id=run.site.pk, data=data)
            run.advance(len(piece), self.name)
        return report

    def _look_up(self, piece: list[Row]) -> _Piece:
        plates = [row.values["plate"] for row in piece]
        phones = {row.values["owner"] for row in piece}
        vins = [row.values["vin"] for row in piece if row.values.get("vin")]
        return _Piece(
            there={row.plate_key: row for row in Vehicle.objects.filter(plate_key__in=plates)},
            owners=dict(Customer.objects.filter(phone__in=phones).values_list("phone", "pk")),
            vins={
                vin: plate for vin, plate in Vehicle.objects.filter(vin__in=vins).values_list("vin", "plate_key") if vin
            },
        )

    def _take(self, row: Row, work: _Piece, seen: dict[str, Row], run: Run, report: SheetReport) -> None:
        plate, vin = row.values["plate"], row.values.get("vin")
        owner = work.owners.get(row.values["owner"])
        if owner is None:
            # When the owner's own row is at fault, that row has been named already.
            if row.values["owner"] not in run.broken.get("客户", ()):
                refuse(self, run, row, BusinessError("没有这个电话的客户，请先在“客户”表里登记"), "owner")
            return
        if vin:
            if vin in seen:
                refuse(self, run, row, BusinessError(f"与第 {seen[vin].number} 行的车架号重复"), "vin")
                return
            if work.vins.get(vin, plate) != plate:
                refuse(self, run, row, BusinessError(f"这个车架号已登记在 {work.vins[vin]}"), "vin")
                return
            seen[vin] = row
        values = {key: value for key, value in row.values.items() if key not in ("owner", "plate")}
        values["customer_id"] = owner
        known = work.there.get(plate)
        before = {key: getattr(known, key) for key in values} if known else {}
        if known and before == values:
            report.unchanged += 1
            return
        now = clock.now()
        vehicle = known or Vehicle(plate=plate, created_at=now)
        for key, value in values.items():
            setattr(vehicle, key, value)
        vehicle.fill_keys()
        vehicle.service_due_on = estimate_due_on(vehicle)
        vehicle.updated_at = now
        (work.changed if known else work.fresh).append(vehicle)
        work.log.append({"plate": plate, "before": before, "after": values})
