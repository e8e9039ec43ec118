"""Among whom: one function for each word that `bihuan:who` may begin with, in a few queries each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bihuan.engine.definition.specs import Assignment
from bihuan.engine.runtime import ItemOpened
from bihuan.org.duty.models import UserGroup
from bihuan.org.duty.staff import Staff
from bihuan.org.models import Role
from bihuan.processes.models import WorkItem
from bihuan.processes.rows import Loaded, starter_of
from bihuan.processes.unit import Unit

CHOSEN = "chosen"
"""The process variable that holds who was chosen for which node: a context of node id and user id."""


@dataclass(slots=True)
class Question:
    """A step that has opened, and what is known where it has."""

    unit: Unit
    instance: Loaded
    event: ItemOpened
    rule: Assignment
    staff: Staff

    @property
    def variables(self) -> Mapping[str, Any]:
        return {**self.instance.state.variables, **self.event.variables}

    def starter(self) -> int | None:
        """Who started the process, or the one that called it; None when the system did."""
        return starter_of(self.instance)

    def last_doer(self) -> int | None:
        """Who did the step before this one."""
        done = self.unit.done
        if done is not None and _root(done.instance) == _root(self.instance):
            return self.unit.actor.user_id
        rows = WorkItem.unscoped.filter(instance_id=self.instance.id, status=WorkItem.Status.DONE)
        return rows.order_by("-completed_at", "-pk").values_list("completed_by_id", flat=True).first()

    def doer_of(self, node_id: str) -> tuple[int | None, str]:
        """Who last did a step of this process or of those that called it, and what that step is called."""
        done = self.unit.done
        family = {self.instance.id, self.instance.parent_id, self.instance.root_id} - {None}
        if done is not None and done.instance.id in family and done.node_id == node_id:
            return self.unit.actor.user_id, done.name
        rows = WorkItem.unscoped.filter(instance_id__in=family, node_id=node_id, status=WorkItem.Status.DONE)
        last = rows.order_by("-completed_at", "-pk").values_list("completed_by_id", "name").first()
        return last or (
            None,
            self.instance.process.nodes[node_id].label if node_id in self.instance.process.nodes else "",
        )


def _root(instance: Loaded) -> int:
    return instance.root_id or instance.id


@dataclass(frozen=True, slots=True)
class Found:
    """People, and the reason in words that go on from a name."""

    people: tuple[int, ...]
    words: str


def _role(question: Question) -> Found:
    keys = [part.strip() for part in (question.rule.argument or question.event.role).split(",") if part.strip()]
    people: dict[int, None] = {}
    for key in keys:
        on_duty = question.staff.on_duty(key)
        people.update((user, None) for user in question.staff.with_role(key) if on_duty is None or user in on_duty)
    names = Role.objects.filter(key__in=keys).order_by("pk").values_list("name", flat=True)
    return Found(tuple(people), f"担任{'、'.join(names) or '、'.join(keys)}")


def _position(question: Question) -> Found:
    return Found(question.staff.at_post(question.rule.argument), f"任“{question.rule.argument}”岗位")


def _department(question: Question) -> Found:
    return Found(question.staff.in_department(question.rule.argument), f"属于“{question.rule.argument}”")


def _head(question: Question) -> Found:
    name = question.rule.argument
    return Found(_one(question, question.staff.head_of(name)), f"负责“{name}”" if name else "是门店负责人")


def _superior(question: Question) -> Found:
    starter, rule = question.starter(), question.rule
    by_level = "上级" if rule.levels == 1 else f"第 {rule.levels} 级上级"
    which = f"职级不低于 {rule.rank} 的上级" if rule.rank else by_level
    if starter is None:
        return Found((), f"是发起人的{which}")
    above = question.staff.superior_up_to(starter, levels=rule.levels, rank=rule.rank)
    return Found(_one(question, above), f"是发起人{question.staff.name(starter)}的{which}")


def _starter(question: Question) -> Found:
    return Found(_one(question, question.starter()), "发起了这个流程")


def _chosen(question: Question) -> Found:
    chosen = question.variables.get(CHOSEN)
    value = chosen.get(question.event.node) if isinstance(chosen, Mapping) else None
    by = "发起人" if question.rule.argument else "上一步"
    return Found(_people(question, value), f"由{by}指定")


def _field(question: Question) -> Found:
    text = question.rule.argument
    return Found(_people(question, question.event.assignee), f"由流程里的“{text}”指定" if text else "由流程数据指定")


def _group(question: Question) -> Found:
    key = question.rule.argument
    name = UserGroup.objects.filter(key=key).values_list("name", flat=True).first()
    return Found(question.staff.in_group(key), f"在用户组“{name or key}”里")


def _done(question: Question) -> Found:
    person, step = question.doer_of(question.rule.argument)
    return Found(_one(question, person), f"办理过“{step}”" if step else "办理过那一步")


def _people(question: Question, value: Any) -> tuple[int, ...]:
    """People by number or name to sign in, one or several, as a form or expression gives them."""
    texts = [str(one) for one in (value if isinstance(value, Iterable) and not isinstance(value, str) else [value])]
    wanted = [text for text in texts if text not in ("", "None")]
    named = question.staff.named(wanted) if wanted else {}
    return question.staff.of_this_site(named[text] for text in wanted if text in named) if named else ()


def _one(question: Question, user_id: int | None) -> tuple[int, ...]:
    """The person, if they still work here: nobody else could open the work."""
    return () if user_id is None else question.staff.of_this_site((user_id,))


SOURCES: Mapping[str, Callable[[Question], Found]] = {
    "role": _role, "position": _position, "department": _department, "head": _head, "superior": _superior,
    "starter": _starter, "chosen": _chosen, "field": _field, "group": _group, "done": _done,
}  # fmt: skip
