"""What leaves the house in a scenario, to colleagues and customers: only the last hop writes down instead of sending.

Planning, preferences, consent, quiet hours, digests, templates and the outbox are the product's own.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from bihuan.kernel import clock
from bihuan.notify.channels.registry import KINDS
from bihuan.notify.channels.transport import Outgoing
from bihuan.notify.models import Channel, Contact
from bihuan.notify.outbox import send_due
from bihuan.notify.planning import plan_notices
from bihuan.operations.customer_notices import note_customer_called, tell_customers
from bihuan.operations.scenarios.format import Step
from bihuan.operations.scenarios.world import StepProblem, World
from bihuan.org.models import PositionHolder, Role
from bihuan.org.roles import people_with_role
from bihuan.records.consents import set_consent
from bihuan.records.models import Customer, CustomerNotice


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

    now = clock.now()
    tell_customers(now)
    plan_notices(now)
    sent = send_due(now, limit=1000, send=write_down).taken
    tell_customers(now)
    return sent


def check_delivered(world: World, case_name: str | None, value: Any) -> str:
    """`delivered: {person, role or customer: {channel: text}}`: one of them got, or was named in, a message with it.

    A text of `false`: nothing went to any of them by that channel.
    """
    for who, channels in dict(value).items():
        role = Role.objects.filter(name=who).first() or Role.objects.filter(key=who).first()
        people = list(people_with_role(role.key, world.site.pk)) if role else []
        named = {(one.username, one.name) for one in people} or {_named(world, str(who))}
        for kind, text in dict(channels).items():
            if kind not in KINDS:
                raise StepProblem(f"没有通知渠道“{kind}”；可用：{'、'.join(sorted(KINDS))}")
            wrong = _wrong(kind, _said_to(world, named, kind), text)
            if wrong:
                return f"“{who}”{wrong}"
    return ""


def _named(world: World, who: str) -> tuple[str, str]:
    """Login and name of a colleague, or of a customer as they are addressed."""
    customer = Customer.objects.filter(name=who).first()
    if customer is not None:
        return "", customer.called
    user = world.user(who)
    return user.username, user.name


def _said_to(world: World, named: Collection[tuple[str, str]], kind: str) -> list[str]:
    return [
        f"{one.message.title} {one.message.body}"
        for one in world.delivered
        if one.channel == kind and any(one.reached(username, name) for username, name in named)
    ]


def check_customer_told(world: World, case_name: str | None, value: Any) -> str:
    """`customer_told: {template: state}`: how far telling the customer of the case is, e.g. 已送达, 请电话告知."""
    case = world.case(case_name)
    found = {
        notice.template: notice.get_state_display()
        for notice in CustomerNotice.unscoped.filter(case_id=case.pk).order_by("pk")
    }
    for template, state in dict(value).items():
        if found.get(template, "没有") != state:
            return f"“{template}”应为{state}，实际：{found.get(template, '没有')}"
    return ""


def customer_called(world: World, step: Step) -> None:
    """`do: customer_called, with: {notice: car_ready}`: a colleague has telephoned instead of a message."""
    case, key = world.case(step.case), str(step.values.get("notice") or "")
    notice = CustomerNotice.unscoped.filter(case_id=case.pk, template=key).order_by("-pk").first()
    if notice is None:
        raise StepProblem(f"没有要用“{key}”告知客户的事")
    note_customer_called(notice.pk, actor=world.actor(step.actor))


def given_consents(world: World, given: dict[str, Any]) -> None:
    """`consents: {customer: [sms, mail]}`: these customers agreed to be written to."""
    for name, media in dict(given.get("consents") or {}).items():
        for medium in [media] if isinstance(media, str) else list(media):
            set_consent(world.customer(name).pk, str(medium), given=True, actor=world.system)


def _wrong(kind: str, said: Sequence[str], text: Any) -> str:
    last = said[-1][:200] if said else "没有"
    if text is False:
        return f"不应收到 {kind}，实际：{last}" if said else ""
    if any(str(text) in words for words in said):
        return ""
    return f"应经 {kind} 收到含“{text}”的消息，最近一条：{last}"
