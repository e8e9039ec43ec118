"""Parts on the shelf of a site, and every move of them."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from bihuan.org.models import Site
from bihuan.org.scoping import ScopedManager
from bihuan.records.models.cases import Case, WorkLine
from bihuan.records.models.catalogue import Part


class Stock(models.Model):
    """How many of a part lie on a site's shelf, and how many of those are promised to cases.

    Changed only by the guarded updates of `records.stock`, each of which leaves a StockMove; the database
    refuses negative stock and promises above what is there.
    """

    site = models.ForeignKey(Site, models.PROTECT, related_name="+", verbose_name="门店")
    part = models.ForeignKey(Part, models.PROTECT, related_name="stocks", verbose_name="配件")
    shelf = models.CharField("货位", max_length=30, blank=True, default="")
    on_hand = models.DecimalField("库存", max_digits=12, decimal_places=2, default=Decimal(0))
    reserved = models.DecimalField("已预留", max_digits=12, decimal_places=2, default=Decimal(0))

    unscoped = models.Manager()
    objects = ScopedManager("site_id")

    class Meta:
        verbose_name = "库存"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["site", "part"], name="stock_once_per_site_and_part"),
            models.CheckConstraint(condition=Q(on_hand__gte=0), name="stock_not_negative"),
            models.CheckConstraint(condition=Q(reserved__gte=0), name="stock_reserved_not_negative"),
            models.CheckConstraint(condition=Q(reserved__lte=F("on_hand")), name="stock_not_over_reserved"),
        ]

    def __str__(self) -> str:
        return f"{self.part_id}@{self.site_id}"

    @property
    def available(self) -> Decimal:
        """What may still be promised: on hand less reserved."""
        return self.on_hand - self.reserved


class StockMoveKind(models.TextChoices):
    """Why stock changed."""

    RECEIVE = "receive", "入库"
    RESERVE = "reserve", "预留"
    RELEASE = "release", "取消预留"
    ISSUE = "issue", "出库"
    RETURN = "return", "退库"
    ADJUST = "adjust", "盘点调整"


class StockMove(models.Model):
    """One move of stock with who, when, why and for which line; never changed afterwards.

    `quantity` is positive, except for an adjustment, which may lower the stock. `on_hand_after` and
    `reserved_after` are what the shelf showed right after it.
    """

    site = models.ForeignKey(Site, models.PROTECT, related_name="+")
    stock = models.ForeignKey(Stock, models.PROTECT, related_name="moves")
    kind = models.CharField("类型", max_length=10, choices=StockMoveKind)
    quantity = models.DecimalField("数量", max_digits=12, decimal_places=2)
    on_hand_after = models.DecimalField(max_digits=12, decimal_places=2)
    reserved_after = models.DecimalField(max_digits=12, decimal_places=2)
    case = models.ForeignKey(Case, models.PROTECT, null=True, blank=True, related_name="stock_moves")
    line = models.ForeignKey(WorkLine, models.PROTECT, null=True, blank=True, related_name="stock_moves")
    reason = models.CharField("说明", max_length=200, blank=True, default="")
    at = models.DateTimeField("时间")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")

    unscoped = models.Manager()
    objects = ScopedManager("site_id")

    class Meta:
        verbose_name = "库存流水"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=~Q(quantity=0), name="stock_move_not_zero"),
            models.CheckConstraint(condition=Q(kind="adjust") | Q(quantity__gt=0), name="stock_move_positive"),
            models.CheckConstraint(
                condition=Q(kind__in=["receive", "reserve", "release", "issue", "return", "adjust"]),
                name="stock_move_kind_known",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["stock", "-at"], name="stock_move_by_stock"),
            models.Index(fields=["line", "kind"], name="stock_move_by_line"),
            models.Index(fields=["site", "-at"], name="stock_move_by_site"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.quantity}"
