"""Reads how several people sign one step: `bihuan:signoff` on a multi-instance user task, with its attributes."""

from __future__ import annotations

import re
from dataclasses import replace

from lxml import etree

from bihuan.engine.definition.reading import Reading, line_of
from bihuan.engine.definition.specs import Extension, LoopSpec, SignoffSpec
from bihuan.engine.feel import Expression, compile_expression

RULES = ("all", "any", "ratio")
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*[%％]")


def read_signoff(
    element: etree._Element, extension: Extension, loop: LoopSpec | None, reading: Reading
) -> SignoffSpec | None:
    """The sign-off rule of a user task, None if it has none."""
    said = extension.properties
    rule = said.get("signoff", "").strip()
    if not rule:
        return None
    if rule not in RULES:
        reading.refuse(element, f"会签方式「{rule}」不认识，可用 all、any、ratio", "bad-signoff")
        return None
    if loop is None or loop.standard:
        reading.refuse(element, "会签的环节要有多实例，说明由哪些人签", "bad-signoff")
        return None
    threshold = said.get("threshold", "").strip()
    if rule == "ratio" and not threshold:
        reading.refuse(element, "票签没有写通过比例 threshold，例：60%", "bad-signoff")
    percent = _PERCENT.fullmatch(threshold)
    if percent is not None:
        threshold = f"{percent.group(1)} / 100"
    return SignoffSpec(
        rule=rule,
        weight=reading.expression(element, said.get("weight", ""), line_of(element)),
        threshold=reading.expression(element, threshold, line_of(element)),
        vote=said.get("vote", "").strip() or "approved",
        early=said.get("early", "").strip() != "false",
    )


def signed_by_items(loop: LoopSpec) -> tuple[LoopSpec, Expression | None]:
    """Where the step names nobody, the items of its collection sign: persons, or contexts with the `user`.

    An item without a name of its own is called `signer`.
    """
    if loop.collection is None:
        return loop, None
    item = loop.item or "signer"
    return replace(loop, item=item), compile_expression(f"get or else({item}.user, {item})", names=(item,))
