"""Data that a step needs and nobody gives, made up so that a rehearsal without answers goes on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from bihuan.engine.definition import Node, Process
from bihuan.engine.feel import Expression

_NUMBERS = re.compile(
    "(big|unsigned|(non)?(positive|negative))?(byte|short|int|integer|long|float|double|decimal|number)"
)
_TIMERS = {"date": "datetime", "duration": "duration", "cycle": "cycle"}


def neutral(kind: str, now: datetime) -> Any:
    """A value that says as little as possible of a declared type (its last name in small letters)."""
    if _NUMBERS.fullmatch(kind):
        return Decimal(0)
    made: dict[str, Any] = {
        "boolean": False,
        "bool": False,
        "list": [""],
        "count": Decimal(1),
        "key": "1",
        "date": now.date(),
        "datetime": now,
        "time": now.timetz(),
        "duration": timedelta(hours=1),
        "cycle": "R1/PT1H",
    }
    return made.get(kind, "")


def needed(process: Process, node: Node, types: Mapping[str, str]) -> dict[str, str]:
    """Variables without which a step cannot begin, with their types: its inputs, what it is repeated for, and the keys
    and times of what is waited for in it, at its edge or behind it."""
    found = {name: types.get(name, "") for names in node.needs for name in names}
    if node.loop is not None:
        found |= _named(node.loop.collection, "list") | _named(node.loop.cardinality, "count")
    behind = node.outgoing if node.kind == "eventBasedGateway" else ()
    ways = [process.flows[flow].target for flow in behind]
    for event in (node, *(process.nodes[each] for each in (*node.boundary, *ways))):
        for part in event.event.all_parts if event.event is not None else ():
            found |= _named(part.correlation, "key")
            if part.timer is not None:
                found |= _named(part.timer.expression, _TIMERS[part.timer.kind])
    return found


def _named(expression: Expression | None, kind: str) -> dict[str, str]:
    """The variable that an expression is, if it is nothing more."""
    name = expression.text.strip("`() ") if expression is not None else ""
    return {name: kind} if expression is not None and name in expression.names else {}
