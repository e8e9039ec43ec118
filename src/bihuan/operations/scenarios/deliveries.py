"""Notices that leave the house in a scenario: only the last hop writes down instead of sending.

Planning, preferences, quiet hours, digests, templates and the outbox are the product's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bihuan.accounts.models import User
from bihuan.kernel import clock
from bihuan.notify.channels.registry import KINDS
from bihuan.notify.channels.transport import Outgoing
from bihuan.notify.models import Channel, Contact
from bihuan.notify.outbox import send_due
from bihuan.notify.planning import plan_notices
from bihuan.operations.scenarios.world import StepProblem, World
from bihuan.org.models import PositionHolder, Role
from bihuan.org.roles import people_with_role


@dataclass(frozen=True, slots=True)
class Delivered:
    """A message as its channel got it."""

    channel: str
    message: Outgoing

    def reached(self, username: str, name: str) -> bool:
        """Whether it went to this person, or named them in a group."""
        return any(person.username == username for person in self.message.told) or self.message.recipient == name


def given_channels(world: World, given: dict[str, Any]) -> None:
    """`channels: [mail, sms, dingtalk]`: these are connected at the site, and everybody there has an address."""
    wanted = given.get("channels") or []
    if not isinstance(wanted, list):
        raise StepProblem("given.channels 须是列表，例如 [mail, dingtalk]")
    for kind in wanted:
        if kind not in KINDS:
            raise StepProblem(f"没有通知渠道“{kind}”；可用：{'、'.join(sorted(KINDS))}")
        Channel.objects.create(site=world.site, kind=kind, name=KINDS[kind].label)
    if wanted:
        holders = PositionHolder.objects.filter(until__isnull=True).values_list("user_id", "user__username")
        Contact.objects.bulk_create(
            [
                Contact(user_id=user_id, mail=f"{username}@scenario.example", phone=f"139{user_id:08d}")
                for user_id, username in dict(holders).items()
            ],
            ignore_conflicts=True,
        )


def deliver(world: World) -> int:
    """Plan and send what is due now; answers how many messages went out."""

    def write_down(channel: Channel, message: Outgoing) -> str:
        world.delivered.append(Delivered(channel.kind, message))
        return "scenario"

    plan_notices(clock.now())
    return send_due(clock.now(), limit=1000, send=write_down).taken


def check_delivered(world: World, case_name: str | None, value: Any) -> str:
    """`delivered: {person or role: {channel: text}}`: somebody of them got, or was named in, a message with the text.

    A text of `false`: nothing went to any of them by that channel.
    """
    for who, channels in dict(value).items():
        role = Role.objects.filter(name=who).first() or Role.objects.filter(key=who).first()
        people = list(people_with_role(role.key, world.site.pk)) if role else [world.user(who)]
        for kind, text in dict(channels).items():
            if kind not in KINDS:
                raise StepProblem(f"没有通知渠道“{kind}”；可用：{'、'.join(sorted(KINDS))}")
            wrong = _wrong(kind, _said_to(world, people, kind), text)
            if wrong:
                return f"“{who}”{wrong}"
    return ""


def _said_to(world: World, people: Sequence[User], kind: str) -> list[str]:
    return [
        f"{one.message.title} {one.message.body}"
        for one in world.delivered
        if one.channel == kind and any(one.reached(person.username, person.name) for person in people)
    ]


def _wrong(kind: str, said: Sequence[str], text: Any) -> str:
    last = said[-1][:200] if said else "没有"
    if text is False:
        return f"不应收到 {kind}，实际：{last}" if said else ""
    if any(str(text) in words for words in said):
        return ""
    return f"应经 {kind} 收到含“{text}”的消息，最近一条：{last}"
