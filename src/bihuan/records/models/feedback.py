"""What the customer thinks after the visit."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from bihuan.org.scoping import ScopedManager
from bihuan.records.models.cases import Case
from bihuan.records.models.documents import Attachment


class Satisfaction(models.IntegerChoices):
    """Overall satisfaction on five levels."""

    VERY_SATISFIED = 5, "非常满意"
    SATISFIED = 4, "比较满意"
    NEUTRAL = 3, "一般"
    DISSATISFIED = 2, "比较不满意"
    VERY_DISSATISFIED = 1, "非常不满意"


class Feedback(models.Model):
    """The answer at a follow-up: condition, satisfaction 1 to 5, praise. 1 and 2 carry a reason or a recording."""

    case = models.OneToOneField(Case, models.PROTECT, related_name="feedback")
    satisfaction = models.PositiveSmallIntegerField("满意度", choices=Satisfaction)
    condition = models.TextField("车辆状况", blank=True, default="")
    praise = models.TextField("表扬", blank=True, default="")
    reason = models.TextField("不满意原因", blank=True, default="")
    recording = models.ForeignKey(Attachment, models.PROTECT, null=True, blank=True, related_name="+")
    at = models.DateTimeField("时间")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")

    unscoped = models.Manager()
    objects = ScopedManager("case__site_id")

    class Meta:
        verbose_name = "反馈"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(satisfaction__gte=1, satisfaction__lte=5), name="satisfaction_range"),
            models.CheckConstraint(
                condition=Q(satisfaction__gte=3) | ~Q(reason="") | Q(recording__isnull=False),
                name="dissatisfaction_has_reason",
            ),
        ]

    def __str__(self) -> str:
        return str(self.satisfaction)
