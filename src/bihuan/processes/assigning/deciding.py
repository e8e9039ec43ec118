"""Deciding who does a step as it opens: people by the rule, those who are there, and what when nobody is."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from bihuan.engine.definition.specs import Assignment
from bihuan.engine.feel import FeelError
from bihuan.engine.runtime import CompleteItem, FailItem, ItemOpened, UnfitValue, normalised
from bihuan.org.models import Role
from bihuan.processes.assigning.picking import pick
from bihuan.processes.assigning.sources import SOURCES, Found, Question
from bihuan.processes.contract import Decided
from bihuan.processes.holding import roles_of
from bihuan.processes.rows import Loaded
from bihuan.processes.unit import Unit

PLAIN = Assignment()
OFFER = ("", "offer")


@dataclass(frozen=True, slots=True)
class Skip:
    """The step need not be done by anybody, for this reason."""

    why: str


@dataclass(frozen=True, slots=True)
class Stop:
    """Nobody can be found, and the process is to wait for an administrator."""

    why: str


def decide(unit: Unit, instance: Loaded, event: ItemOpened) -> None:
    """Find who does a step that has opened, if its diagram says so or names somebody; plain offers to a role stay."""
    if event.ask:
        return
    rule = instance.process.nodes[event.node].assignment
    if rule is not None or isinstance(event.assignee, list):
        unit.later(lambda: _settle(unit, instance, event, rule or PLAIN))


def _settle(unit: Unit, instance: Loaded, event: ItemOpened, rule: Assignment) -> None:
    if event.wait not in instance.state.waits:
        return
    question = Question(unit, instance, event, _sourced(rule, event), unit.staff_at(instance.facts.site_id))
    found = _decision(question)
    if isinstance(found, Decided):
        instance.decided[event.wait] = found
        return
    instance.notes.append(f"“{event.name}”{found.why}")
    if isinstance(found, Stop) or unit.is_runaway:
        unit.follow(instance, FailItem(event.wait, found.why))
        return
    try:
        result = _result_of_skipping(question)
        _require_vote(question, result)
        unit.follow(instance, CompleteItem(event.wait, result))
    except (FeelError, UnfitValue) as failure:
        unit.follow(instance, FailItem(event.wait, f"跳过后的结果算不出来：{failure}"))


def decide_again(unit: Unit, instance: Loaded, event: ItemOpened, holder: int | None) -> Decided:
    """Whose an open item is under another rule: its holder's if the rule may give it to them, else as if it opened now.

    Nobody's work is skipped or stopped by that: it waits for the role.
    """
    rule = _sourced(instance.process.nodes[event.node].assignment or PLAIN, event)
    question = Question(unit, instance, event, rule, unit.staff_at(instance.facts.site_id))
    if holder is not None and _may_have(question, holder):
        why = f"换版后仍由{question.staff.name(holder)}办理"
        return Decided(holder, (), event.role, why, {"rule": "kept", "user": holder})
    if rule == replace(PLAIN, source="role"):
        return Decided(None, (), event.role, "换版后由新的角色办理", {"rule": "role"})
    found = _decision(question)
    if isinstance(found, Decided):
        return found
    instance.notes.append(f"“{event.name}”{found.why}")
    return Decided(None, (), event.role, f"{found.why}，换版时保留", {"rule": rule.source})


def _may_have(question: Question, holder: int) -> bool:
    """Whether the rule may give the step to who holds it; being off duty now takes no work away."""
    if question.rule.source != "role":
        return holder in SOURCES[question.rule.source](question).people
    keys = roles_of(question.rule.argument or question.event.role)
    return any(holder in question.staff.with_role(key) for key in keys)


def _sourced(rule: Assignment, event: ItemOpened) -> Assignment:
    """The rule with its word for among whom: what the step names, else its role."""
    if rule.source:
        return rule
    return replace(rule, source="field" if event.assignee not in (None, "") else "role")


def _decision(question: Question) -> Decided | Skip | Stop:
    rule, staff = question.rule, question.staff
    found = SOURCES[rule.source](question)
    present, words = _present(question, found)
    starter = question.starter() if rule.starter != "allow" else None
    if starter is not None and starter in present:
        others = tuple(user for user in present if user != starter)
        # Who only stands in for somebody away decides nothing of their own: that is no reason to skip.
        if not others and rule.starter == "skip" and starter in found.people:
            return Skip(f"跳过：办理人{staff.name(starter)}就是发起人")
        if not others and rule.starter == "superior":
            others, words = _above(question, starter)
        present = others
    if not present:
        return _nobody(question, found)
    if rule.again == "skip" and present == (question.last_doer(),):
        return Skip(f"跳过：{staff.name(present[0])}刚办理过上一步")
    return _picked(question, present, words, set(present) <= set(found.people))


def _present(question: Question, found: Found) -> tuple[tuple[int, ...], str]:
    """Those of the people who are not on leave; when all are, who acts for them, else nobody."""
    staff = question.staff
    there = tuple(user for user in found.people if user not in staff.away)
    if there or not found.people:
        return there, found.words
    deputies = staff.deputies(found.people, question.event.role, question.instance.facts.process_id)
    absent = "、".join(staff.name(user) for user in found.people[:3])
    return tuple(user for user, _ in deputies), f"代{absent}办理（{absent}请假）"


def _above(question: Question, starter: int) -> tuple[tuple[int, ...], str]:
    """The nearest superior of who started the process who is there, or else who stands in for them."""
    staff = question.staff
    own = staff.name(starter)
    for above in staff.chart.superiors_of(starter):
        present, words = _present(question, Found(staff.of_this_site((above,)), f"是发起人{own}的上级"))
        others = tuple(user for user in present if user != starter)
        if others:
            return others, f"{words}，{own}不审批自己的事项"
    return (), ""


def _picked(question: Question, people: tuple[int, ...], words: str, asked_for: bool) -> Decided:
    rule, event, staff = question.rule, question.event, question.staff
    if rule.pick in OFFER and (len(people) > 1 or rule.pick == "offer"):
        # A role without conditions stays an offer to the role: whoever joins it later may take the work too.
        whole = rule.source == "role" and rule.starter == "allow" and asked_for
        role = (rule.argument or event.role) if whole else ""
        why = f"{words}的人都可以领取"
        return Decided(None, () if whole else people, role, why, {"rule": rule.source, "candidates": list(people)})
    chosen, how, kept = pick(question, rule.pick, people)
    why = f"{staff.name(chosen)}{words}" + (f"，{how}" if how else "")
    record = {"rule": rule.source, "candidates": sorted(people), "pick": rule.pick, "user": chosen, **kept}
    return Decided(chosen, (), event.role, why, record)


def stand_in(unit: Unit, instance: Loaded, event: ItemOpened, absent: int) -> Decided | None:
    """Who does a step that the model gives to somebody on leave: a deputy, else the others of its role."""
    staff = unit.staff_at(instance.facts.site_id)
    deputies = staff.deputies([absent], event.role, instance.facts.process_id)
    record = {"rule": "stand_in", "absent": absent, "candidates": [user for user, _ in deputies]}
    if deputies:
        chosen = deputies[0][0]
        why = f"{staff.name(absent)}请假，由其代理人或替补{staff.name(chosen)}办理"
        return Decided(chosen, (), event.role, why, {**record, "user": chosen})
    others = [user for key in roles_of(event.role) for user in staff.with_role(key) if user not in staff.away]
    return Decided(None, (), event.role, f"{staff.name(absent)}请假，改由同角色的人领取", record) if others else None


def _nobody(question: Question, found: Found) -> Decided | Stop:
    """What the rule says for nobody: superior, somebody named, an incident; else it waits and the manager is told."""
    rule, staff, event = question.rule, question.staff, question.event
    missing = _missing(found.words)
    if rule.nobody == "incident":
        return Stop(missing)
    there = tuple(user for user in _fallback(question) if user not in staff.away)
    record = {"rule": rule.source, "nobody": rule.nobody, "candidates": list(there)}
    if not there:
        return Decided(None, (), event.role, f"{missing}，已告知上级", record, unattended=True)
    if rule.nobody == "role" and len(there) > 1:
        name = Role.objects.filter(key=rule.fallback).values_list("name", flat=True).first() or rule.fallback
        return Decided(None, (), rule.fallback, f"{missing}，改由{name}办理", record)
    to = {"superior": "上级", "role": "备用角色的", "person": "备用人员"}[rule.nobody]
    why = f"{missing}，改由{to}{staff.name(there[0])}办理"
    return Decided(there[0], (), event.role, why, {**record, "user": there[0]})


def _fallback(question: Question) -> tuple[int, ...]:
    rule, staff = question.rule, question.staff
    if rule.nobody == "role":
        return staff.with_role(rule.fallback)
    if rule.nobody == "person":
        return staff.of_this_site(staff.named([rule.fallback]).values())
    if rule.nobody == "superior":
        starter = question.starter()
        above = [] if starter is None else staff.chart.superiors_of(starter)
        head = staff.chart.head_of_site(staff.site_id)
        return staff.of_this_site([*above, *([] if head is None else [head])])
    return ()


def _missing(words: str) -> str:
    noun = words.removeprefix("是")
    if not words:
        return "没有找到办理人"
    return f"没有找到在岗的{noun}" if noun != words else f"没有找到{words}的在岗人员"


def _result_of_skipping(question: Question) -> Mapping[str, Any]:
    expression = question.rule.skipped
    if expression is None:
        return {}
    names = ChainMap(dict(question.variables), cast("dict[str, Any]", question.unit.visible(question.instance)))
    value = normalised({"result": expression.evaluate(names, now=question.unit.now)})["result"]
    if not isinstance(value, Mapping):
        raise UnfitValue('bihuan:skipped 要给出一组变量，如 {result: "pass"}')
    return value


def _require_vote(question: Question, values: Mapping[str, Any]) -> None:
    """A vote that is skipped is one all the same: the rule says which."""
    signoff = question.instance.process.nodes[question.event.node].signoff
    if signoff is not None and not isinstance(values.get(signoff.vote), bool):
        raise UnfitValue(f"会签要由 bihuan:skipped 给出同意或不同意，如 {{{signoff.vote}: true}}")
