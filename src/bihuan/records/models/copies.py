"""Who was told of a case and may therefore read it (抄送), and whether they have (已阅)."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from bihuan.org.scoping import ScopedManager
from bihuan.records.models.cases import Case


class CopyOn(models.TextChoices):
    """What a copy was sent on: a rule of the diagram, or by hand."""

    OPEN = "open", "打开时"
    COMPLETE = "complete", "办完时"
    HAND = "hand", "手动"


class CaseCopy(models.Model):
    """One person told once of a case. As long as it is not withdrawn, it lets them read that case and nothing else.

    `step` is what it was about; `by` whoever sent it by hand, or did what set the rule off (empty: the system); `why`
    why the rule chose this person. It is unread until they open it or, where `wants_confirmation`, confirm that they
    have read it.
    """

    case = models.ForeignKey(Case, models.CASCADE, related_name="copies", verbose_name="单据")
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
    withdrawn_at = models.DateTimeField("收回时间", null=True, blank=True)
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name="收回人"
    )

    unscoped = models.Manager()
    objects = ScopedManager("case__site_id")

    class Meta:
        verbose_name = "抄送"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(on__in=["open", "complete", "hand"]), name="copy_on_known"),
            models.CheckConstraint(
                condition=Q(confirmed_at__isnull=True) | Q(unread=False), name="copy_confirmed_is_read"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["user", "case"], condition=Q(withdrawn_at__isnull=True), name="copy_lets_read"),
            models.Index(fields=["user", "-id"], condition=Q(withdrawn_at__isnull=True), name="copy_of_person"),
            models.Index(
                fields=["user", "-id"], condition=Q(withdrawn_at__isnull=True, unread=True), name="copy_unread"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.case_id} → {self.user_id}"
