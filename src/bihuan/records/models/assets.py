"""What is brought in to be serviced."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from bihuan.org.models import Site
from bihuan.records.models.parties import Customer
from bihuan.records.search_keys import mirrored, plate_key


class Vehicle(models.Model):
    """A car of a customer. Belongs to the whole organisation; known by its plate, told apart for good by its VIN.

    Mileage in kilometres. `last_*` come from the latest settled maintenance, `next_*` are what the customer was told;
    `service_due_on` is the earlier of the told date and the day the told mileage is likely reached. `last_site` is
    where it was last brought in: that site calls its owner.
    """

    customer = models.ForeignKey(Customer, models.PROTECT, related_name="vehicles", verbose_name="车主")
    plate = models.CharField("车牌", max_length=16)
    plate_key = models.CharField(max_length=16, unique=True, editable=False)
    plate_mirrored = models.CharField(max_length=16, db_index=True, editable=False)
    vin = models.CharField("车架号", max_length=17, null=True, blank=True, unique=True)
    brand = models.CharField("品牌", max_length=40, blank=True, default="")
    model_name = models.CharField("车型", max_length=60, blank=True, default="")
    colour = models.CharField("颜色", max_length=20, blank=True, default="")
    mileage_km = models.PositiveIntegerField("里程 (公里)", null=True, blank=True)
    mileage_read_on = models.DateField("里程读数日期", null=True, blank=True)
    bought_on = models.DateField("购车日期", null=True, blank=True)
    last_service_on = models.DateField("上次保养日期", null=True, blank=True)
    last_service_km = models.PositiveIntegerField("上次保养里程", null=True, blank=True)
    next_service_on = models.DateField("下次保养日期", null=True, blank=True)
    next_service_km = models.PositiveIntegerField("下次保养里程", null=True, blank=True)
    service_due_on = models.DateField("预计保养日期", null=True, blank=True, db_index=True)
    last_visit_on = models.DateField("上次来店", null=True, blank=True, db_index=True)
    last_site = models.ForeignKey(
        Site, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name="上次来店门店"
    )
    note = models.TextField("备注", blank=True, default="")
    created_at = models.DateTimeField("建档时间", null=True, blank=True)
    updated_at = models.DateTimeField("更新时间", null=True, blank=True)

    class Meta:
        verbose_name = "车辆"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=~models.Q(plate=""), name="vehicle_has_plate"),
            models.CheckConstraint(
                condition=models.Q(mileage_km__isnull=True) | models.Q(mileage_km__lte=3_000_000),
                name="vehicle_mileage_plausible",
            ),
        ]

    def __str__(self) -> str:
        return self.plate

    @property
    def label(self) -> str:
        """Brand and model as spoken, such as 远山 S3."""
        if self.brand and self.model_name.startswith(self.brand):
            return self.model_name
        return f"{self.brand} {self.model_name}".strip()

    def fill_keys(self) -> None:
        """Derive the search keys from the plate."""
        self.plate_key = plate_key(self.plate)
        self.plate_mirrored = mirrored(self.plate_key)
        self.vin = self.vin.strip().upper() or None if self.vin else None

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert with search keys filled; existing rows are changed by column in the use cases."""
        if self._state.adding:
            self.fill_keys()
        super().save(*args, **kwargs)
