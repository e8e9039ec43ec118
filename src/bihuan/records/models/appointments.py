"""Booked arrivals and how many the site can take."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from bihuan.org.models import Site
from bihuan.org.scoping import ScopedManager
from bihuan.records.models.assets import Vehicle
from bihuan.records.models.cases import Case
from bihuan.records.models.catalogue import JobType
from bihuan.records.models.parties import Customer


class AppointmentStatus(models.TextChoices):
    """What became of a booking."""

    BOOKED = "booked", "已预约"
    CHANGED = "changed", "已改期"
    ARRIVED = "arrived", "已到店"
    LATE = "late", "迟到到店"
    NO_SHOW = "no_show", "未到店"
    CANCELLED = "cancelled", "已取消"


class Appointment(models.Model):
    """A promised arrival on the board (预约看板). Complete or not at all: who, which car, when, what for, which phone.

    `slot_starts_at` is the start of the capacity slot it occupies.
    """

    site = models.ForeignKey(Site, models.PROTECT, related_name="+", verbose_name="门店")
    number = models.CharField("预约号", max_length=40, unique=True)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="appointments", verbose_name="客户")
    vehicle = models.ForeignKey(Vehicle, models.PROTECT, related_name="appointments", verbose_name="车辆")
    phone = models.CharField("电话", max_length=20)
    starts_at = models.DateTimeField("预约时间")
    slot_starts_at = models.DateTimeField("时段")
    minutes = models.PositiveSmallIntegerField("占用分钟", default=60)
    jobs = models.ManyToManyField(JobType, related_name="+", verbose_name="预约项目", blank=True)
    request = models.TextField("客户要求", blank=True, default="")
    technician = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name="指定技师"
    )
    status = models.CharField("状态", max_length=10, choices=AppointmentStatus, default=AppointmentStatus.BOOKED)
    source = models.CharField(
        "来源",
        max_length=10,
        default="call",
        choices=[("call", "来电"), ("outreach", "主动邀约"), ("counter", "到店"), ("web", "网上"), ("other", "其他")],
    )
    case = models.ForeignKey(Case, models.SET_NULL, null=True, blank=True, related_name="booked_appointments")
    arrived_at = models.DateTimeField("到店时间", null=True, blank=True)
    cancelled_reason = models.CharField("取消原因", max_length=200, blank=True, default="")
    created_at = models.DateTimeField("登记时间")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")

    unscoped = models.Manager()
    objects = ScopedManager("site_id")

    class Meta:
        verbose_name = "预约"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=~Q(phone=""), name="appointment_has_phone"),
            models.CheckConstraint(condition=Q(minutes__gte=5, minutes__lte=1440), name="appointment_minutes_sane"),
            models.CheckConstraint(
                condition=Q(status__in=["booked", "changed", "arrived", "late", "no_show", "cancelled"]),
                name="appointment_status_known",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["site", "starts_at"], name="appointment_board"),
            models.Index(fields=["site", "slot_starts_at"], name="appointment_slot"),
            models.Index(fields=["vehicle", "-starts_at"], name="appointment_by_vehicle"),
        ]

    def __str__(self) -> str:
        return self.number


class SlotCapacity(models.Model):
    """How many arrivals a site takes in one slot of the week. `weekday` 0 is Monday; `starts` is local time."""

    site = models.ForeignKey(Site, models.CASCADE, related_name="+")
    weekday = models.PositiveSmallIntegerField("星期")
    starts = models.TimeField("开始")
    minutes = models.PositiveSmallIntegerField("时长 (分钟)", default=60)
    capacity = models.PositiveSmallIntegerField("容量", default=2)

    unscoped = models.Manager()
    objects = ScopedManager("site_id")

    class Meta:
        verbose_name = "时段容量"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["site", "weekday", "starts"], name="slot_once"),
            models.CheckConstraint(condition=Q(weekday__lte=6), name="slot_weekday_known"),
            models.CheckConstraint(condition=Q(minutes__gte=5, minutes__lte=1440), name="slot_minutes_sane"),
        ]

    def __str__(self) -> str:
        return f"{self.weekday} {self.starts}"


class SlotUse(models.Model):
    """How many arrivals are booked into one slot of one day; the guard against two clerks taking the last place."""

    site = models.ForeignKey(Site, models.CASCADE, related_name="+")
    starts_at = models.DateTimeField("时段")
    used = models.PositiveSmallIntegerField("已约", default=0)

    unscoped = models.Manager()
    objects = ScopedManager("site_id")

    class Meta:
        verbose_name = "时段占用"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["site", "starts_at"], name="slot_use_once")
        ]

    def __str__(self) -> str:
        return f"{self.starts_at} {self.used}"
