"""Duty in scenarios: who is given to be on duty, away or in charge; leave and delegation as steps; who got the work.

See docs/scenarios.md, “Duty”. Names are those of people; roles may be given by key or by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from bihuan.accounts.models import User
from bihuan.audit.models import Entry
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError
from bihuan.operations.duty import absence, handover
from bihuan.operations.scenarios.format import Step, moment
from bihuan.operations.scenarios.world import StepProblem, World
from bihuan.org.duty import delegation, leave, shifts, standing
from bihuan.org.duty.models import WEEKDAYS, Leave
from bihuan.org.models import Department, Position, Role, UserGroup
from bihuan.processes.assigning.picking import drawn_index
from bihuan.processes.models import WorkItem
from bihuan.processes.queries import inbox

EARLY = date(2000, 1, 3)


def given_duty(world: World, given: Mapping[str, Any], now: datetime) -> None:
    """Put what a story says about duty in place. Raises StepProblem naming what cannot be."""
    try:
        for key, place in _GIVEN.items():
            if given.get(key):
                place(world, given[key], now)
    except BusinessError as refusal:
        raise StepProblem(refusal.message) from refusal
    except (TypeError, AttributeError, KeyError) as error:
        raise StepProblem(f"given 里关于值班的写法不对：{error}") from error


def _superiors(world: World, rows: Mapping[str, Any], now: datetime) -> None:
    for name, above in rows.items():
        standing.set_superior(world.user(name).pk, superior_id=world.user(above).pk, actor=world.system)


def _head(world: World, name: Any, now: datetime) -> None:
    standing.set_site_head(world.site.pk, head_id=world.user(name).pk, actor=world.system)


def _departments(world: World, rows: Mapping[str, Any], now: datetime) -> None:
    for name, row in rows.items():
        made, _ = Department.objects.get_or_create(site=world.site, name=name)
        for person in row.get("people") or ():
            posts = Position.objects.filter(site=world.site, holders__user=world.user(person))
            posts.update(department=made)
        if row.get("head"):
            standing.set_department_head(made.pk, head_id=world.user(row["head"]).pk, actor=world.system)


def _groups(world: World, rows: Mapping[str, Any], now: datetime) -> None:
    for key, members in rows.items():
        group, _ = UserGroup.objects.get_or_create(key=key, defaults={"name": key})
        standing.set_members(group.pk, user_ids=[world.user(name).pk for name in members], actor=world.system)


def _stand_ins(world: World, rows: Mapping[str, Any], now: datetime) -> None:
    for name, people in rows.items():
        for post in _posts(world, name):
            standing.set_stand_ins(post.pk, user_ids=[world.user(one).pk for one in people], actor=world.system)


def _posts(world: World, name: str) -> list[Position]:
    """The posts of that name, or those that carry the role of that name."""
    here = Position.objects.filter(site=world.site)
    found = list(here.filter(name=name) or here.filter(roles__name=name) or here.filter(roles__key=name))
    if not found:
        raise StepProblem(f"门店 {world.site.code} 没有岗位“{name}”")
    return found


def _ranks(world: World, rows: Mapping[str, Any], now: datetime) -> None:
    for name, rank in rows.items():
        for post in _posts(world, name):
            standing.set_rank(post.pk, rank=int(rank), actor=world.system)


def _by_duty(world: World, roles: list[Any], now: datetime) -> None:
    for name in roles:
        Role.objects.filter(pk=_role(name).pk).update(on_duty=True)


def _roster(world: World, rows: list[Mapping[str, Any]], now: datetime) -> None:
    for row in rows:
        _shift(world, row, now)


def _shift(world: World, row: Mapping[str, Any], now: datetime) -> None:
    values: dict[str, Any] = {
        "site_id": world.site.pk, "role_key": _role(row["role"]).key, "user_id": world.user(row["person"]).pk,
        "starts": _clock(row.get("from", "08:00")), "ends": _clock(row.get("to", "18:00")), "actor": world.system,
    }  # fmt: skip
    if "day" in row:
        shifts.add_day_shift(day=_day(world, row["day"], now), **values)
        return
    for name in row.get("days") or WEEKDAYS:
        if name not in WEEKDAYS:
            raise StepProblem(f"没有星期“{name}”；可用：{'、'.join(WEEKDAYS)}")
        shifts.add_weekly_shift(weekday=WEEKDAYS.index(name), since=EARLY, **values)


def _leaves(world: World, rows: list[Mapping[str, Any]], now: datetime) -> None:
    for row in rows:
        leave.request_leave(_span(world, row, now), actor=world.system, user_id=world.user(row["person"]).pk)


def _delegations(world: World, rows: list[Mapping[str, Any]], now: datetime) -> None:
    for row in rows:
        starts = now - timedelta(minutes=1)
        delegation.delegate_work(
            to_user_id=world.user(row["to"]).pk, principal_id=world.user(row["from"]).pk, actor=world.system,
            starts_at=starts, ends_at=_until(world, row, now), **_narrowed(row),
        )  # fmt: skip


_GIVEN: Mapping[str, Callable[[World, Any, datetime], None]] = {
    "departments": _departments, "head": _head, "superiors": _superiors, "ranks": _ranks, "groups": _groups,
    "stand_ins": _stand_ins, "by_duty": _by_duty, "roster": _roster, "leave": _leaves, "delegations": _delegations,
}  # fmt: skip


def _role(name: Any) -> Role:
    found = Role.objects.filter(key=str(name)).first() or Role.objects.filter(name=str(name)).first()
    if found is None:
        raise StepProblem(f"没有角色“{name}”")
    return found


def _narrowed(row: Mapping[str, Any]) -> dict[str, Any]:
    role = _role(row["role"]).key if row.get("role") else ""
    return {"role_key": role, "process_key": str(row.get("process") or "")}


def _clock(text: Any) -> time:
    try:
        return time.fromisoformat(str(text).zfill(5))
    except ValueError:
        raise StepProblem(f"看不懂的时间“{text}”，例：08:30") from None


def _moment(world: World, text: Any, now: datetime) -> datetime:
    try:
        return moment(str(text), now.astimezone(world.zone))
    except ValueError as error:
        raise StepProblem(str(error)) from error


def _day(world: World, text: Any, now: datetime) -> date:
    """A day: `2026-11-03`, `+1d`, or today."""
    return _moment(world, text, now).date()


def _span(world: World, row: Mapping[str, Any], now: datetime) -> leave.Span:
    today = now.astimezone(world.zone).date()
    first = _day(world, row["from"], now) if row.get("from") else today
    return leave.Span(first, _day(world, row["to"], now) if row.get("to") else first)


def _until(world: World, row: Mapping[str, Any], now: datetime) -> datetime:
    return _moment(world, row.get("until") or "+1d", now)


# Steps


def ask_for_leave(world: World, step: Step) -> None:
    """Somebody asks for leave for whole days."""
    actor = world.actor(step.actor)
    absence.ask_for_leave(
        _span(world, step.values, clock.now()), actor=actor, reason=str(step.values.get("reason") or "")
    )


def decide_leave(world: World, step: Step) -> None:
    """A manager approves somebody's request, or refuses it (`approve: no`)."""
    person = world.user(str(step.values.get("person") or ""))
    asked = Leave.objects.filter(user=person, status=Leave.Status.REQUESTED).order_by("-pk").first()
    if asked is None:
        raise StepProblem(f"{person.name}没有待批准的请假")
    absence.answer_leave(asked.pk, approve=step.values.get("approve", True) is not False, actor=world.actor(step.actor))


def delegate_work(world: World, step: Step) -> None:
    """Somebody lets a colleague do their work for a while, all of it or of one role or process."""
    now = clock.now()
    absence.let_act(
        to_user_id=world.user(str(step.values.get("to") or "")).pk, actor=world.actor(step.actor), starts_at=now,
        ends_at=_until(world, step.values, now), **_narrowed(step.values),
    )  # fmt: skip


def end_delegation(world: World, step: Step) -> None:
    """Somebody takes their work back."""
    actor = world.actor(step.actor)
    given = [one for one in delegation.delegations_of(actor.user_id or 0, actor=actor)
             if one.principal_id == actor.user_id]  # fmt: skip
    if not given:
        raise StepProblem(f"{actor.name}没有正在生效的代理")
    for one in given:
        delegation.end_delegation(one.pk, actor=actor)


def plan_duty(world: World, step: Step) -> None:
    """A manager puts somebody on duty for a day (`day`) or every week (`days`)."""
    actor = world.actor(step.actor)
    actor.require("roster.manage", world.site.pk)
    _shift(world, step.values, clock.now())


def hand_over(world: World, step: Step) -> None:
    """An administrator hands over what a leaver holds: all to one person (`to`), or by part (`parts`)."""
    actor = world.actor(step.actor)
    leaver = world.user(str(step.values.get("from") or ""))
    work_only = bool(step.values.get("work_only"))
    parts = handover.holdings_of(leaver.pk, actor=actor, work_only=work_only).parts
    said = dict(step.values.get("parts") or {})
    to: dict[str, int] = {}
    for part in parts:
        name = said.get(part.label, said.get(part.key, step.values.get("to")))
        if name:
            to[part.key] = world.user(str(name)).pk
    handover.hand_over_everything(
        leaver.pk, to=to, reason=str(step.values.get("reason") or "离职"), actor=actor, work_only=work_only,
        leaving=not work_only and step.values.get("leaving", True) is not False,
    )  # fmt: skip


DUTY_STEPS: Mapping[str, Callable[[World, Step], None]] = {
    "ask_for_leave": ask_for_leave, "decide_leave": decide_leave, "delegate_work": delegate_work,
    "end_delegation": end_delegation, "plan_duty": plan_duty, "hand_over": hand_over,
}  # fmt: skip


# Expectations


def _item(world: World, case_name: str | None, name: str) -> WorkItem:
    case = world.case(case_name)
    rows = WorkItem.unscoped.filter(instance__subject_kind="case", instance__subject_id=case.pk)
    for item in rows.select_related("assignee").order_by("-pk"):
        if name in (item.name, item.node_id):
            return item  # type: ignore[no-any-return]
    raise StepProblem(f"单据 {case.number} 没有任务“{name}”")


def _why(world: World, case_name: str | None, value: Any) -> str:
    for name, text in dict(value).items():
        found = _item(world, case_name, name).why
        if str(text) not in found:
            return f"“{name}”的缘由应含“{text}”，实际：{found or '没有写'}"
    return ""


def _offered(world: World, case_name: str | None, value: Any) -> str:
    """Exactly these people could take the task now."""
    for name, people in dict(value).items():
        item = _item(world, case_name, name)
        wanted = {world.user(one).pk for one in (people if isinstance(people, list) else [people])}
        offers = set(item.offers.values_list("user_id", flat=True))
        if item.assignee_id is not None or not item.is_open or (offers or wanted) != wanted:
            names = "、".join(sorted(item.offers.values_list("user__name", flat=True)))
            holder = item.assignee.name if item.assignee else names
            return f"“{name}”应由{people}领取，实际：{holder or item.role}"
        missing = [one for one in wanted if not _sees(world, one, item)]
        if missing:
            return f"“{name}”没有出现在{people}的待办里"
    return ""


def _sees(world: World, user_id: int, item: WorkItem) -> bool:
    actor = world.actor(_username(user_id))
    return any(one.id == item.pk for one in inbox(actor, sites=[world.site.pk], limit=1000))


def _username(user_id: int) -> str:
    return str(User.objects.values_list("username", flat=True).get(pk=user_id))


def _inbox(world: World, case_name: str | None, value: Any) -> str:
    """What each of these people has in their inbox, by name of task."""
    for person, names in dict(value).items():
        seen = [one.name for one in inbox(world.actor(str(person)), sites=[world.site.pk], limit=1000)]
        wanted = [str(one) for one in (names if isinstance(names, list) else [names] if names else [])]
        if sorted(seen) != sorted(wanted):
            return f"{person}的待办应是“{'、'.join(wanted) or '没有'}”，实际：{'、'.join(seen) or '没有'}"
    return ""


def _unattended(world: World, case_name: str | None, value: Any) -> str:
    """Exactly these open tasks of the case have nobody who could do them."""
    case = world.case(case_name)
    rows = WorkItem.unscoped.filter(
        instance__subject_kind="case", instance__subject_id=case.pk, status=WorkItem.Status.OPEN,
        unattended_since__isnull=False,
    )  # fmt: skip
    found = sorted(rows.values_list("name", flat=True))
    wanted = sorted(str(one) for one in (value if isinstance(value, list) else [value] if value else []))
    return (
        ""
        if found == wanted
        else f"没有人能办的应是“{'、'.join(wanted) or '没有'}”，实际：{'、'.join(found) or '没有'}"
    )


def _drawn(world: World, case_name: str | None, value: Any) -> str:
    """The person of the task was drawn by lot, and the record gives the same person when worked out again."""
    item = _item(world, case_name, str(value))
    for entry in Entry.objects.filter(chain=item.instance.chain, action="process.step").order_by("-pk"):
        kept = entry.data.get("decided", {}).get(str(item.wait))
        if entry.data.get("instance") == item.instance_id and kept is not None:
            if "seed" not in kept:
                return f"“{value}”不是抽取的"
            drawn = kept["candidates"][drawn_index(kept["seed"], kept["candidates"])]
            return "" if drawn == kept["user"] else f"“{value}”的抽取结果与记录对不上"
    return f"“{value}”没有抽取记录"


DUTY_CHECKS: Mapping[str, Callable[[World, str | None, Any], str]] = {
    "why": _why, "offered": _offered, "inbox": _inbox, "unattended": _unattended, "drawn": _drawn,
}  # fmt: skip
