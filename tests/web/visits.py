"""A service centre with the car service pack installed, for tests of the screens: people sign in and cars drive in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from bihuan.operations.cases import receive_vehicle
from bihuan.operations.work import complete_task
from bihuan.org.access import system_actor
from bihuan.packs.install import install_pack
from bihuan.packs.loading import pack_folder
from bihuan.processes.models import WorkItem
from bihuan.records.catalogue import save_job, save_part
from bihuan.records.customers import create_customer
from bihuan.records.models import Case, Customer, Vehicle
from bihuan.records.stock import receive_stock
from bihuan.records.vehicles import create_vehicle
from tests.cast import Cast
from tests.remembering import remembered

PLATE = "示A70001"


@dataclass
class Centre:
    """The centre at work; `client("advisor")` is a browser in which that person is signed in."""

    cast: Cast
    customer: Customer
    vehicle: Vehicle

    def client(self, who: str) -> Client:
        client = Client()
        client.force_login(self.cast.user(who))
        return client

    def arrive(self, plate: str = PLATE, bay: str = "预检一号位") -> Case:
        """A car drives in, reported by the guard."""
        return receive_vehicle(plate, actor=self.cast.actor("guard"), bay=bay)

    def item(self, case: Case, node: str) -> WorkItem:
        """The open item of a case at a node."""
        found: WorkItem = WorkItem.unscoped.get(
            instance__subject_id=case.pk, instance__subject_kind="case", node_id=node, status="open"
        )
        return found

    def complete(self, case: Case, node: str, who: str, values: Mapping[str, Any]) -> None:
        complete_task(self.item(case, node).pk, dict(values), actor=self.cast.actor(who))

    def greet(self, case: Case) -> None:
        self.complete(case, "greet", "advisor", {"greeting": ["guided", "greeted"]})


@pytest.fixture
def centre(cast: Cast, frozen_clock: object) -> Centre:
    """The centre on a Tuesday, 09:00."""
    return build_centre(cast)


def build_centre(cast: Cast) -> Centre:
    """The pack installed over the cast, with one customer, one car, one job and one part."""
    customer_id, vehicle_id = remembered("centre", lambda: _furnish(cast))
    return Centre(cast, Customer._base_manager.get(pk=customer_id), Vehicle._base_manager.get(pk=vehicle_id))


def _furnish(cast: Cast) -> tuple[int, int]:
    system = system_actor(cast.yl.pk)
    install_pack(pack_folder("auto_service"), actor=system)
    customer = create_customer(actor=system, name="周晓棠", phone="13900007001", salutation="女士")
    vehicle = create_vehicle(
        actor=system, customer_id=customer.pk, plate=PLATE, brand="远山", model_name="S1", mileage_km=30210
    )
    save_job(
        actor=system, site_id=cast.yl.pk, code="J-101", name="更换机油", hours=Decimal("0.5"),
        rate_yuan_per_hour=Decimal(120), is_maintenance=True,
    )  # fmt: skip
    part = save_part(actor=system, code="P-1001", name="机油 4L", unit="桶", price_yuan=Decimal(268))
    receive_stock(part.pk, Decimal(8), actor=system, site_id=cast.yl.pk, shelf="A-01", reason="期初库存")
    return customer.pk, vehicle.pk
