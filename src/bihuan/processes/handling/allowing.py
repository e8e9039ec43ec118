"""What the diagram lets people do with a step besides completing it: `bihuan:allow`, `bihuan:final`."""

from __future__ import annotations

from bihuan.engine.definition import Node, Process
from bihuan.engine.definition.specs import Extension
from bihuan.kernel.errors import NotAllowed

OPERATIONS = {
    "release": "退回角色池",
    "transfer": "转办",
    "delegate": "委派",
    "add": "加签",
    "remove": "减签",
    "send_back": "退回",
    "recall": "撤回",
    "take_back": "拿回",
    "withdraw": "撤销",
    "wake": "唤醒",
    "cc": "抄送",
    "urge": "催办",
}
"""What a diagram may allow; claiming is always. What administrators do (挂起, 终止, 跳转) is theirs by grant."""


def allowed(process: Process, node: Node | None = None) -> frozenset[str]:
    """The operations allowed at a step: its own `bihuan:allow`, else that of the process, else all."""
    for holder in (node, process):
        said = holder.extension.properties.get("allow") if holder is not None else None
        if said is not None:
            return frozenset(said.split()) & OPERATIONS.keys()
    return frozenset(OPERATIONS)


def require_allowed(operation: str, process: Process, node: Node | None = None) -> None:
    """Refuse with NotAllowed what the rule book does not let anybody do here."""
    if operation not in allowed(process, node):
        where = f"“{node.label}”这一步" if node is not None else "这个流程"
        raise NotAllowed(f"{where}按规定不能{OPERATIONS[operation]}")


def problems_of(extension: Extension) -> list[str]:
    """What is wrong with the words of a step or process about people's operations."""
    said = extension.properties
    unknown = sorted(set(said.get("allow", "").split()) - OPERATIONS.keys())
    found = [f"bihuan:allow 里没有“{word}”，可用：{'、'.join(OPERATIONS)}" for word in unknown]
    if said.get("again", "repeat") not in ("once", "repeat"):
        found.append(f"bihuan:again“{said['again']}”不认识，可用 once、repeat")
    if said.get("final", "true") not in ("true", "false"):
        found.append(f"bihuan:final“{said['final']}”不认识，可用 true、false")
    return found


def is_final(node: Node) -> bool:
    """Whether nobody goes back across the step once it is done (money taken, goods handed over).

    So it is with `bihuan:final="true"`, and with every step that has effects on records, unless its diagram says by
    `bihuan:again` that it may be done again: with its effects (repeat), or without them (once).
    """
    said = node.extension.properties
    if said.get("final", "") == "true":
        return True
    return bool(node.extension.effects) and said.get("again", "") not in ("once", "repeat")
