from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from bihuan.kernel import clock

WEEKDAYS = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")


class Superior(models.Model):
    """Whom somebody answers to, said outright; without a row the heads of department and site decide (上级)."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="superior_row")
    superior = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    objects: ClassVar[models.Manager[Superior]] = models.Manager()

    class Meta:
        verbose_name = "上级"
        verbose_name_plural = "上级"
        constraints = (models.CheckConstraint(condition=~Q(user=F("superior")), name="org_superior_is_another"),)

    def __str__(self) -> str:
        return f"{self.user} → {self.superior}"


class UserGroup(models.Model):
    """People picked by name for a purpose, across departments: 评审小组, 内训师 (用户组)."""

    key = models.SlugField("代号", max_length=64, unique=True)
    name = models.CharField("名称", max_length=64)
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, blank=True, related_name="user_groups")

    objects: ClassVar[models.Manager[UserGroup]] = models.Manager()

    class Meta:
        verbose_name = "用户组"
        verbose_name_plural = "用户组"
        ordering = ("key",)

    def __str__(self) -> str:
        return self.name


class StandIn(models.Model):
    """Who steps in when nobody who holds a post is there, in this order (替补)."""

    position = models.ForeignKey("org.Position", on_delete=models.CASCADE, related_name="stand_ins")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    rank = models.PositiveSmallIntegerField("顺序", default=1)

    objects: ClassVar[models.Manager[StandIn]] = models.Manager()

    class Meta:
        verbose_name = "替补"
        verbose_name_plural = "替补"
        ordering = ("position", "rank", "id")
        constraints = (models.UniqueConstraint(fields=["position", "user"], name="org_stand_in_once"),)

    def __str__(self) -> str:
        return f"{self.position} {self.user}"


class WeeklyShift(models.Model):
    """Somebody is on duty in a role at a site every week on this day, from `since` to `until` inclusive (排班).

    Times are the site's; a shift that ends at or before its start ends on the next day.
    """

    site = models.ForeignKey("org.Site", on_delete=models.PROTECT, related_name="+")
    role = models.ForeignKey("org.Role", on_delete=models.PROTECT, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    weekday = models.PositiveSmallIntegerField("星期", choices=list(enumerate(WEEKDAYS)))
    starts = models.TimeField("开始")
    ends = models.TimeField("结束")
    since = models.DateField("自")
    until = models.DateField("至", null=True, blank=True)

    objects: ClassVar[models.Manager[WeeklyShift]] = models.Manager()

    class Meta:
        verbose_name = "每周班次"
        verbose_name_plural = "每周班次"
        indexes = (models.Index(fields=["site", "role", "weekday"], name="org_weekly_shift_day"),)
        constraints = (
            models.CheckConstraint(condition=Q(weekday__lte=6), name="org_weekly_shift_weekday"),
            models.CheckConstraint(condition=Q(until__isnull=True) | Q(until__gte=F("since")), name="org_weekly_shift"),
        )

    def __str__(self) -> str:
        return f"{self.user} {WEEKDAYS[self.weekday]} {self.starts:%H:%M}-{self.ends:%H:%M}"


class DayShift(models.Model):
    """One day that differs from the week: an extra shift, or (`off`) a shift of the week that does not take place."""

    site = models.ForeignKey("org.Site", on_delete=models.PROTECT, related_name="+")
    role = models.ForeignKey("org.Role", on_delete=models.PROTECT, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    day = models.DateField("日期")
    starts = models.TimeField("开始")
    ends = models.TimeField("结束")
    off = models.BooleanField("不上班", default=False)

    objects: ClassVar[models.Manager[DayShift]] = models.Manager()

    class Meta:
        verbose_name = "单日班次"
        verbose_name_plural = "单日班次"
        indexes = (models.Index(fields=["site", "role", "day"], name="org_day_shift_day"),)
        constraints = (
            models.UniqueConstraint(fields=["site", "role", "user", "day", "starts"], name="org_day_shift_once"),
        )

    def __str__(self) -> str:
        return f"{self.user} {self.day} {self.starts:%H:%M}-{self.ends:%H:%M}"


class Leave(models.Model):
    """Somebody is away from a moment to a moment, by half days of their site (请假). Only approved leave counts."""

    class Kind(models.TextChoices):
        ANNUAL = "annual", "年休假"
        PERSONAL = "personal", "事假"
        SICK = "sick", "病假"
        TRIP = "trip", "出差"
        OTHER = "other", "其他"

    class Status(models.TextChoices):
        REQUESTED = "requested", "待批准"
        APPROVED = "approved", "已批准"
        REFUSED = "refused", "未批准"
        CANCELLED = "cancelled", "已撤销"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="leaves")
    site = models.ForeignKey("org.Site", on_delete=models.PROTECT, related_name="+")
    kind = models.CharField("类别", max_length=10, choices=Kind, default=Kind.ANNUAL)
    starts_at = models.DateTimeField("开始")
    ends_at = models.DateTimeField("结束")
    reason = models.CharField("事由", max_length=200, blank=True, default="")
    status = models.CharField("状况", max_length=10, choices=Status, default=Status.REQUESTED)
    asked_at = models.DateTimeField("申请时间", default=clock.now)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField("批准时间", null=True, blank=True)

    objects: ClassVar[models.Manager[Leave]] = models.Manager()

    class Meta:
        verbose_name = "请假"
        verbose_name_plural = "请假"
        indexes = (
            models.Index(fields=["user", "ends_at"], name="org_leave_user"),
            models.Index(fields=["site", "ends_at"], name="org_leave_site"),
        )
        constraints = (models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="org_leave_has_length"),)

    def __str__(self) -> str:
        return f"{self.user} {self.get_kind_display()}"


class Delegation(models.Model):
    """B does A's work at a site for a while: all of it, or that of one role, or of one process (代理).

    A goes on seeing it. `process_key` is the key of a process; an empty role or process means every one.
    """

    principal = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    delegate = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    site = models.ForeignKey("org.Site", on_delete=models.PROTECT, related_name="+")
    role_key = models.CharField("角色", max_length=64, blank=True, default="")
    process_key = models.CharField("流程", max_length=80, blank=True, default="")
    starts_at = models.DateTimeField("开始")
    ends_at = models.DateTimeField("结束")
    reason = models.CharField("原因", max_length=200, blank=True, default="")
    made_at = models.DateTimeField("登记时间", default=clock.now)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects: ClassVar[models.Manager[Delegation]] = models.Manager()

    class Meta:
        verbose_name = "代理"
        verbose_name_plural = "代理"
        indexes = (
            models.Index(fields=["delegate", "ends_at"], name="org_delegation_delegate"),
            models.Index(fields=["principal", "ends_at"], name="org_delegation_principal"),
        )
        constraints = (
            models.CheckConstraint(condition=~Q(principal=F("delegate")), name="org_delegation_to_another"),
            models.CheckConstraint(condition=Q(ends_at__gte=F("starts_at")), name="org_delegation_in_order"),
        )

    def __str__(self) -> str:
        return f"{self.delegate} 代 {self.principal}"
