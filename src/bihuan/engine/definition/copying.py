"""Who is told of what happens (抄送): `bihuan:cc` elements of an activity, an event or the process (docs/packs.md)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from lxml import etree

from bihuan.engine.definition.assignment import read_who
from bihuan.engine.definition.iso8601 import BadTime, parse_duration
from bihuan.engine.definition.names import ACTIVITIES, BIHUAN, GATEWAYS
from bihuan.engine.definition.reading import Reading, extension_elements, line_of
from bihuan.engine.definition.specs import CopyRule, Span

CODE = "bad-copy"
MOST_RULES = 20
"""Of one element."""
MAX_NOTE = 200
LONGEST = timedelta(days=366)
LEAST_APART = timedelta(minutes=1)
"""Between two reminders."""
MOST_REMINDERS = 20
"""Of one rule: nobody is reminded for ever."""
_PURSUING = ("remind", "every", "times", "escalate", "escalateTo")
"""What is done about who has not confirmed."""
_ATTRIBUTES = ("who", "on", "confirm", *_PURSUING, "when", "note")
_YES_NO = {"": False, "false": False, "true": True}


def read_copies(element: etree._Element, kind: str, reading: Reading) -> tuple[CopyRule, ...]:
    """The rules of an element in their order. Problems are noted at it, with the line of the rule."""
    if element.get(f"{{{BIHUAN}}}cc") is not None:
        reading.refuse(element, '抄送要写成 extensionElements 里的 <bihuan:cc who="…"/>，不能写成属性', CODE)
    found = extension_elements(element, BIHUAN, "cc")
    if found and kind in GATEWAYS:
        reading.refuse(element, "网关上没有人办事，抄送写在它前面或后面的环节上", CODE, line_of(found[0]))
        return ()
    if len(found) > MOST_RULES:
        reading.refuse(element, f"一个环节最多 {MOST_RULES} 条抄送", CODE, line_of(found[MOST_RULES]))
    return tuple(_read_rule(element, rule, kind, reading) for rule in found[:MOST_RULES])


def _read_rule(element: etree._Element, rule: etree._Element, kind: str, reading: Reading) -> CopyRule:
    said = {str(name): value.strip() for name, value in rule.attrib.items()}
    line = line_of(rule)
    for name in sorted(said.keys() - set(_ATTRIBUTES)):
        reading.refuse(element, f"抄送没有「{name}」这一项，可用：{'、'.join(_ATTRIBUTES)}", CODE, line)
    who = read_who(element, said.get("who", ""), reading, label="抄送的 who", line=line)
    if not said.get("who"):
        reading.refuse(element, "抄送没有写给谁（who）", CODE, line)
    elif who.source == "chosen":
        reading.refuse(element, "抄送的 who 不能用 chosen：没有人为抄送指定过谁", CODE, line)
    confirm = said.get("confirm", "")
    if confirm not in _YES_NO:
        reading.refuse(element, f"抄送的 confirm「{confirm}」不认识，可用 true、false", CODE, line)
    remind, every, escalate = (_span(element, name, said, line, reading) for name in ("remind", "every", "escalate"))
    times = _times(element, said, line, reading)
    note = said.get("note", "")
    if len(note) > MAX_NOTE:
        reading.refuse(element, f"抄送的 note 最多 {MAX_NOTE} 个字，现在有 {len(note)} 个", CODE, line)
    return CopyRule(
        who=who,
        said=said.get("who", ""),
        on=_moment(element, said.get("on", ""), kind, line, reading),
        confirm=_YES_NO.get(confirm, False),
        remind=remind,
        every=every or (remind if times > 1 else None),
        times=times,
        escalate=escalate,
        escalate_to=_escalate_to(element, said, line, reading),
        when=reading.expression(element, said.get("when", ""), line),
        note=note[:MAX_NOTE],
        line=line,
    )


def _moment(element: etree._Element, on: str, kind: str, line: int, reading: Reading) -> str:
    if on and kind not in ACTIVITIES and kind != "process":
        reading.refuse(element, "事件没有打开和办完之分，抄送不用写 on", CODE, line)
    elif on not in ("", "open", "complete"):
        reading.refuse(element, f"抄送的 on「{on}」不认识，可用 open（打开时）、complete（办完时）", CODE, line)
    return "open" if on == "open" else "complete"


def _span(element: etree._Element, name: str, said: Mapping[str, str], line: int, reading: Reading) -> Span | None:
    """How long, as a duration or a time limit."""
    text = said.get(name, "")
    if not text:
        return None
    if said.get("confirm") != "true":
        reading.refuse(element, f'抄送写了 {name}，也要写 confirm="true"：不用确认的不催', CODE, line)
    word, _, key = (part.strip() for part in text.partition(":"))
    if word == "limit":
        if not key:
            reading.refuse(element, f"抄送的 {name}「limit:」后面还要写是哪一个时限", CODE, line)
        return Span(limit=key)
    try:
        after = parse_duration(text)
    except BadTime as bad:
        reading.refuse(element, f"抄送的 {name}：{bad}", CODE, line)
        return None
    length = timedelta(days=30 * after.months + after.days) + after.seconds
    if not after.positive or after.months > 12 or length > LONGEST:
        reading.refuse(element, f"抄送的 {name}「{text}」要大于零，最长一年", CODE, line)
    elif length < LEAST_APART and (name == "every" or said.get("times", "1") != "1"):
        reading.refuse(element, f"抄送的 {name}「{text}」太短，两次提醒至少隔一分钟", CODE, line)
    return Span(after)


def _times(element: etree._Element, said: Mapping[str, str], line: int, reading: Reading) -> int:
    """How many reminders in all: once, unless the rule says more, or how often."""
    for name in ("every", "times"):
        if said.get(name) and not said.get("remind"):
            reading.refuse(element, f"抄送写了 {name}，也要写 remind：第一次什么时候提醒", CODE, line)
    text = said.get("times", "")
    if not text:
        return MOST_REMINDERS if said.get("every") else 1
    if text.isascii() and text.isdecimal() and len(text) < 4 and 0 < int(text) <= MOST_REMINDERS:
        return int(text)
    reading.refuse(element, f"抄送的 times「{text}」应是 1 到 {MOST_REMINDERS} 的整数", CODE, line)
    return 1


def _escalate_to(element: etree._Element, said: Mapping[str, str], line: int, reading: Reading) -> str:
    """The role that is told in the end; empty for the superior of whoever has not confirmed."""
    text = said.get("escalateTo", "")
    if text and not said.get("escalate"):
        reading.refuse(element, "抄送写了 escalateTo，也要写 escalate：多久以后上报", CODE, line)
    word, _, role = (part.strip() for part in text.partition(":"))
    if word not in ("", "superior", "role") or bool(role) != (word == "role"):
        reading.refuse(
            element, f"抄送的 escalateTo「{text}」不认识，可用 superior（本人的上级）、role:角色", CODE, line
        )
    return role if word == "role" else ""
