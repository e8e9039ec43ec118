"""Who does a person's step: the rule on the diagram, read from our own attributes and checked (docs/packs.md).

`bihuan:who` says among whom, `bihuan:pick` which of them, `bihuan:nobody` what happens when nobody is found,
`bihuan:starter` what when it would be whoever started the process, `bihuan:again` what when it would be whoever did the
step before, `bihuan:skipped` the result of a step that is skipped.
"""

from __future__ import annotations

from dataclasses import replace

from lxml import etree

from bihuan.engine.definition.names import BIHUAN
from bihuan.engine.definition.reading import Reading
from bihuan.engine.definition.specs import Assignment

ATTRIBUTES = ("who", "pick", "nobody", "starter", "again", "skipped")
PERSON_STEPS = frozenset({"userTask", "manualTask"})

# What may stand before the colon of `who`, and whether something must or may follow it.
_SOURCES = {
    "role": "may", "position": "must", "department": "must", "head": "may", "superior": "may", "starter": "never",
    "chosen": "may", "field": "must", "group": "must", "done": "must",
}  # fmt: skip
_PICKS = frozenset({"offer", "first", "least_load", "round_robin", "random"})
_NOBODY = {"wait": "never", "superior": "never", "incident": "never", "role": "must", "person": "must"}
_STARTER = frozenset({"allow", "skip", "superior"})
_AGAIN = frozenset({"allow", "skip"})
MOST_LEVELS = 20
HIGHEST_RANK = 99


def read_assignment(element: etree._Element, kind: str, reading: Reading) -> Assignment | None:
    """The rule of a step, None where the diagram leaves it to role and assignee. Problems are noted at the element."""
    said = {name: (element.get(f"{{{BIHUAN}}}{name}") or "").strip() for name in ATTRIBUTES}
    if not any(said.values()):
        return None
    if kind not in PERSON_STEPS:
        used = "、".join(f"bihuan:{name}" for name, text in said.items() if text)
        reading.refuse(element, f"只有人工任务能写办理人规则（{used}）", "bad-assignment")
        return None
    _choice(element, "pick", said["pick"], _PICKS, reading)
    _choice(element, "starter", said["starter"], _STARTER, reading)
    _choice(element, "again", said["again"], _AGAIN, reading)
    nobody, fallback = _parted(element, "bihuan:nobody", said["nobody"], _NOBODY, reading)
    return replace(
        read_who(element, said["who"], reading), pick=said["pick"],
        nobody=nobody or "wait", fallback=fallback, starter=said["starter"] or "allow", again=said["again"] or "allow",
        skipped=reading.expression(element, said["skipped"]),
    )  # fmt: skip


def read_who(
    element: etree._Element, said: str, reading: Reading, *, label: str = "bihuan:who", line: int | None = None
) -> Assignment:
    """Among whom: a word with its argument, or a FEEL expression after `=`. Problems call it by the label."""
    expression = said.startswith("=")
    source, argument = ("", "") if expression else _parted(element, label, said, _SOURCES, reading, line)
    levels, rank = _superior(element, label, argument, reading, line) if source == "superior" else (1, 0)
    if source == "chosen" and argument not in ("", "starter"):
        reason = f"{label} 里 chosen 后面只能是 starter，这里写的是「{argument}」"
        reading.refuse(element, reason, "bad-assignment", line)
    text = said if expression else argument if source == "field" else ""
    return Assignment(
        source="field" if expression else source, argument=argument, levels=levels, rank=rank,
        expression=reading.expression(element, text, line),
    )  # fmt: skip


def _choice(element: etree._Element, name: str, text: str, known: frozenset[str], reading: Reading) -> None:
    if text and text not in known:
        reading.refuse(element, f"bihuan:{name} 没有「{text}」，可用：{'、'.join(sorted(known))}", "bad-assignment")


def _parted(
    element: etree._Element,
    label: str,
    text: str,
    known: dict[str, str],
    reading: Reading,
    line: int | None = None,
) -> tuple[str, str]:
    word, _, rest = (part.strip() for part in text.partition(":"))
    if not text:
        return "", ""
    if word not in known:
        more = "、=表达式" if known is _SOURCES else ""
        reading.refuse(element, f"{label} 没有「{word}」，可用：{'、'.join(known)}{more}", "bad-assignment", line)
    elif known[word] == "must" and not rest:
        reading.refuse(element, f"{label} 的「{word}:」后面还要写是哪一个", "bad-assignment", line)
    elif known[word] == "never" and rest:
        reading.refuse(element, f"{label} 的「{word}」后面不能再写「{rest}」", "bad-assignment", line)
    return word, rest


def _superior(element: etree._Element, label: str, text: str, reading: Reading, line: int | None) -> tuple[int, int]:
    """Levels up, or the rank up to which to go: `superior:2`, `superior:rank=5`."""
    name, _, number = text.rpartition("=")
    if not text:
        return 1, 0
    highest = HIGHEST_RANK if name else MOST_LEVELS
    if name.strip() in ("", "rank") and number.strip().isdecimal() and 1 <= int(number) <= highest:
        return (1, int(number)) if name else (int(number), 0)
    reason = f"superior 后面写级数（1 到 {MOST_LEVELS}）或 rank=职级（1 到 {HIGHEST_RANK}），这里写的是「{text}」"
    reading.refuse(element, f"{label} 的{reason}", "bad-assignment", line)
    return 1, 0
