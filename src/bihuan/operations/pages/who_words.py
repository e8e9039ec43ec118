"""Who does a step, or who is told of it, as a process owner reads it: 发起人的上级, “销售部”的负责人."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from bihuan.engine.definition import Assignment, Node

_SIGN = MappingProxyType({"all": "会签", "any": "或签", "ratio": "票签"})
_SOURCES = MappingProxyType(
    {
        "position": "“{}”岗位",
        "department": "“{}”的人",
        "group": "用户组“{}”",
        "field": "流程里的“{}”",
        "done": "办理“{}”的人",
    }
)


def who_in_words(
    rule: Assignment, roles: Mapping[str, str], steps: Mapping[str, str], *, else_role: str = "这一步的角色"
) -> str:
    """Whom a rule means; `roles` and `steps` are names by key and id, `else_role` is meant where it names no role."""
    source, argument = rule.source, rule.argument
    if source == "field" and not argument:
        return f"={rule.expression.text}" if rule.expression is not None else else_role
    if source == "role":
        return roles.get(argument, argument) or else_role
    if source == "head":
        return f"“{argument}”的负责人" if argument else "门店负责人"
    if source == "superior" and rule.rank:
        return f"发起人职级不低于 {rule.rank} 的上级"
    if source == "superior":
        return "发起人的上级" if rule.levels == 1 else f"发起人的第 {rule.levels} 级上级"
    if source == "chosen":
        return "由发起人指定" if argument else "由上一步指定"
    return "发起人" if source == "starter" else _SOURCES[source].format(steps.get(argument, argument))


def doers_in_words(node: Node, lane: str, roles: Mapping[str, str], steps: Mapping[str, str]) -> str:
    """Who does a step of people; `lane` are the names of its roles."""
    if node.signoff is not None and node.loop is not None and node.loop.collection is not None:
        return f"{_SIGN[node.signoff.rule]}：名单里的人"
    if node.assignment is not None and node.assignment.source:
        return who_in_words(node.assignment, roles, steps, else_role=lane)
    return lane
