"""Tells how a rehearsal went: as one JSON object for programs, in Chinese lines for people."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from bihuan.engine.definition.expressions import HOLDERS
from bihuan.engine.feel import YearMonthDuration, to_text
from bihuan.engine.rehearsal import MAX_COMMANDS, Instance, Outcome
from bihuan.engine.runtime import (
    CallRequested,
    CopyRequested,
    FlowTaken,
    ItemOpened,
    MessageThrown,
    ServiceRequested,
    Subscribed,
)

_UNKNOWN = re.compile("没有名为“([^”]+)”的变量")
"""How the language tells of a variable that nobody gave."""

STATES = {
    "completed": "已完成",
    "waiting": "等待中",
    "incident": "卡住了",
    "error": "以错误结束",
    "terminated": "已结束",
    "cancelled": "已取消",
    "limit": "步数太多，已停止",
    "refused": "没有开始",
}
MAX_LINES = 300
KINDS = {
    "item": "任务",
    "timer": "定时器",
    "message": "等消息",
    "signal": "等信号",
    "service": "服务",
    "call": "调用流程",
    "condition": "等条件",
    "adhoc": "可以开始的活动",
}


def report_of(outcome: Outcome, file: str) -> dict[str, Any]:
    """The outcome as plain JSON; the schema is in docs/cli.md."""
    main = outcome.main
    report: dict[str, Any] = {
        "ok": outcome.state in ("completed", "waiting", "terminated", "cancelled"),
        "file": file,
        "process": main.process.id,
        "state": outcome.state,
        **_instance(main),
        "called": [
            {"process": other.process.id, "state": _state(other), **_instance(other)} for other in outcome.instances[1:]
        ],
        "unused_answers": outcome.answers.unused(),
        "in_turn": [node.id for node in outcome.in_turn],
        "made_up": [
            {"process": one.instance.process.id, "node": one.node.id, "name": one.name, "value": plain(one.value)}
            for one in outcome.made_up
        ],
    }
    if outcome.refusal:
        report["reason"] = outcome.refusal
    elif outcome.state == "limit":
        report["reason"] = f"走了 {MAX_COMMANDS} 步还没有结束，已停止：可能是没有出口的循环"
    elif main.ended is not None and (main.ended.code or main.ended.reason):
        report["reason"] = main.ended.reason or main.ended.code
    return report


def _state(instance: Instance) -> str:
    if instance.ended is not None:
        return instance.ended.outcome
    return "incident" if instance.incidents else "waiting"


def _instance(instance: Instance) -> dict[str, Any]:
    return {
        "nodes": instance.nodes,
        "flows": [event.flow for event in instance.events if isinstance(event, FlowTaken)],
        "at": [] if instance.ended is not None else instance.state.nodes(),
        "open": _open(instance),
        "variables": plain(instance.state.variables),
        "incidents": [
            {
                "node": event.node,
                "name": instance.process.nodes[event.node].name,
                "reason": event.reason,
                "missing": [name for name in dict.fromkeys(_UNKNOWN.findall(event.reason)) if name not in HOLDERS],
            }
            for event in instance.incidents.values()
        ],
        "messages": [
            {"node": event.node, "name": event.name, "correlation": event.correlation, "payload": plain(event.payload)}
            for event in instance.events
            if isinstance(event, MessageThrown)
        ],
        "copies": [_copy(instance, event) for event in instance.events if isinstance(event, CopyRequested)],
    }


def _copy(instance: Instance, event: CopyRequested) -> dict[str, Any]:
    """Who would be told of a node, or of the process ("")."""
    node = instance.process.nodes.get(event.node)
    rule = (instance.process if node is None else node).copies[event.rule]
    return {
        "node": event.node,
        "name": instance.process.name if node is None else node.label,
        "on": rule.on,
        "who": rule.said,
        "people": plain(event.people),
        "confirm": rule.confirm,
        "failure": event.failure,
    }


def _open(instance: Instance) -> list[dict[str, Any]]:
    if instance.ended is not None:
        return []
    found = []
    for wait in sorted(instance.state.waits.values(), key=lambda wait: wait.id):
        node = instance.process.nodes[wait.node]
        entry: dict[str, Any] = {"node": node.id, "name": node.name, "kind": wait.kind, "element": node.kind}
        event = instance.opened.get(wait.id)
        if isinstance(event, ItemOpened):
            entry |= {"role": event.role, "assignee": plain(event.assignee), "form": event.form, "title": event.title}
        elif isinstance(event, Subscribed):
            entry["waits_for"] = event.name
        elif isinstance(event, ServiceRequested):
            entry |= {"service": event.service, "decision": event.decision}
        elif isinstance(event, CallRequested):
            entry["calls"] = event.called
        if wait.due_at is not None:
            entry["due_at"] = wait.due_at.isoformat()
        found.append(entry)
    return found


def plain(value: Any) -> Any:
    """A variable as JSON: whole numbers as integers, other decimals exactly or as text, dates as ISO texts."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, Decimal):
        if value == value.to_integral_value() and abs(value) < 2**53:
            return int(value)
        return float(value) if Decimal(repr(float(value))) == value else str(value)
    if isinstance(value, (datetime, date, time, timedelta, YearMonthDuration)):
        return to_text(value)
    if value is None or isinstance(value, (str, bool, int)):
        return value
    return to_text(value)


def print_report(report: Mapping[str, Any], outcome: Outcome) -> None:
    """The same for a person."""
    main = outcome.main
    title = f"「{main.process.name}」" if main.process.name else ""
    print(f"流程 {main.process.id}{title}：{STATES.get(report['state'], report['state'])}")
    if report.get("reason"):
        print(f"原因：{report['reason']}")
    _print_instance(main, report)
    for instance, part in zip(outcome.instances[1:], report["called"], strict=True):
        print(f"调用或启动的流程 {instance.process.id}：{STATES.get(part['state'], part['state'])}")
        _print_instance(instance, part)
    for node in outcome.in_turn:
        print(f"没有写明走哪条路，各条轮流走：{node.id} {_one_line(node.name)}".rstrip())
    for made in outcome.made_up:
        print(f"没有的数据，试走时补上：{made.name} = {to_text(made.value)}（{_one_line(made.node.label)}）")
    for key in report["unused_answers"]:
        print(f"没有用到（或没有用完）的答案：{key}")


def _print_instance(instance: Instance, part: Mapping[str, Any]) -> None:
    print("经过的节点：")
    for number, node in enumerate(part["nodes"][:MAX_LINES], 1):
        print(f"  {number}. {node} {_one_line(instance.process.nodes[node].name)}".rstrip())
    if len(part["nodes"]) > MAX_LINES:
        print(f"  ……一共 {len(part['nodes'])} 个")
    if part["open"]:
        print("还开着的事项：")
        for entry in part["open"]:
            kind = KINDS.get(entry["kind"], entry["kind"])
            print(f"  {kind} {entry['node']} {_one_line(entry['name'])}{_details(entry)}".rstrip())
    for incident in part["incidents"]:
        print(f"卡住：{' '.join([incident['node'], *incident['name'].split()])}：{incident['reason']}")
        if incident["missing"]:
            given = ", ".join(f'"{name}": …' for name in incident["missing"])
            print(f"  给出变量的办法：开始时用 --variables '{{{given}}}'，或者在 --answers 文件里写在先办的环节下")
    for message in part["messages"]:
        print(f"发出的消息：{message['name']}（{message['node']}）")
    for copy in part["copies"]:
        print(f"抄送：{_copy_in_words(copy)}")
    if part["variables"]:
        print("变量：")
        for name, value in part["variables"].items():
            print(f"  {name} = {value if isinstance(value, str) else to_text(instance.state.variables[name])}")


def _copy_in_words(copy: Mapping[str, Any]) -> str:
    when = f"{_one_line(copy['name'])}{'一打开' if copy['on'] == 'open' else '办完'}"
    if copy["failure"]:
        return f"{when}，没有送出：{copy['failure']}"
    people = copy["people"] if isinstance(copy["people"], list) else [copy["people"]]
    names = "、".join(str(one) for one in people if one is not None)
    whom = names or ("没有人" if copy["who"].startswith(("=", "field:")) else copy["who"])
    return f"{when} → {whom}{'，要确认已阅' if copy['confirm'] else ''}"


def _one_line(name: str) -> str:
    return " ".join(name.split())


def _details(entry: Mapping[str, Any]) -> str:
    labels = {
        "role": "角色",
        "assignee": "指定",
        "waits_for": "等",
        "service": "服务",
        "calls": "调用",
        "due_at": "到点",
    }
    found = [f"{label} {entry[key]}" for key, label in labels.items() if entry.get(key)]
    return f"（{'，'.join(found)}）" if found else ""
