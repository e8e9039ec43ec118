from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from bihuan.accounts.models import User
from bihuan.kernel import clock
from bihuan.kernel.worktime import DAY_NAMES
from bihuan.org.models import Department, Site

_WEEKDAYS = "一二三四五六日"


class HolidayYear(models.Model):
    """One year of the holiday table (节假日与调休). Until somebody confirms it, due moments in it are provisional."""

    year = models.PositiveSmallIntegerField("年份", unique=True)
    source = models.CharField("来源", max_length=120, blank=True)
    confirmed_at = models.DateTimeField("确认时间", null=True, blank=True)
    confirmed_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    objects: ClassVar[models.Manager[HolidayYear]] = models.Manager()

    class Meta:
        verbose_name = "节假日年度"
        verbose_name_plural = "节假日年度"
        ordering = ("year",)

    def __str__(self) -> str:
        return f"{self.year} 年"

    @property
    def is_confirmed(self) -> bool:
        return self.confirmed_at is not None


class DayKind(models.TextChoices):
    """How a date of the holiday table differs from the weekly pattern."""

    REST = "rest", "放假"
    WORK = "work", "调休上班"
    HALF = "half", "半天"


class HolidayDay(models.Model):
    """A date that is not what its weekday says: a holiday, a make-up working day (调休), or a half day.

    A make-up day has the hours of its weekday, or, where that weekday rests, those of the first working day of the
    week. A half day keeps what the calendar has before `until` (minutes after midnight).
    """

    year = models.ForeignKey(HolidayYear, on_delete=models.CASCADE, related_name="days")
    date = models.DateField("日期", unique=True)
    kind = models.CharField("类别", max_length=4, choices=DayKind.choices)
    name = models.CharField("名称", max_length=60)
    until = models.PositiveSmallIntegerField("半天至", null=True, blank=True)

    objects: ClassVar[models.Manager[HolidayDay]] = models.Manager()

    class Meta:
        verbose_name = "节假日"
        verbose_name_plural = "节假日"
        ordering = ("date",)
        constraints = (
            models.CheckConstraint(
                condition=Q(kind="half", until__gt=0, until__lt=1440) | (~Q(kind="half") & Q(until__isnull=True)),
                name="limits_holiday_half_day_has_an_end",
            ),
        )

    def __str__(self) -> str:
        return f"{self.date} {self.name}"


class WorkCalendar(models.Model):
    """When work is done, where that differs from a site's opening hours: of a team, a contract, or the site itself.

    Limits name it by `key`. With `role` or `department` it is that team's; the key `site` stands for the site's own
    opening hours with another attitude to holidays. Without a site it holds at every site that has none of its own.
    """

    key = models.CharField("代号", max_length=64)
    name = models.CharField("名称", max_length=80)
    site = models.ForeignKey(Site, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    department = models.ForeignKey(Department, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    role = models.CharField("角色", max_length=64, blank=True)
    zone = models.CharField("时区", max_length=64, blank=True)
    week = models.JSONField("每周时间", default=dict)
    observes_holidays = models.BooleanField("节假日休息", default=True)
    own_days = models.JSONField("自定日期", default=dict, blank=True)
    is_active = models.BooleanField("启用", default=True)

    objects: ClassVar[models.Manager[WorkCalendar]] = models.Manager()

    class Meta:
        verbose_name = "工作日历"
        verbose_name_plural = "工作日历"
        ordering = ("site", "key")
        constraints = (
            models.UniqueConstraint(fields=["site", "key"], name="limits_calendar_site_key"),
            models.UniqueConstraint(fields=["key"], condition=Q(site__isnull=True), name="limits_calendar_key"),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def week_text(self) -> str:
        """The pattern in words: 周一至周五 08:30-12:00 13:00-17:30；周六 09:00-12:00."""
        rows: list[tuple[int, int, str]] = []
        for number, key in enumerate(DAY_NAMES):
            text = " ".join("-".join(pair) for pair in self.week.get(key, ()))
            if rows and rows[-1][2] == text and rows[-1][1] == number - 1:
                rows[-1] = (rows[-1][0], number, text)
            elif text:
                rows.append((number, number, text))
        return "；".join(f"{_days_text(first, last)} {text}" for first, last, text in rows)


def _days_text(first: int, last: int) -> str:
    return f"周{_WEEKDAYS[first]}" + (f"至周{_WEEKDAYS[last]}" if last > first else "")


class CalendarVersion(models.Model):
    """A calendar as it stood when a clock took it, holidays included; never changed, found by its digest.

    `content`: {"name", "zone", "week": {"mon": [["08:00", "12:00"]]}, "days": {"2026-10-01": {"hours": [], "name": …}},
    "holidays": true, "confirmed": [2026]}.
    """

    sha256 = models.CharField("摘要", max_length=64, unique=True)
    content = models.JSONField("内容")
    created_at = models.DateTimeField("产生", default=clock.now)

    objects: ClassVar[models.Manager[CalendarVersion]] = models.Manager()

    class Meta:
        verbose_name = "日历版本"
        verbose_name_plural = "日历版本"

    def __str__(self) -> str:
        return f"{self.content['name']} {self.sha256[:8]}"
