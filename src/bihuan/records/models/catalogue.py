"""What is sold: jobs with their hours and rates, parts with their price."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from django.db import models

from bihuan.kernel.money import yuan
from bihuan.org.models import Site
from bihuan.org.scoping import ScopedManager


class JobType(models.Model):
    """A job of a site's catalogue (作业项目): standard hours and the labour rate in yuan per hour."""

    site = models.ForeignKey(Site, models.PROTECT, related_name="+", verbose_name="门店")
    code = models.CharField("项目编码", max_length=30)
    name = models.CharField("项目名称", max_length=80)
    initials = models.CharField(max_length=40, blank=True, default="", db_index=True, editable=False)
    hours = models.DecimalField("标准工时", max_digits=6, decimal_places=2)
    rate_yuan_per_hour = models.DecimalField("工时单价 (元)", max_digits=10, decimal_places=2)
    is_maintenance = models.BooleanField("保养项目", default=False)
    active = models.BooleanField("在用", default=True)

    unscoped = models.Manager()
    objects = ScopedManager("site_id")

    class Meta:
        verbose_name = "作业项目"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["site", "code"], name="job_code_once_per_site"),
            models.CheckConstraint(condition=models.Q(hours__gte=0), name="job_hours_not_negative"),
            models.CheckConstraint(condition=models.Q(rate_yuan_per_hour__gte=0), name="job_rate_not_negative"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["site", "active", "code"], name="job_list"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def labour_fee_yuan(self) -> Decimal:
        """Standard hours times the rate, in yuan."""
        return yuan(self.hours * self.rate_yuan_per_hour)


class Part(models.Model):
    """A part (备品) of the organisation's list with its selling price in yuan per unit."""

    code = models.CharField("配件编码", max_length=40, unique=True)
    name = models.CharField("配件名称", max_length=80, db_index=True)
    initials = models.CharField(max_length=40, blank=True, default="", db_index=True, editable=False)
    unit = models.CharField("单位", max_length=10, default="件")
    price_yuan = models.DecimalField("单价 (元)", max_digits=12, decimal_places=2)
    active = models.BooleanField("在用", default=True)

    class Meta:
        verbose_name = "配件"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=models.Q(price_yuan__gte=0), name="part_price_not_negative"),
            models.CheckConstraint(condition=~models.Q(code=""), name="part_has_code"),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"
