"""Scripts of script tasks: FEEL as it stands, small ones of other languages as the assignments they come to."""

from __future__ import annotations

import re

from lxml import etree

from bihuan.engine.definition.expressions import BRACED, INDENTED, BadExpression, feel, is_feel
from bihuan.engine.definition.reading import Reading
from bihuan.engine.definition.specs import ScriptStep
from bihuan.engine.feel import Expression, FeelSyntaxError, compile_expression, translate_script
from bihuan.engine.feel.limits import MAX_TEXT

_ASSIGNS = re.compile(
    r"^\s*return\b|^\s*(?:(?:def|var|let|const)\s+)?[^\W\d][\w.]*\s*[-+*/]?=(?!=)|[;{]\s*$|\w\s*\(.*\)\s*;?\s*$",
    re.MULTILINE,
)


_COMMENTS = re.compile(r"^[ \t]*(?://|#)[^\n]*$|/\*.*?\*/", re.MULTILINE | re.DOTALL)


def is_empty(text: str) -> bool:
    """Whether a script is nothing, or nothing but comments."""
    return not text.strip() or (len(text) <= MAX_TEXT and not _COMMENTS.sub("", text).strip())


def read_script(
    element: etree._Element, text: str, language: str, line: int, reading: Reading
) -> tuple[Expression | None, tuple[ScriptStep, ...]]:
    """A script as one FEEL expression, or as steps; (None, ()) with a problem noted if it is neither."""
    known = language.strip().lower()
    foreign = known in INDENTED | BRACED or (not known and _ASSIGNS.search(text) is not None and not _is_feel(text))
    if known and not foreign and not is_feel(known):
        reading.refuse(element, f"脚本任务不能用「{language}」写，请改用 FEEL", "unsupported-script", line)
        return None, ()
    if not foreign:
        return reading.expression(element, text, line), ()
    try:
        indented = known in INDENTED or (not known and re.search(r":\s*$", text, re.MULTILINE) is not None)
        return None, _steps(text, line, indented=indented)
    except FeelSyntaxError as error:
        reading.refuse(element, f"脚本（{language or '未写语言'}）{error.message}", "unsupported-script", line)
    except BadExpression as bad:
        reading.refuse_expression(element, bad)
    return None, ()


def _is_feel(text: str) -> bool:
    """Whether the text is an expression with a value, not a lone comparison, which would set nothing."""
    try:
        compile_expression(text)
    except FeelSyntaxError:
        return False
    return re.match(r"\s*[^\W\d][\w.]*\s*=", text) is None


def _steps(text: str, line: int, *, indented: bool) -> tuple[ScriptStep, ...]:
    return tuple(
        ScriptStep(step.target, feel(step.feel, line + step.line), step.guard, step.kept)
        for step in translate_script(text, indented=indented)
    )
