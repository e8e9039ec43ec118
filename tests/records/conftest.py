"""A small stocked workshop of the YL site: one customer with a car, jobs, parts on the shelf, an open visit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from bihuan.kernel import clock
from bihuan.org.actor import Actor
from bihuan.records.cases import open_case
from bihuan.records.catalogue import save_job, save_part
from bihuan.records.customers import create_customer
from bihuan.records.lines import add_line, agree_lines, mark_line_done
from bihuan.records.models import Case, Customer, JobType, Part, Stock, Vehicle, WorkLine
from bihuan.records.stock import receive_stock
from bihuan.records.vehicles import create_vehicle
from tests.cast import Cast
from tests.remembering import remembered

MORNING = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)  # Tuesday 09:00 in Shanghai


@dataclass
class Shop:
    """The workshop and short hands for its daily work."""

    cast: Cast
    customer: Customer
    vehicle: Vehicle
    oil_change: JobType
    brakes: JobType
    filter: Part
    pads: Part

    def actor(self, who: str) -> Actor:
        return self.cast.actor(who)

    @property
    def site_id(self) -> int:
        return self.cast.yl.pk

    def visit(self, **values: Any) -> Case:
        given = {"vehicle_id": self.vehicle.pk, **values}
        return open_case("service_visit", actor=self.actor("advisor"), **given)

    def line(self, case: Case, **values: Any) -> WorkLine:
        given: dict[str, Any] = {"job_id": self.oil_change.pk, "part_id": self.filter.pk, "quantity": 1, **values}
        return add_line(case.pk, actor=self.actor("advisor"), **given)

    def done_visit(self, **values: Any) -> Case:
        """A visit whose one line (part 35.50 yuan, labour 120.00 yuan) is agreed and done."""
        case = self.visit()
        line = self.line(case, **values)
        agree_lines(case.pk, actor=self.actor("advisor"))
        mark_line_done(line.pk, actor=self.actor("technician"))
        return case

    def stock(self, part: Part) -> Stock:
        return Stock.unscoped.get(part=part, site_id=self.site_id)


@pytest.fixture
def morning() -> Iterator[datetime]:
    with clock.frozen(MORNING):
        yield MORNING


@pytest.fixture
def shop(cast: Cast, morning: datetime, settings: Settings, tmp_path: Path) -> Shop:
    settings.MEDIA_ROOT = str(tmp_path)
    found = remembered("shop", lambda: _stock(cast))
    customer, vehicle, oil, brakes, oil_filter, pads = (model._base_manager.get(pk=pk) for model, pk in found)
    return Shop(cast, customer, vehicle, oil, brakes, oil_filter, pads)


def _stock(cast: Cast) -> list[tuple[type[Any], int]]:
    advisor, manager, clerk = cast.actor("advisor"), cast.actor("site_manager"), cast.actor("parts_clerk")
    customer = create_customer(actor=advisor, name="张伟", phone="13900001234", salutation="先生")
    vehicle = create_vehicle(
        actor=advisor, customer_id=customer.pk, plate="示A12345", brand="远山", model_name="S3", mileage_km=20000
    )
    hourly = {"rate_yuan_per_hour": "120"}
    oil = save_job(actor=manager, code="BY01", name="更换机油机滤", hours="1", is_maintenance=True, **hourly)
    brakes = save_job(actor=manager, code="WX01", name="更换前制动片", hours="1.5", **hourly)
    oil_filter = save_part(actor=clerk, code="P-001", name="机油滤清器", unit="个", price_yuan="35.50")
    pads = save_part(actor=clerk, code="P-002", name="前制动片", unit="套", price_yuan="268")
    receive_stock(oil_filter.pk, Decimal(10), actor=clerk, shelf="A-01")
    receive_stock(pads.pk, Decimal(2), actor=clerk, shelf="A-02")
    return [(type(made), made.pk) for made in (customer, vehicle, oil, brakes, oil_filter, pads)]
