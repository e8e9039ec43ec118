"""The telephone: when it rang, who answered, what it was about."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from bihuan.org.models import Site
from bihuan.org.scoping import ScopedManager
from bihuan.records.models.cases import Case
from bihuan.records.models.parties import Customer


class CallLog(models.Model):
    """One telephone call. Inbound calls are promised an answer within 10 seconds of ringing (AUTO-02)."""

    site = models.ForeignKey(Site, models.PROTECT, related_name="+")
    direction = models.CharField("方向", max_length=3, choices=[("in", "呼入"), ("out", "呼出")])
    phone = models.CharField("号码", max_length=20, blank=True, default="")
    external_id = models.CharField("话务系统编号", max_length=80, blank=True, default="")
    ringing_at = models.DateTimeField("振铃时间")
    answered_at = models.DateTimeField("接听时间", null=True, blank=True)
    ended_at = models.DateTimeField("挂断时间", null=True, blank=True)
    outcome = models.CharField(
        "结果",
        max_length=10,
        choices=[("ringing", "振铃中"), ("answered", "通话中"), ("done", "已通话"), ("abandoned", "未接通")],
        default="ringing",
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    customer = models.ForeignKey(Customer, models.SET_NULL, null=True, blank=True, related_name="calls")
    case = models.ForeignKey(Case, models.SET_NULL, null=True, blank=True, related_name="calls")

    unscoped = models.Manager()
    objects = ScopedManager("site_id")

    class Meta:
        verbose_name = "通话记录"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(direction__in=["in", "out"]), name="call_direction_known"),
            models.CheckConstraint(
                condition=Q(answered_at__isnull=True) | Q(answered_at__gte=models.F("ringing_at")),
                name="call_answered_after_ringing",
            ),
            models.UniqueConstraint(
                fields=["site", "external_id"], condition=~Q(external_id=""), name="call_once_per_system_id"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["site", "-ringing_at"], name="call_list"),
            models.Index(fields=["customer", "-ringing_at"], name="call_by_customer"),
        ]

    def __str__(self) -> str:
        return f"{self.direction} {self.phone}"
