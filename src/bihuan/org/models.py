from __future__ import annotations

from datetime import time
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from bihuan.kernel import clock
from bihuan.kernel.worktime import Calendar, always_open, parse_calendar
from bihuan.org.actions import label_of
from bihuan.org.duty.models import DayShift as DayShift
from bihuan.org.duty.models import Delegation as Delegation
from bihuan.org.duty.models import Leave as Leave
from bihuan.org.duty.models import StandIn as StandIn
from bihuan.org.duty.models import Superior as Superior
from bihuan.org.duty.models import UserGroup as UserGroup
from bihuan.org.duty.models import WeeklyShift as WeeklyShift


class Site(models.Model):
    """A place that owns records and people: a service centre, a region, or the group above them (门店).

    Sites form a tree. `path` lists the ids from the root ("/1/4/") so that everything below a site is one prefix.
    """

    code = models.CharField("代码", max_length=12, unique=True)
    name = models.CharField("名称", max_length=64)
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="children")
    path = models.CharField("路径", max_length=200, default="/", db_index=True)
    timezone = models.CharField("时区", max_length=64, default="Asia/Shanghai")
    phone = models.CharField("电话", max_length=32, blank=True)
    address = models.CharField("地址", max_length=200, blank=True)
    hours = models.JSONField("营业时间", default=dict, blank=True)
    # Nobody outside the house is written to between these; both empty: at any hour.
    quiet_from = models.TimeField("不打扰客户自", null=True, blank=True, default=time(21, 0))
    quiet_until = models.TimeField("不打扰客户至", null=True, blank=True, default=time(8, 0))
    head = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="负责人",
    )
    is_active = models.BooleanField("启用", default=True)
    created_at = models.DateTimeField("建立时间", default=clock.now)

    objects: ClassVar[models.Manager[Site]] = models.Manager()

    class Meta:
        verbose_name = "门店"
        verbose_name_plural = "门店"
        ordering = ("path",)

    def __str__(self) -> str:
        return self.name

    @property
    def calendar(self) -> Calendar:
        """The opening hours in the site's zone; a site without hours is taken to be always open."""
        return parse_calendar(self.timezone, self.hours) if self.hours else always_open(self.timezone)


class Department(models.Model):
    """A department of a site: 客服部, 车间, 备件库."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="departments")
    name = models.CharField("名称", max_length=64)
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="children")
    head = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="负责人",
    )

    objects: ClassVar[models.Manager[Department]] = models.Manager()

    class Meta:
        verbose_name = "部门"
        verbose_name_plural = "部门"
        constraints = (models.UniqueConstraint(fields=["site", "name"], name="org_department_site_name"),)

    def __str__(self) -> str:
        return self.name


class Role(models.Model):
    """What a lane in a diagram names (服务顾问, 技术总监). `key` is what models and packs write.

    With `on_duty` its work is offered to those on duty only, where the site keeps a roster of it; whoever is on duty
    answers for the `desk` (前台, 值班室) and what is kept there.
    """

    key = models.SlugField("代号", max_length=64, unique=True)
    name = models.CharField("名称", max_length=64)
    on_duty = models.BooleanField("按值班派活", default=False)
    desk = models.CharField("值守处", max_length=40, blank=True, default="")

    objects: ClassVar[models.Manager[Role]] = models.Manager()

    class Meta:
        verbose_name = "流程角色"
        verbose_name_plural = "流程角色"
        ordering = ("id",)

    def __str__(self) -> str:
        return self.name


class Position(models.Model):
    """A post at a site, held by people, that carries process roles (岗位).

    `reach` is the policy for group people: a post that reaches the sites below carries its roles there too.
    """

    class Reach(models.TextChoices):
        SITE = "site", "本单位"
        SUBTREE = "subtree", "本单位及下属单位"

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="positions")
    department = models.ForeignKey(
        Department, on_delete=models.PROTECT, null=True, blank=True, related_name="positions"
    )
    name = models.CharField("名称", max_length=64)
    reach = models.CharField("管辖范围", max_length=8, choices=Reach.choices, default=Reach.SITE)
    rank = models.PositiveSmallIntegerField("职级", default=0)
    roles = models.ManyToManyField(Role, blank=True, related_name="positions", verbose_name="流程角色")

    objects: ClassVar[models.Manager[Position]] = models.Manager()

    class Meta:
        verbose_name = "岗位"
        verbose_name_plural = "岗位"
        constraints = (models.UniqueConstraint(fields=["site", "name"], name="org_position_site_name"),)

    def __str__(self) -> str:
        return self.name


class PositionHolder(models.Model):
    """Somebody holds a position from a moment on; `until` ends it and the row stays as history."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="positions_held")
    position = models.ForeignKey(Position, on_delete=models.PROTECT, related_name="holders")
    since = models.DateTimeField("任职自", default=clock.now)
    until = models.DateTimeField("任职至", null=True, blank=True)

    objects: ClassVar[models.Manager[PositionHolder]] = models.Manager()

    class Meta:
        verbose_name = "任职"
        verbose_name_plural = "任职"
        constraints = (
            models.UniqueConstraint(
                fields=["user", "position"], condition=Q(until__isnull=True), name="org_holder_once_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(until__isnull=True) | Q(until__gte=F("since")), name="org_holder_ends_after_start"
            ),
        )

    def __str__(self) -> str:
        return f"{self.user} {self.position}"


class Grant(models.Model):
    """A role may do an action wherever it is held. No row, no right."""

    role = models.ForeignKey(Role, on_delete=models.CASCADE, related_name="grants")
    action = models.CharField("操作", max_length=64)

    objects: ClassVar[models.Manager[Grant]] = models.Manager()

    class Meta:
        verbose_name = "授权"
        verbose_name_plural = "授权"
        constraints = (models.UniqueConstraint(fields=["role", "action"], name="org_grant_role_action"),)

    def __str__(self) -> str:
        return f"{self.role} {label_of(self.action)}"


class Sequence(models.Model):
    """The last document number given out for a kind at a site on a day; written by `numbering` only."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField("类别", max_length=12)
    day = models.DateField("日期")
    last = models.PositiveIntegerField("末号")

    objects: ClassVar[models.Manager[Sequence]] = models.Manager()

    class Meta:
        verbose_name = "编号"
        verbose_name_plural = "编号"
        constraints = (models.UniqueConstraint(fields=["site", "kind", "day"], name="org_sequence_site_kind_day"),)

    def __str__(self) -> str:
        return f"{self.site_id} {self.kind} {self.day:%Y%m%d} {self.last}"


class Display(models.Model):
    """A screen on a wall that shows one board of one site to whoever passes (看板大屏).

    It has no person: its address carries a token of which only the hash is kept, which opens this board and nothing
    else until somebody revokes it. `seen_at` is when it last asked, to the minute.
    """

    class Board(models.TextChoices):
        WORKSHOP = "workshop", "车间看板"
        HOTLINE = "hotline", "热线看板"

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="+", verbose_name="门店")
    board = models.CharField("看板", max_length=12, choices=Board.choices)
    name = models.CharField("位置", max_length=40)
    token_hash = models.CharField("链接摘要", max_length=64, unique=True)
    opened_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    opened_at = models.DateTimeField("启用时间", default=clock.now)
    seen_at = models.DateTimeField("最近在线", null=True, blank=True)
    revoked_at = models.DateTimeField("停用时间", null=True, blank=True)

    objects: ClassVar[models.Manager[Display]] = models.Manager()

    class Meta:
        verbose_name = "看板大屏"
        verbose_name_plural = "看板大屏"
        constraints = (
            models.CheckConstraint(condition=Q(board__in=["workshop", "hotline"]), name="org_display_board_known"),
        )

    def __str__(self) -> str:
        return self.name
