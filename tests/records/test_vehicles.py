"""Registering vehicles."""

from __future__ import annotations

from datetime import date

import pytest

from bihuan.kernel.errors import BusinessError
from bihuan.records.customers import create_customer
from bihuan.records.vehicles import create_vehicle
from tests.cast import Cast

pytestmark = pytest.mark.django_db


def test_a_new_car_keeps_its_dates_of_maintenance(cast: Cast) -> None:
    owner = create_customer(actor=cast.actor("advisor"), name="周晓棠", phone="13900007771")
    told = date(2027, 3, 1)
    vehicle = create_vehicle(
        actor=cast.actor("advisor"), customer_id=owner.pk, plate="示A77771", next_service_on=told, next_service_km=20000
    )
    vehicle.refresh_from_db()
    assert (vehicle.next_service_on, vehicle.next_service_km) == (told, 20000)


def test_a_column_that_does_not_exist_is_refused_by_name(cast: Cast) -> None:
    owner = create_customer(actor=cast.actor("advisor"), name="周晓棠", phone="13900007771")
    with pytest.raises(BusinessError, match="wheels"):
        create_vehicle(actor=cast.actor("advisor"), customer_id=owner.pk, plate="示A77771", wheels=4)
