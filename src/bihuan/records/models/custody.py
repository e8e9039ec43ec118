"""Who holds a customer's thing at this moment, and every hand-over of it."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from bihuan.org.scoping import ScopedManager
from bihuan.records.models.cases import Case
from bihuan.records.models.documents import Signature


class Thing(models.TextChoices):
    """What is taken into care with a car."""

    KEY = "key", "车钥匙"
    LICENCE = "licence", "行驶证"
    MANUAL = "manual", "保养手册"
    OLD_PARTS = "old_parts", "旧件"
    VALUABLES = "valuables", "贵重物品"


class HolderKind(models.TextChoices):
    """Who can hold a thing: a colleague, a desk of the site, or the customer again."""

    USER = "user", "员工"
    DESK = "desk", "岗位"
    CUSTOMER = "customer", "客户"


class Custody(models.Model):
    """A thing of the customer in our care on a case: who holds it now and since when.

    `holder` is the user id for a colleague, the desk's name (值班室) for a desk, the customer id for the customer.
    """

    case = models.ForeignKey(Case, models.PROTECT, related_name="custodies")
    thing = models.CharField("物品", max_length=12, choices=Thing)
    holder_kind = models.CharField("保管方", max_length=10, choices=HolderKind)
    holder = models.CharField("保管人", max_length=40)
    holder_name = models.CharField("保管人姓名", max_length=80)
    since = models.DateTimeField("开始时间")
    note = models.CharField("备注", max_length=200, blank=True, default="")

    unscoped = models.Manager()
    objects = ScopedManager("case__site_id")

    class Meta:
        verbose_name = "保管"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["case", "thing"], name="custody_once_per_thing"),
            models.CheckConstraint(
                condition=Q(holder_kind__in=["user", "desk", "customer"]), name="custody_holder_known"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["holder_kind", "holder"], name="custody_by_holder")
        ]

    def __str__(self) -> str:
        return f"{self.thing}: {self.holder_name}"


class CustodyMove(models.Model):
    """One hand-over: from whom, to whom, when, and whose signature or name stands for it. Never changed."""

    custody = models.ForeignKey(Custody, models.PROTECT, related_name="moves")
    from_kind = models.CharField(max_length=10, choices=HolderKind)
    from_holder = models.CharField(max_length=40)
    from_name = models.CharField(max_length=80)
    to_kind = models.CharField(max_length=10, choices=HolderKind)
    to_holder = models.CharField(max_length=40)
    to_name = models.CharField(max_length=80)
    signed_by = models.CharField("签收人", max_length=80)
    signature = models.ForeignKey(Signature, models.PROTECT, null=True, blank=True, related_name="+")
    at = models.DateTimeField("时间")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    note = models.CharField("备注", max_length=200, blank=True, default="")

    unscoped = models.Manager()
    objects = ScopedManager("custody__case__site_id")

    class Meta:
        verbose_name = "交接"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["custody", "at"], name="custody_move_order"),
        ]

    def __str__(self) -> str:
        return f"{self.from_name} → {self.to_name}"
