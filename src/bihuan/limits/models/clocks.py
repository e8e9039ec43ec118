from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from bihuan.accounts.models import User
from bihuan.limits.models.calendars import CalendarVersion
from bihuan.org.scoping import ScopedManager, SiteOwned

# A breach is told once, even when the clock was stopped (late) before anybody looked.
STILL_TO_TELL = Q(breach_told_at__isnull=True) & (Q(stopped_at__isnull=True) | Q(breached_at__isnull=False))
STILL_TO_WARN = Q(stopped_at__isnull=True, warned_at__isnull=True)
STEP_STILL_TO_TELL = Q(told_at__isnull=True, at__isnull=False)


class Clock(SiteOwned):
    """One running time limit on one subject (a call, an arrival, a repair): when it started, when it is due.

    The moments `due_at` and `warn_at` are worked out whenever the clock starts, goes on or gets another target, so
    that finding what is due is one look into an index. A paused clock has neither. `met` is decided when it stops.

    A clock keeps what it started with: `calendar_version` (none: it counts all time) and `rule`, the limit as the rule
    book had it. `due_fixed_at` is a promised moment: no pause moves it. `unconfirmed_year` is the first year on the way
    to `due_at` whose holidays nobody had confirmed. `role` and `person` say who had to keep it, who stopped it.
    """

    class Calendar(models.TextChoices):
        WALL = "wall", "自然时间"
        SITE = "site", "营业时间"
        TEAM = "team", "班组时间"

    subject_kind = models.CharField("对象类别", max_length=32)
    subject_id = models.BigIntegerField("对象")
    key = models.CharField("时限代号", max_length=64)
    name = models.CharField("时限", max_length=80)
    rule = models.JSONField("起算时的规则", default=dict, blank=True)
    calendar = models.CharField("计时方式", max_length=64, default=Calendar.WALL)
    calendar_version = models.ForeignKey(
        CalendarVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="clocks"
    )
    target_seconds = models.FloatField("目标秒数")
    warn_before_seconds = models.FloatField("提前提醒秒数", default=0)
    escalate_to = models.CharField("超时通知角色", max_length=64, blank=True)
    started_at = models.DateTimeField("起算")
    due_fixed_at = models.DateTimeField("约定时刻", null=True, blank=True)
    due_at = models.DateTimeField("到期", null=True, blank=True)
    warn_at = models.DateTimeField("提醒", null=True, blank=True)
    paused_at = models.DateTimeField("暂停于", null=True, blank=True)
    stopped_at = models.DateTimeField("停止于", null=True, blank=True)
    warned_at = models.DateTimeField("已提醒", null=True, blank=True)
    breached_at = models.DateTimeField("超时于", null=True, blank=True)
    breach_told_at = models.DateTimeField("已通报超时", null=True, blank=True)
    met = models.BooleanField("按时", null=True, blank=True)
    unconfirmed_year = models.PositiveSmallIntegerField("未确认的年份", null=True, blank=True)
    role = models.CharField("责任角色", max_length=200, blank=True)
    person = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

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
            models.Index(fields=["site", "started_at"], name="limits_clock_started"),
            models.Index(fields=["site", "due_at"], condition=Q(stopped_at__isnull=True), name="limits_clock_open"),
        )

    @property
    def chain(self) -> str:
        """The audit chain of the subject."""
        return f"{self.subject_kind}:{self.subject_id}"

    def __str__(self) -> str:
        return f"{self.name} {self.subject_kind}:{self.subject_id}"


class ClockPause(models.Model):
    """A stretch in which a clock stood still, and why (等待配件, 等待客户). `ended_at` is empty while it lasts.

    A clock may have several causes to stand still at once, one stretch open for each; it goes on when none is left.
    """

    class Cause(models.TextChoices):
        PERSON = "person", "人工暂停"
        CONDITION = "condition", "按规则暂停"
        TEAM = "team", "不由该班组办理"
        CLOSED = "closed", "已关闭"
        INSTANCE = "instance", "流程挂起"

    clock = models.ForeignKey(Clock, on_delete=models.CASCADE, related_name="pauses")
    cause = models.CharField("缘由", max_length=10, choices=Cause.choices, default=Cause.PERSON)
    reason = models.CharField("原因", max_length=200)
    by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    started_at = models.DateTimeField("开始")
    ended_at = models.DateTimeField("结束", null=True, blank=True)

    unscoped = models.Manager()
    objects = ScopedManager("clock__site_id")

    class Meta:
        verbose_name = "暂停"
        verbose_name_plural = "暂停"
        ordering = ("started_at", "pk")
        constraints = (
            models.UniqueConstraint(
                fields=["clock", "cause"], condition=Q(ended_at__isnull=True), name="limits_pause_one_of_a_cause"
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | Q(ended_at__gte=F("started_at")),
                name="limits_pause_ends_after_start",
            ),
        )

    def __str__(self) -> str:
        return self.reason


class ClockStep(models.Model):
    """A further step of a clock, besides its one warning and its breach: at half time, an hour after the breach.

    `number` is its place in the rule's steps; `after_seconds` of counted time lead to it (with a
    fixed moment: of what lay between start and that moment). `at` is empty while the clock stands still.
    """

    clock = models.ForeignKey(Clock, on_delete=models.CASCADE, related_name="steps")
    number = models.PositiveSmallIntegerField("序号")
    after_seconds = models.FloatField("计时秒数")
    at = models.DateTimeField("时刻", null=True, blank=True)
    told_at = models.DateTimeField("已执行", null=True, blank=True)

    unscoped = models.Manager()
    objects = ScopedManager("clock__site_id")

    class Meta:
        verbose_name = "时限步骤"
        verbose_name_plural = "时限步骤"
        ordering = ("number",)
        constraints = (models.UniqueConstraint(fields=["clock", "number"], name="limits_step_number"),)
        indexes = (models.Index(fields=["at"], condition=STEP_STILL_TO_TELL, name="limits_step_due"),)

    def __str__(self) -> str:
        return f"{self.clock_id}.{self.number}"


class ClockChange(models.Model):
    """Something agreed or decided about a running clock: another target, reopening, another calendar version."""

    class Kind(models.TextChoices):
        TARGET = "target", "变更目标"
        REOPEN = "reopen", "重新打开"
        CALENDAR = "calendar", "按新日历重算"

    clock = models.ForeignKey(Clock, on_delete=models.CASCADE, related_name="changes")
    kind = models.CharField("类别", max_length=8, choices=Kind.choices)
    at = models.DateTimeField("时间")
    by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    reason = models.CharField("原因", max_length=200)
    due_before = models.DateTimeField("原到期", null=True, blank=True)
    due_after = models.DateTimeField("新到期", null=True, blank=True)

    unscoped = models.Manager()
    objects = ScopedManager("clock__site_id")

    class Meta:
        verbose_name = "时限变更"
        verbose_name_plural = "时限变更"
        ordering = ("at", "pk")

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.reason}"
