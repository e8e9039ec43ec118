"""What people have to do, and who of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from bihuan.accounts.models import User
from bihuan.org.models import Site
from bihuan.org.scoping import ScopedManager, SiteOwned
from bihuan.processes.models.instances import Instance

# Work without a due moment sorts behind all work that has one, in one index that both databases read in order.
NEVER = datetime(2999, 1, 1, tzinfo=UTC)


def labelled(name: str, of: Sequence[str]) -> str:
    """The name of a step with for which of many it is done (“测量（泵、左）”)."""
    told = "、".join(filter(None, of))
    return f"{name}（{told}）" if told else name


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
    def label(self) -> str:
        """Its name, and for which of many its process was called."""
        return labelled(self.name, [self.instance.called_for])

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
