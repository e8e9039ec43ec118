from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from bihuan.kernel import worktime
from bihuan.org.scoping import ScopedManager, SiteOwned

# A breach is told once, even when the clock was stopped (late) before anybody looked.
STILL_TO_TELL = Q(breach_told_at__isnull=True) & (Q(stopped_at__isnull=True) | Q(breached_at__isnull=False))
STILL_TO_WARN = Q(stopped_at__isnull=True, warned_at__isnull=True)


class Clock(SiteOwned):
    """One running time limit on one subject (a call, an arrival, a repair): when it started, when it is due.

    The moments `due_at` and `warn_at` are worked out whenever the clock starts, goes on or gets another target, so
    that finding what is due is one look into an index. A paused clock has neither. `met` is decided when it stops.
    """

    class Calendar(models.TextChoices):
        WALL = "wall", "自然时间"
        SITE = "site", "营业时间"

    subject_kind = models.CharField("对象类别", max_length=32)
    subject_id = models.BigIntegerField("对象")
    key = models.CharField("时限代号", max_length=64)
    name = models.CharField("时限", max_length=80)
    calendar = models.CharField("计时方式", max_length=8, choices=Calendar.choices, default=Calendar.WALL)
    hours = models.JSONField("起算时的营业时间", null=True, blank=True)
    target_seconds = models.FloatField("目标秒数")
    warn_before_seconds = models.FloatField("提前提醒秒数", default=0)
    escalate_to = models.CharField("超时通知角色", max_length=64, blank=True)
    started_at = models.DateTimeField("起算")
    due_at = models.DateTimeField("到期", null=True, blank=True)
    warn_at = models.DateTimeField("提醒", null=True, blank=True)
    paused_at = models.DateTimeField("暂停于", null=True, blank=True)
    stopped_at = models.DateTimeField("停止于", null=True, blank=True)
    warned_at = models.DateTimeField("已提醒", null=True, blank=True)
    breached_at = models.DateTimeField("超时于", null=True, blank=True)
    breach_told_at = models.DateTimeField("已通报超时", null=True, blank=True)
    met = models.BooleanField("按时", null=True, blank=True)

    class Meta:
        verbose_name = "计时"
        verbose_name_plural = "计时"
        constraints = (
            models.UniqueConstraint(
                fields=["subject_kind", "subject_id", "key"],
                condition=Q(stopped_at__isnull=True),
                name="limits_clock_one_running",
            ),
            models.CheckConstraint(condition=Q(target_seconds__gte=0), name="limits_clock_target_not_negative"),
        )
        indexes = (
            models.Index(
                fields=["due_at"],
                condition=STILL_TO_TELL,
                name="limits_clock_due",
            ),
            models.Index(
                fields=["warn_at"],
                condition=STILL_TO_WARN,
                name="limits_clock_warn",
            ),
            models.Index(fields=["subject_kind", "subject_id"], name="limits_clock_subject"),
            models.Index(fields=["site", "key", "started_at"], name="limits_clock_report"),
        )

    @property
    def working_calendar(self) -> worktime.Calendar:
        """The calendar this clock counts on, as it was when the clock started: {"zone": …, "week": {…}}."""
        if self.calendar == self.Calendar.WALL or not self.hours:
            return worktime.always_open()
        return worktime.parse_calendar(self.hours["zone"], self.hours["week"])

    @property
    def chain(self) -> str:
        """The audit chain of the subject."""
        return f"{self.subject_kind}:{self.subject_id}"

    def __str__(self) -> str:
        return f"{self.name} {self.subject_kind}:{self.subject_id}"


class ClockPause(models.Model):
    """A stretch in which a clock stood still, and why (等待配件, 等待客户). `ended_at` is empty while it lasts."""

    clock = models.ForeignKey(Clock, on_delete=models.CASCADE, related_name="pauses")
    reason = models.CharField("原因", max_length=200)
    started_at = models.DateTimeField("开始")
    ended_at = models.DateTimeField("结束", null=True, blank=True)

    unscoped = models.Manager()
    objects = ScopedManager("clock__site_id")

    class Meta:
        verbose_name = "暂停"
        verbose_name_plural = "暂停"
        ordering = (
            "started_at",
            "pk",
        )
        constraints = (
            models.UniqueConstraint(
                fields=["clock"], condition=Q(ended_at__isnull=True), name="limits_pause_one_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | Q(ended_at__gte=F("started_at")),
                name="limits_pause_ends_after_start",
            ),
        )

    def __str__(self) -> str:
        return self.reason
