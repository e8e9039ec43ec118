"""What notices are about, and by which way each kind goes out when nobody chose otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from django.db import models


class NoticeKind(models.TextChoices):
    """The kinds a person chooses by."""

    TASK = "task", "新待办"
    LIMIT = "limit", "时限提醒"
    BREACH = "breach", "超时与升级"
    CASE = "case", "单据动态"
    PEOPLE = "people", "同事协作"
    DUTY = "duty", "值班与代理"
    SYSTEM = "system", "系统与异常"


EXAMPLES: Mapping[str, str] = MappingProxyType(
    {
        NoticeKind.TASK: "分给您的、转给您的待办",
        NoticeKind.LIMIT: "快到时限的工作",
        NoticeKind.BREACH: "已超时、需要上级处理的工作",
        NoticeKind.CASE: "派工、缺件、客户变更等",
        NoticeKind.PEOPLE: "催办、抄送、会签、退回",
        NoticeKind.DUTY: "排班、请假、代理和交接",
        NoticeKind.SYSTEM: "流程异常、无人可办",
    }
)


class Medium(models.TextChoices):
    """The ways out of the house. The bell is not among them: it always rings, and is what was told for the record."""

    MAIL = "mail", "邮件"
    SMS = "sms", "短信"
    GROUP = "group", "群里@我"


class When(models.TextChoices):
    """How soon a kind goes out by a medium."""

    NOW = "now", "立即"
    URGENT = "urgent", "仅紧急"
    DIGEST = "digest", "汇总"
    OFF = "off", "不发"


CHOICES: Mapping[str, tuple[When, ...]] = MappingProxyType(
    {
        Medium.MAIL: (When.NOW, When.URGENT, When.DIGEST, When.OFF),
        Medium.SMS: (When.NOW, When.URGENT, When.OFF),
        Medium.GROUP: (When.NOW, When.URGENT, When.OFF),
    }
)

_MAIL_AT_ONCE = frozenset({NoticeKind.BREACH, NoticeKind.PEOPLE, NoticeKind.DUTY, NoticeKind.SYSTEM})


def usual(kind: str, medium: str) -> When:
    """What holds until a person chooses: mail at once when somebody waits for them, else with the day's digest; short
    messages only when it is urgent; a group mentions whom it concerns."""
    if medium == Medium.MAIL:
        return When.NOW if kind in _MAIL_AT_ONCE else When.DIGEST
    return When.URGENT if medium == Medium.SMS else When.NOW
