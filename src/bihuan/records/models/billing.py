"""Money of a case: the settlement and its charges, payments and refunds, vouchers."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Round

from bihuan.org.models import Site
from bihuan.org.scoping import ScopedManager
from bihuan.records.models.cases import Case, WorkLine
from bihuan.records.models.parties import Customer


class Voucher(models.Model):
    """A discount promised to a customer, such as 20 % off (8折) for an adopted suggestion. Good once.

    `percent_off` is the percentage taken off parts and labour together.
    """

    customer = models.ForeignKey(Customer, models.PROTECT, related_name="vouchers")
    code = models.CharField("券号", max_length=40, unique=True)
    percent_off = models.PositiveSmallIntegerField("优惠 (%)")
    issued_at = models.DateTimeField("发放时间")
    expires_on = models.DateField("有效期至", null=True, blank=True)
    used_case = models.ForeignKey(Case, models.PROTECT, null=True, blank=True, related_name="used_vouchers")
    used_at = models.DateTimeField("使用时间", null=True, blank=True)
    origin_case = models.ForeignKey(Case, models.PROTECT, null=True, blank=True, related_name="granted_vouchers")

    class Meta:
        verbose_name = "折扣券"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(percent_off__gte=1, percent_off__lte=100), name="voucher_percent_sane"),
            models.CheckConstraint(
                condition=Q(used_case__isnull=True, used_at__isnull=True)
                | Q(used_case__isnull=False, used_at__isnull=False),
                name="voucher_used_whole",
            ),
            models.UniqueConstraint(
                fields=["origin_case"], condition=Q(origin_case__isnull=False), name="one_voucher_per_suggestion"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["customer", "used_at"], name="voucher_open"),
        ]

    def __str__(self) -> str:
        return self.code


class SettlementStatus(models.TextChoices):
    """How far the bill is: drawn up, agreed by the customer, paid in full."""

    DRAFT = "draft", "待确认"
    AGREED = "agreed", "已确认"
    SETTLED = "settled", "已结清"


class Settlement(models.Model):
    """The bill of a case (结算单), in yuan. Total = parts + labour - discount + correction, never below zero.

    `correction_yuan` is signed: what was put right under authority after an objection.
    """

    case = models.OneToOneField(Case, models.PROTECT, related_name="settlement")
    number = models.CharField("结算单号", max_length=40, unique=True)
    parts_yuan = models.DecimalField("配件费", max_digits=12, decimal_places=2, default=Decimal(0))
    labour_yuan = models.DecimalField("工时费", max_digits=12, decimal_places=2, default=Decimal(0))
    discount_yuan = models.DecimalField("优惠", max_digits=12, decimal_places=2, default=Decimal(0))
    correction_yuan = models.DecimalField("更正", max_digits=12, decimal_places=2, default=Decimal(0))
    total_yuan = models.DecimalField("应收", max_digits=12, decimal_places=2, default=Decimal(0))
    paid_yuan = models.DecimalField("已收", max_digits=12, decimal_places=2, default=Decimal(0))
    status = models.CharField("状态", max_length=10, choices=SettlementStatus, default=SettlementStatus.DRAFT)
    voucher = models.OneToOneField(Voucher, models.PROTECT, null=True, blank=True, related_name="settlement")
    invoice_title = models.CharField("发票抬头", max_length=120, blank=True, default="")
    invoice_tax_no = models.CharField("税号", max_length=30, blank=True, default="")
    created_at = models.DateTimeField("生成时间")
    agreed_at = models.DateTimeField("确认时间", null=True, blank=True)
    settled_at = models.DateTimeField("结清时间", null=True, blank=True)

    unscoped = models.Manager()
    objects = ScopedManager("case__site_id")

    class Meta:
        verbose_name = "结算单"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                # Rounded because SQLite adds decimals as floats.
                condition=Q(
                    total_yuan=Round(
                        F("parts_yuan") + F("labour_yuan") - F("discount_yuan") + F("correction_yuan"), precision=2
                    )
                ),
                name="settlement_adds_up",
            ),
            models.CheckConstraint(condition=Q(total_yuan__gte=0), name="settlement_not_negative"),
            models.CheckConstraint(condition=Q(discount_yuan__gte=0), name="settlement_discount_not_negative"),
            models.CheckConstraint(condition=Q(paid_yuan__gte=0), name="settlement_paid_not_negative"),
            models.CheckConstraint(condition=Q(paid_yuan__lte=F("total_yuan")), name="settlement_not_overpaid"),
            models.CheckConstraint(
                condition=Q(status__in=["draft", "agreed", "settled"]), name="settlement_status_known"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["status", "-created_at"], name="settlement_list"),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def before_changes_yuan(self) -> Decimal:
        """Parts and labour (合计), before a discount and what was put right."""
        return self.parts_yuan + self.labour_yuan

    @property
    def has_changes(self) -> bool:
        """Whether what is to be paid differs from what was charged in how it came about: a discount, a correction."""
        return bool(self.discount_yuan or self.correction_yuan)

    @property
    def balance_yuan(self) -> Decimal:
        """What is still to be paid, in yuan."""
        return self.total_yuan - self.paid_yuan


class Charge(models.Model):
    """One amount on a bill: a line's parts or labour, the discount (negative), or a correction with its reason."""

    settlement = models.ForeignKey(Settlement, models.CASCADE, related_name="charges")
    line = models.ForeignKey(WorkLine, models.PROTECT, null=True, blank=True, related_name="charges")
    kind = models.CharField(
        "类型",
        max_length=12,
        choices=[("parts", "配件费"), ("labour", "工时费"), ("discount", "优惠"), ("correction", "更正")],
    )
    amount_yuan = models.DecimalField("金额", max_digits=12, decimal_places=2)
    reason = models.CharField("说明", max_length=200, blank=True, default="")
    at = models.DateTimeField("时间")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")

    unscoped = models.Manager()
    objects = ScopedManager("settlement__case__site_id")

    class Meta:
        verbose_name = "费用"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(kind__in=["parts", "labour"], amount_yuan__gte=0)
                | Q(kind="discount", amount_yuan__lte=0)
                | Q(Q(kind="correction"), ~Q(reason="")),
                name="charge_sign_fits_kind",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount_yuan}"


class PaymentMethod(models.TextChoices):
    """How money came in or went back."""

    CASH = "cash", "现金"
    CARD = "card", "银行卡"
    WECHAT = "wechat", "微信"
    ALIPAY = "alipay", "支付宝"
    TRANSFER = "transfer", "转账"


class Payment(models.Model):
    """Money received for a bill, or given back under authority; the amount is positive in both."""

    site = models.ForeignKey(Site, models.PROTECT, related_name="+")
    settlement = models.ForeignKey(Settlement, models.PROTECT, related_name="payments")
    kind = models.CharField("类型", max_length=8, choices=[("payment", "收款"), ("refund", "退款")], default="payment")
    method = models.CharField("方式", max_length=10, choices=PaymentMethod)
    amount_yuan = models.DecimalField("金额", max_digits=12, decimal_places=2)
    reference = models.CharField("凭证号", max_length=80, blank=True, default="")
    reason = models.CharField("说明", max_length=200, blank=True, default="")
    at = models.DateTimeField("时间")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")

    unscoped = models.Manager()
    objects = ScopedManager("site_id")

    class Meta:
        verbose_name = "收款"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(amount_yuan__gt=0), name="payment_positive"),
            models.CheckConstraint(condition=Q(kind__in=["payment", "refund"]), name="payment_kind_known"),
            models.CheckConstraint(
                condition=Q(method__in=["cash", "card", "wechat", "alipay", "transfer"]), name="payment_method_known"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["settlement", "at"], name="payment_by_settlement"),
            models.Index(fields=["site", "-at"], name="payment_by_site"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount_yuan}"
