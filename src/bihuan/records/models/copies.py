"""Who was told of something and may therefore read it (抄送), and whether they have (已阅)."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from bihuan.org.scoping import SiteOwned
from bihuan.records.models.cases import Case


class CopyOn(models.TextChoices):
    """What a copy was sent on: a rule of the diagram, by hand, or because others have not confirmed that they read."""

    OPEN = "open", "打开时"
    COMPLETE = "complete", "办完时"
    HAND = "hand", "手动"
    ESCALATE = "escalate", "上报"


class CarbonCopy(SiteOwned):
    """One person told once of a step. As long as it is not withdrawn, it lets them read that and nothing else.

    They read the `case`, or the process instance of number `instance_id` where that is about no case; `title` is what
    it is called, `chain` where it is logged. `step` is what it was about (`node_id` on the diagram); `by` whoever sent
    it by hand, or did what set the rule off (empty: the system); `why` why this person was chosen. It is unread until
    they open it or, where `wants_confirmation`, confirm that they have read it. `urges` counts reminders by people,
    `reminders` those of the rule, which told others of it at `escalated_at`.
    """

    case = models.ForeignKey(Case, models.CASCADE, null=True, blank=True, related_name="copies", verbose_name="单据")
    instance_id = models.BigIntegerField("流程实例", null=True, blank=True)
    node_id = models.CharField("节点", max_length=120, blank=True, default="")
    title = models.CharField("事项", max_length=200, blank=True, default="")
    chain = models.CharField("日志", max_length=80, blank=True, default="")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name="抄送给")
    step = models.CharField("环节", max_length=200, blank=True, default="")
    on = models.CharField("何时", max_length=8, choices=CopyOn)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name="抄送人"
    )
    why = models.CharField("依据", max_length=300, blank=True, default="")
    note = models.CharField("说明", max_length=200, blank=True, default="")
    sent_at = models.DateTimeField("抄送时间")
    wants_confirmation = models.BooleanField("要确认已阅", default=False)
    unread = models.BooleanField("未阅", default=True)
    opened_at = models.DateTimeField("打开时间", null=True, blank=True)
    confirmed_at = models.DateTimeField("已阅时间", null=True, blank=True)
    remark = models.CharField("阅后意见", max_length=200, blank=True, default="")
    urged_at = models.DateTimeField("催阅时间", null=True, blank=True)
    urges = models.PositiveSmallIntegerField("催阅次数", default=0)
    reminders = models.PositiveSmallIntegerField("提醒次数", default=0)
    escalated_at = models.DateTimeField("上报时间", null=True, blank=True)
    withdrawn_at = models.DateTimeField("收回时间", null=True, blank=True)
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name="收回人"
    )

    class Meta:
        verbose_name = "抄送"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(on__in=["open", "complete", "hand", "escalate"]), name="copy_on_known"),
            models.CheckConstraint(
                condition=Q(case__isnull=False) | Q(instance_id__isnull=False), name="copy_of_something"
            ),
            models.CheckConstraint(
                condition=Q(confirmed_at__isnull=True) | Q(unread=False), name="copy_confirmed_is_read"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["user", "case"], condition=Q(withdrawn_at__isnull=True), name="copy_lets_read"),
            models.Index(fields=["instance_id"], condition=Q(instance_id__isnull=False), name="copy_of_instance"),
            models.Index(fields=["user", "-id"], condition=Q(withdrawn_at__isnull=True), name="copy_of_person"),
            models.Index(
                fields=["user", "-id"], condition=Q(withdrawn_at__isnull=True, unread=True), name="copy_unread"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.case_id or self.instance_id} → {self.user_id}"
