from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q

from bihuan.accounts.models import User
from bihuan.engine.runtime import State
from bihuan.kernel import clock
from bihuan.org.models import Site
from bihuan.org.scoping import ScopedManager, SiteOwned
from bihuan.processes.beginning import Beginning as Beginning

# Foreign keys without an index of their own begin another index, or are never searched by.
# Work without a due moment sorts behind all work that has one, in one index that both databases read in order.
NEVER = datetime(2999, 1, 1, tzinfo=UTC)


class Definition(models.Model):
    """A process of the rule book by its key (`service_visit`). New instances start on the `current` version."""

    key = models.CharField("流程代号", max_length=80, unique=True)
    name = models.CharField("流程", max_length=120)
    current = models.ForeignKey(
        "Version", on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name="现行版本"
    )
    retain_days = models.PositiveIntegerField("保存天数", null=True, blank=True)

    objects: ClassVar[models.Manager[Definition]] = models.Manager()

    class Meta:
        verbose_name = "流程定义"
        verbose_name_plural = "流程定义"
        ordering = ["key"]

    def __str__(self) -> str:
        return self.name


class Version(models.Model):
    """One immutable published state of a process; a running instance stays with the version it began on."""

    definition = models.ForeignKey(Definition, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField("版本")
    name = models.CharField("名称", max_length=120)
    process_id = models.CharField("流程标识", max_length=120)
    xml = models.TextField("BPMN")
    sha256 = models.CharField("摘要", max_length=64)
    source_pack = models.CharField("来源", max_length=60, blank=True, default="")
    published_at = models.DateTimeField("发布时间", default=clock.now)
    published_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    stopped_at = models.DateTimeField("停用时间", null=True, blank=True)

    objects: ClassVar[models.Manager[Version]] = models.Manager()

    class Meta:
        verbose_name = "流程版本"
        verbose_name_plural = "流程版本"
        ordering = ["definition", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["definition", "number"], name="processes_version_number"),
            models.UniqueConstraint(fields=["definition", "sha256"], name="processes_version_content"),
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.number}"


class Instance(SiteOwned):
    """One run of a version, usually about one case. `state` is the engine's whole state as JSON text.

    `lock_version` counts the steps and guards against two writers. `chain` is the audit chain of its history. Called
    processes name the `parent` and the `root` of the family, whose row is what a transaction locks.
    """

    class Status(models.TextChoices):
        RUNNING = "running", "进行中"
        SUSPENDED = "suspended", "已挂起"
        COMPLETED = "completed", "已完成"
        TERMINATED = "terminated", "已终止"
        CANCELLED = "cancelled", "已取消"
        WITHDRAWN = "withdrawn", "已撤销"
        ERROR = "error", "异常结束"

    site = models.ForeignKey(Site, on_delete=models.PROTECT, db_index=False, related_name="+", verbose_name="门店")
    version = models.ForeignKey(Version, models.PROTECT, db_index=False, related_name="+", verbose_name="版本")
    process_id = models.CharField("流程标识", max_length=120)
    subject_kind = models.CharField("对象类别", max_length=32, blank=True, default="")
    subject_id = models.BigIntegerField("对象", null=True, blank=True)
    title = models.CharField("事项", max_length=200, blank=True, default="")
    chain = models.CharField("审计链", max_length=80, blank=True, default="")
    state = models.TextField("状态")
    lock_version = models.PositiveIntegerField("步数", default=0)
    status = models.CharField("状况", max_length=12, choices=Status.choices, default=Status.RUNNING)
    started_at = models.DateTimeField("开始")
    started_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, db_index=False, related_name="+"
    )
    ended_at = models.DateTimeField("结束", null=True, blank=True)
    root = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    parent = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, db_index=False, related_name="children"
    )
    parent_wait = models.PositiveIntegerField("调用序号", null=True, blank=True)

    unscoped: ClassVar[models.Manager[Any]] = models.Manager()
    objects: ClassVar[ScopedManager[Any]] = ScopedManager()

    class Meta:
        verbose_name = "流程实例"
        verbose_name_plural = "流程实例"
        indexes = [
            models.Index(fields=["subject_kind", "subject_id"], name="processes_instance_subject"),
            models.Index(fields=["site", "status", "started_at"], name="processes_instance_site"),
            models.Index(fields=["version", "site", "status", "started_at"], name="processes_instance_version"),
            models.Index(
                fields=["started_by", "started_at"],
                condition=Q(started_by__isnull=False),
                name="processes_instance_starter",
            ),
            models.Index(
                fields=["parent", "parent_wait"], condition=Q(parent__isnull=False), name="processes_instance_parent"
            ),
        ]

    def __str__(self) -> str:
        return self.title or f"{self.process_id}#{self.pk}"

    @property
    def is_running(self) -> bool:
        return self.status in (self.Status.RUNNING, self.Status.SUSPENDED)

    @property
    def variables(self) -> dict[str, Any]:
        """The process variables as the engine sees them (numbers are Decimal)."""
        return State.from_json(self.state).variables


class WorkItem(SiteOwned):
    """Something a person has to do at one step of an instance (一项工作).

    Open and without `assignee` it is offered to everybody with the role at the site (`shared`: `role` names several,
    separated by commas); without a role to those of its `Offer` rows. `why` says how it came to whom it is with, and
    `unattended_since` since when nobody is there who could do it. `sort_at` is the due moment, or a date far away.
    `local` holds the variables of this item alone (the element of a repetition) as the engine's JSON. One that is
    `waiting` rests until others have acted, or its instance goes on. Who was asked besides the holder (加签, 委派) has
    an item `asked_as` before, after or delegate; `answer` and `opinion` are theirs, or those of one who signs.
    """

    class Status(models.TextChoices):
        OPEN = "open", "待办"
        WAITING = "waiting", "等待"
        DONE = "done", "已完成"
        CANCELLED = "cancelled", "已取消"

    site = models.ForeignKey(Site, on_delete=models.PROTECT, db_index=False, related_name="+", verbose_name="门店")
    instance = models.ForeignKey(Instance, on_delete=models.CASCADE, db_index=False, related_name="items")
    wait = models.PositiveIntegerField("序号")
    node_id = models.CharField("节点", max_length=120)
    name = models.CharField("步骤", max_length=200)
    title = models.CharField("事项", max_length=200, blank=True, default="")
    role = models.CharField("角色", max_length=200, blank=True, default="")
    shared = models.BooleanField("多个角色", default=False)
    assignee = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, db_index=False, related_name="+"
    )
    status = models.CharField("状况", max_length=10, choices=Status.choices, default=Status.OPEN)
    why = models.CharField("为什么是此人", max_length=300, blank=True, default="")
    unattended_since = models.DateTimeField("无人能办自", null=True, blank=True)
    form_key = models.CharField("表单", max_length=120, blank=True, default="")
    limit_key = models.CharField("时限", max_length=120, blank=True, default="")
    script_key = models.CharField("话术", max_length=120, blank=True, default="")
    button = models.CharField("按钮", max_length=120, blank=True, default="")
    local = models.TextField("局部变量", blank=True, default="")
    opened_at = models.DateTimeField("产生")
    due_at = models.DateTimeField("到期", null=True, blank=True)
    warn_at = models.DateTimeField("提醒", null=True, blank=True)
    sort_at = models.DateTimeField("排序", default=NEVER)
    completed_at = models.DateTimeField("完成", null=True, blank=True)
    completed_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, db_index=False, related_name="+"
    )
    once_key = models.CharField("一次性键", max_length=64, blank=True, default="")
    asked_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, db_index=False, related_name="+"
    )
    asked_as = models.CharField("受邀方式", max_length=10, blank=True, default="", db_default="")
    answer = models.CharField("答复", max_length=10, blank=True, default="", db_default="")
    opinion = models.CharField("意见", max_length=500, blank=True, default="", db_default="")
    urged_at = models.DateTimeField("催办", null=True, blank=True)
    urges = models.PositiveIntegerField("催办次数", default=0, db_default=0)

    unscoped: ClassVar[models.Manager[Any]] = models.Manager()
    objects: ClassVar[ScopedManager[Any]] = ScopedManager()

    class Meta:
        verbose_name = "工作项"
        verbose_name_plural = "工作项"
        constraints = [models.UniqueConstraint(fields=["instance", "wait"], name="processes_item_wait")]
        indexes = [
            models.Index(
                fields=["site", "role", "sort_at", "id"], condition=Q(status="open"), name="processes_item_role"
            ),
            models.Index(
                fields=["assignee", "sort_at", "id"],
                condition=Q(status="open", assignee__isnull=False),
                name="processes_item_assignee",
            ),
            models.Index(
                fields=["site", "sort_at"], condition=Q(status="open", shared=True), name="processes_item_shared"
            ),
            models.Index(
                fields=["completed_by", "completed_at"],
                condition=Q(completed_by__isnull=False),
                name="processes_item_done",
            ),
            models.Index(fields=["site", "node_id", "id"], condition=Q(status="open"), name="processes_item_node"),
            models.Index(
                fields=["site", "unattended_since"],
                condition=Q(status="open", unattended_since__isnull=False),
                name="processes_item_unattended",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_open(self) -> bool:
        return self.status == self.Status.OPEN

    @property
    def is_over(self) -> bool:
        return self.status in (self.Status.DONE, self.Status.CANCELLED)


class Offer(models.Model):
    """An open item that any of some named people may take: a department, a group, the holders of a post."""

    item = models.ForeignKey(WorkItem, on_delete=models.CASCADE, db_index=False, related_name="offers")
    user = models.ForeignKey(User, on_delete=models.PROTECT, db_index=False, related_name="+")

    objects: ClassVar[models.Manager[Offer]] = models.Manager()

    class Meta:
        verbose_name = "可领取的人"
        verbose_name_plural = "可领取的人"
        constraints = [models.UniqueConstraint(fields=["item", "user"], name="processes_offer_once")]
        indexes = [models.Index(fields=["user", "item"], name="processes_offer_user")]

    def __str__(self) -> str:
        return f"{self.item} {self.user}"


class Turn(models.Model):
    """Whose turn it was last at a node that goes round among people."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, db_index=False, related_name="+")
    process_id = models.CharField("流程标识", max_length=120)
    node_id = models.CharField("节点", max_length=120)
    user = models.ForeignKey(User, on_delete=models.CASCADE, db_index=False, related_name="+")

    objects: ClassVar[models.Manager[Turn]] = models.Manager()

    class Meta:
        verbose_name = "轮流次序"
        verbose_name_plural = "轮流次序"
        constraints = [models.UniqueConstraint(fields=["site", "process_id", "node_id"], name="processes_turn_once")]

    def __str__(self) -> str:
        return f"{self.process_id} {self.node_id} {self.user}"


class Subscription(models.Model):
    """An instance waiting for a message (by name and correlation) or a signal (by name). The row goes when it ends."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT, db_index=False, related_name="+")
    instance = models.ForeignKey(Instance, on_delete=models.CASCADE, db_index=False, related_name="subscriptions")
    wait = models.PositiveIntegerField("序号")
    node_id = models.CharField("节点", max_length=120)
    kind = models.CharField("类别", max_length=10, choices=[("message", "消息"), ("signal", "信号")])
    name = models.CharField("名称", max_length=120)
    correlation = models.CharField("关联值", max_length=200, blank=True, default="")
    since = models.DateTimeField("起")

    unscoped: ClassVar[models.Manager[Any]] = models.Manager()
    objects: ClassVar[ScopedManager[Any]] = ScopedManager()

    class Meta:
        verbose_name = verbose_name_plural = "等待的消息"
        constraints = [models.UniqueConstraint(fields=["instance", "wait"], name="processes_subscription_wait")]
        indexes = [
            models.Index(fields=["kind", "name", "correlation"], name="processes_subscription_name"),
            models.Index(fields=["site", "node_id"], name="processes_subscription_node"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.correlation}".strip()


class Incident(models.Model):
    """An instance that cannot go on at a node until somebody retries or skips. `number` is the engine's id of it."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT, db_index=False, related_name="+")
    instance = models.ForeignKey(Instance, on_delete=models.CASCADE, db_index=False, related_name="incidents")
    number = models.PositiveIntegerField("序号")
    node_id = models.CharField("节点", max_length=120)
    reason = models.CharField("原因", max_length=500)
    raised_at = models.DateTimeField("发生")
    resolved_at = models.DateTimeField("解决", null=True, blank=True)
    resolution = models.CharField("解决方式", max_length=12, blank=True, default="")
    resolved_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, db_index=False, related_name="+"
    )

    unscoped: ClassVar[models.Manager[Any]] = models.Manager()
    objects: ClassVar[ScopedManager[Any]] = ScopedManager()

    class Meta:
        verbose_name = "异常"
        verbose_name_plural = "异常"
        constraints = [models.UniqueConstraint(fields=["instance", "number"], name="processes_incident_number")]
        indexes = [
            models.Index(
                fields=["site", "raised_at"], condition=Q(resolved_at__isnull=True), name="processes_incident_open"
            )
        ]

    def __str__(self) -> str:
        return self.reason


class Job(models.Model):
    """Something to be done by a worker at a moment: a timer of an instance, or background work of another app.

    `due_at` is the moment asked for; `run_at` is when it may next be taken: first the due moment, while a worker holds
    it the end of its lease, after a failure the end of the back-off. A job that is done is gone; one that failed too
    often is dead (`dead_at`) and waits for a person.
    """

    kind = models.CharField("类别", max_length=60)
    payload = models.JSONField("内容", default=dict, blank=True)
    due_at = models.DateTimeField("到期")
    run_at = models.DateTimeField("可执行")
    lease_until = models.DateTimeField("占用至", null=True, blank=True)
    attempts = models.PositiveIntegerField("次数", default=0)
    last_error = models.CharField("最近错误", max_length=500, blank=True, default="")
    dead_at = models.DateTimeField("放弃于", null=True, blank=True)
    created_at = models.DateTimeField("建立")
    site_id = models.BigIntegerField("门店", null=True, blank=True)
    instance = models.ForeignKey(Instance, on_delete=models.CASCADE, null=True, blank=True, related_name="jobs")
    wait = models.PositiveIntegerField("序号", null=True, blank=True)
    node_id = models.CharField("节点", max_length=120, blank=True, default="")

    objects: ClassVar[models.Manager[Job]] = models.Manager()

    class Meta:
        verbose_name = "后台任务"
        verbose_name_plural = "后台任务"
        constraints = [
            models.UniqueConstraint(
                fields=["instance", "wait"], condition=Q(wait__isnull=False), name="processes_job_wait"
            ),
            models.CheckConstraint(condition=Q(run_at__gte=F("due_at")), name="processes_job_never_early"),
        ]
        indexes = [
            models.Index(fields=["run_at", "id"], condition=Q(dead_at__isnull=True), name="processes_job_due"),
            models.Index(fields=["dead_at"], condition=Q(dead_at__isnull=False), name="processes_job_dead"),
            models.Index(fields=["site_id", "node_id"], condition=Q(kind="timer"), name="processes_job_node"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.due_at:%Y-%m-%d %H:%M:%S}"


class OnceKey(models.Model):
    """The first result of a request with a one-time key, so that repeating the request does nothing twice."""

    key = models.CharField("一次性键", max_length=64, primary_key=True)
    action = models.CharField("操作", max_length=80)
    actor_id = models.BigIntegerField("操作人", null=True)
    result = models.TextField("结果", default="null")
    at = models.DateTimeField("时间", db_index=True)

    objects: ClassVar[models.Manager[OnceKey]] = models.Manager()

    class Meta:
        verbose_name = "一次性键"
        verbose_name_plural = "一次性键"

    def __str__(self) -> str:
        return self.key

    @property
    def value(self) -> Any:
        """The stored result, plain JSON."""
        return json.loads(self.result)
