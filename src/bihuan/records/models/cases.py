"""The job in hand: a case, the lines of work on it, and its sheets."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q

from bihuan.kernel.money import yuan
from bihuan.org.models import Site
from bihuan.org.scoping import ScopedManager
from bihuan.records.models.assets import Vehicle
from bihuan.records.models.catalogue import JobType, Part
from bihuan.records.models.parties import Customer


class CaseKind(models.TextChoices):
    """The sorts of job the product knows; each has a process of its own, but routine work, which the clock begins.

    Rule books bring further ones as data (`OwnKind`).
    """

    SERVICE_VISIT = "service_visit", "来店维修"
    APPOINTMENT = "appointment", "预约"
    OUTREACH = "outreach", "主动邀约"
    FOLLOW_UP = "follow_up", "回访"
    COMPLAINT = "complaint", "投诉"
    SUGGESTION = "suggestion", "建议"
    ROUTINE = "routine", "例行工作"


class OwnKind(models.Model):
    """A sort of job that an installed rule book brought; its cases run the process of the same key.

    `letters` stand in the numbers of its cases: FYBX in YL-FYBX-20261124-0001.
    """

    key = models.CharField("类型代号", max_length=60, primary_key=True)
    name = models.CharField("类型", max_length=40)
    letters = models.CharField("单号字母", max_length=4)

    objects: ClassVar[models.Manager[OwnKind]] = models.Manager()

    class Meta:
        verbose_name = "业务单类型"
        ordering: ClassVar[list[str]] = ["name"]

    def __str__(self) -> str:
        return self.name


class CaseStatus(models.TextChoices):
    """Whether the loop of the case is closed."""

    OPEN = "open", "进行中"
    CLOSED = "closed", "已完成"
    CANCELLED = "cancelled", "已取消"


class Case(models.Model):
    """One job for a customer, from its first word to its closed loop; the subject of a process instance.

    `agreed_hours` is what the customer signed for; `stamp` is blue when the repair kept it and red when not.
    `kind_name` is empty for the kinds the product knows; a rule book's own kind is called as it was at the opening.
    """

    site = models.ForeignKey(Site, models.PROTECT, db_index=False, related_name="+", verbose_name="门店")
    number = models.CharField("单号", max_length=40, unique=True)
    kind = models.CharField("类型", max_length=60)
    kind_name = models.CharField("类型名称", max_length=40, blank=True, default="")
    title = models.CharField("标题", max_length=200, blank=True, default="")
    customer = models.ForeignKey(Customer, models.PROTECT, null=True, blank=True, db_index=False, related_name="cases")
    vehicle = models.ForeignKey(Vehicle, models.PROTECT, null=True, blank=True, db_index=False, related_name="cases")
    phone = models.CharField("本次联系电话", max_length=20, blank=True, default="")
    status = models.CharField("状态", max_length=10, choices=CaseStatus, default=CaseStatus.OPEN)
    opened_at = models.DateTimeField("开单时间")
    closed_at = models.DateTimeField("关单时间", null=True, blank=True)
    parent = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="children")
    appointment = models.ForeignKey(
        "records.Appointment", models.SET_NULL, null=True, blank=True, related_name="visits", verbose_name="预约"
    )
    advisor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        db_index=False,
        related_name="+",
        verbose_name="服务顾问",
    )
    technician = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name="维修技师"
    )
    waiting_mode = models.CharField(
        "等待方式", max_length=6, blank=True, default="", choices=[("wait", "店内等候"), ("leave", "离店")]
    )
    agreed_hours = models.DecimalField("约定工时", max_digits=7, decimal_places=2, null=True, blank=True)
    agreed_done_at = models.DateTimeField("约定完工时间", null=True, blank=True)
    arrived_at = models.DateTimeField("到店时间", null=True, blank=True)
    work_started_at = models.DateTimeField("开工时间", null=True, blank=True)
    work_done_at = models.DateTimeField("完工时间", null=True, blank=True)
    released_at = models.DateTimeField("交车时间", null=True, blank=True)
    stamp = models.CharField(
        "完工章", max_length=4, blank=True, default="", choices=[("blue", "蓝章"), ("red", "红章")]
    )
    bay = models.CharField("工位", max_length=30, blank=True, default="")
    mileage_km = models.PositiveIntegerField("进厂里程", null=True, blank=True)
    fuel = models.CharField("油量", max_length=10, blank=True, default="")

    unscoped = models.Manager()
    objects = ScopedManager("site_id")

    class Meta:
        verbose_name = "单据"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(status__in=["open", "closed", "cancelled"]), name="case_status_known"),
            models.CheckConstraint(
                condition=Q(status="open", closed_at__isnull=True) | Q(~Q(status="open"), closed_at__isnull=False),
                name="case_closed_has_time",
            ),
            models.CheckConstraint(condition=Q(waiting_mode__in=["", "wait", "leave"]), name="case_waiting_known"),
            models.CheckConstraint(condition=Q(stamp__in=["", "blue", "red"]), name="case_stamp_known"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["site", "status", "-opened_at"], name="case_list"),
            models.Index(fields=["site", "kind", "-opened_at"], name="case_by_kind"),
            models.Index(fields=["site", "-opened_at"], name="case_by_opening"),
            # Of all sites below a group.
            models.Index(fields=["-opened_at", "-id"], name="case_newest"),
            models.Index(fields=["site", "advisor", "-opened_at"], name="case_by_advisor"),
            models.Index(fields=["site", "status", "agreed_done_at", "id"], name="case_by_promise"),
            models.Index(fields=["site", "title"], name="case_by_title", opclasses=["int8_ops", "varchar_pattern_ops"]),
            # Of the open ones everything is in the index, so that counting how many somebody has reads no rows.
            models.Index(
                fields=["site", "advisor", "-opened_at", "id"], condition=Q(status="open"), name="case_open_by_advisor"
            ),
            models.Index(fields=["customer", "-opened_at"], name="case_by_customer"),
            models.Index(fields=["site", "released_at"], name="case_by_release"),
            models.Index(fields=["vehicle", "-opened_at"], name="case_by_vehicle"),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def kind_label(self) -> str:
        """What the kind of this case is called."""
        return self.kind_name or str(CaseKind(self.kind).label)

    @property
    def chain(self) -> str:
        """The audit chain of this case."""
        return self.chain_of(self.pk)

    @staticmethod
    def chain_of(case_id: int) -> str:
        """The audit chain of a case whose row is not at hand."""
        return f"case:{case_id}"


class LineStatus(models.TextChoices):
    """How far a line of work has come."""

    REQUESTED = "requested", "已提出"
    ESTIMATED = "estimated", "已估价"
    AGREED = "agreed", "客户同意"
    DECLINED = "declined", "客户不同意"
    REPLACED = "replaced", "已替换"
    DONE = "done", "已完工"


class WorkLine(models.Model):
    """One item of work on a case (预检单 line): who raised it, the part and the labour, and whether it was agreed.

    Fees in yuan, labour in hours. `round` counts estimates: a fault that differs is estimated anew in the next round
    and the old line is `replaced`. Only agreed lines that are done are charged.
    """

    case = models.ForeignKey(Case, models.CASCADE, related_name="lines")
    seq = models.PositiveSmallIntegerField("序号")
    raised_by = models.CharField(
        "提出人",
        max_length=12,
        choices=[("customer", "客户"), ("technician", "技师"), ("advisor", "服务顾问")],
        default="customer",
    )
    description = models.CharField("内容", max_length=300)
    job = models.ForeignKey(JobType, models.PROTECT, null=True, blank=True, related_name="+")
    part = models.ForeignKey(Part, models.PROTECT, null=True, blank=True, related_name="+")
    quantity = models.DecimalField("数量", max_digits=10, decimal_places=2, default=Decimal(0))
    part_price_yuan = models.DecimalField("配件单价", max_digits=12, decimal_places=2, default=Decimal(0))
    labour_hours = models.DecimalField("工时", max_digits=7, decimal_places=2, default=Decimal(0))
    labour_fee_yuan = models.DecimalField("工时费", max_digits=12, decimal_places=2, default=Decimal(0))
    status = models.CharField("状态", max_length=10, choices=LineStatus, default=LineStatus.REQUESTED)
    round = models.PositiveSmallIntegerField("估价轮次", default=1)
    reserved_quantity = models.DecimalField("已预留", max_digits=10, decimal_places=2, default=Decimal(0))
    issued_quantity = models.DecimalField("已领料", max_digits=10, decimal_places=2, default=Decimal(0))
    part_expected_on = models.DateField("缺件预计到货", null=True, blank=True)
    replaces = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="replaced_by")
    inspected_ok = models.BooleanField("检验合格", null=True, blank=True)
    old_part_present = models.BooleanField("旧件在场", null=True, blank=True)
    done_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    done_at = models.DateTimeField("完工时间", null=True, blank=True)

    unscoped = models.Manager()
    objects = ScopedManager("case__site_id")

    class Meta:
        verbose_name = "作业行"
        ordering: ClassVar[list[str]] = ["case_id", "seq"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["case", "seq"], name="line_seq_once_per_case"),
            models.CheckConstraint(condition=Q(quantity__gte=0), name="line_quantity_not_negative"),
            models.CheckConstraint(condition=Q(reserved_quantity__gte=0), name="line_reserved_not_negative"),
            models.CheckConstraint(condition=Q(issued_quantity__gte=0), name="line_issued_not_negative"),
            models.CheckConstraint(condition=Q(part_price_yuan__gte=0), name="line_part_price_not_negative"),
            models.CheckConstraint(condition=Q(labour_hours__gte=0), name="line_hours_not_negative"),
            models.CheckConstraint(condition=Q(labour_fee_yuan__gte=0), name="line_labour_not_negative"),
            models.CheckConstraint(condition=Q(part__isnull=True) | Q(quantity__gt=0), name="line_part_has_quantity"),
            models.CheckConstraint(
                condition=Q(raised_by__in=["customer", "technician", "advisor"]), name="line_raised_by_known"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["requested", "estimated", "agreed", "declined", "replaced", "done"]),
                name="line_status_known",
            ),
        ]

    def __str__(self) -> str:
        return self.description

    @property
    def parts_fee_yuan(self) -> Decimal:
        """Quantity times the part's price, in yuan; nothing without a part."""
        return yuan(self.quantity * self.part_price_yuan) if self.part_id else Decimal("0.00")

    @property
    def total_yuan(self) -> Decimal:
        """Parts and labour of the line together, in yuan."""
        return self.parts_fee_yuan + self.labour_fee_yuan


class Sheet(models.Model):
    """One sheet of a case (接车, 环车检查, 预检, …): the values of its form as written, one row per kind."""

    case = models.ForeignKey(Case, models.CASCADE, related_name="sheets")
    kind = models.CharField("类型", max_length=40)
    data = models.JSONField("内容", default=dict, encoder=DjangoJSONEncoder)
    version = models.PositiveIntegerField("版本", default=1)
    updated_at = models.DateTimeField("更新时间")
    updated_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")

    unscoped = models.Manager()
    objects = ScopedManager("case__site_id")

    class Meta:
        verbose_name = "表单"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["case", "kind"], name="sheet_once_per_case_and_kind")
        ]

    def __str__(self) -> str:
        return self.kind


class Check(models.Model):
    """One ticked item of a checklist on a case, with time and person (四件套 fitted, engine off, …)."""

    case = models.ForeignKey(Case, models.CASCADE, related_name="checks")
    kind = models.CharField("清单", max_length=40)
    item = models.CharField("项目", max_length=80)
    ticked_at = models.DateTimeField("时间")
    ticked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")

    unscoped = models.Manager()
    objects = ScopedManager("case__site_id")

    class Meta:
        verbose_name = "勾选项"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["case", "kind", "item"], name="check_once")
        ]

    def __str__(self) -> str:
        return self.item
