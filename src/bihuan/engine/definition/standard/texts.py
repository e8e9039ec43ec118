"""Expressions and notes (BPMN 2.0, 8.2.1 and 8.3.6)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree

from bihuan.engine.definition.names import XSI
from bihuan.engine.definition.reading import text_of
from bihuan.engine.definition.standard.file import Breach, File, Rule, kind

_EXPRESSIONS = (
    "conditionExpression",
    "condition",
    "activationCondition",
    "completionCondition",
    "loopCondition",
    "loopCardinality",
    "timeDate",
    "timeDuration",
    "timeCycle",
    "from",
    "to",
)
_FORMAL = ("dataPath", "messagePath", "transformation")
_PLAIN_WORDS = re.compile(r"[^\W\d][\w'’-]*(?:\s+[^\W\d][\w'’-]*)+[.?!]?")
_OPERATORS = re.compile(r"\b(?:and|or|in|between|instance of|if|then|else|for|return|some|every|satisfies|not)\b")
_MIME = re.compile(r"[\w.+*-]+/[\w.+*-]+(?:\s*;.*)?", re.DOTALL)


def formal_expressions_have_a_text(file: File) -> Iterator[Breach]:
    """A formal expression has a body (8.3.6)."""
    for expression in file.all(*_EXPRESSIONS, *_FORMAL):
        if (_must_be_formal(expression) or _is_formal(expression)) and not text_of(expression):
            yield Breach(_owner(expression), f"{kind(expression)} 是空的，要写表达式", "empty-expression")


def what_runs_is_not_prose(file: File) -> Iterator[Breach]:
    """An expression that is not marked as formal and reads as a sentence is for people only (8.3.6)."""
    for expression in file.all(*_EXPRESSIONS):
        text = text_of(expression)
        if not _is_formal(expression) and _PLAIN_WORDS.fullmatch(text) and not _OPERATORS.search(text):
            reason = f"{kind(expression)}「{text[:60]}」是一句说明，不是能计算的表达式"
            yield Breach(_owner(expression), reason, "prose")


def notes_name_their_format(file: File) -> Iterator[Breach]:
    """`textFormat` is a MIME type (8.2.1, 8.3.1)."""
    for note in file.all("documentation", "textAnnotation"):
        text_format = note.get("textFormat")
        if text_format is not None and not _MIME.fullmatch(text_format.strip()):
            yield Breach(note, f"文字格式「{text_format[:40]}」不是 MIME 类型，如 text/plain", "text-format")


def _must_be_formal(expression: etree._Element) -> bool:
    around = expression.getparent()
    return kind(expression) in _FORMAL or (around is not None and kind(around) == "complexBehaviorDefinition")


def _is_formal(expression: etree._Element) -> bool:
    return expression.get(f"{{{XSI}}}type", "").endswith("tFormalExpression")


def _owner(expression: etree._Element) -> etree._Element:
    """The element with an id around an expression."""
    here = expression
    while not here.get("id") and here.getparent() is not None:
        here = here.getparent()  # type: ignore[assignment]
    return here


RULES: tuple[Rule, ...] = (formal_expressions_have_a_text, what_runs_is_not_prose, notes_name_their_format)
