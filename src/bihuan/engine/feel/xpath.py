"""Translates small XPath conditions into FEEL: XPath is the language BPMN 2.0 assumes where a file names none."""

from __future__ import annotations

import re

from bihuan.engine.feel.errors import FeelSyntaxError
from bihuan.engine.feel.foreign import translate_juel
from bihuan.engine.feel.limits import MAX_TEXT

_DATA = re.compile(r"""(?:[\w-]+:)?get(?:DataObject|DataInput|DataOutput|ProcessProperty)\(\s*(['"])([\w ]+)\1\s*\)""")
_LITERAL = re.compile(r"""('[^']*'|"[^"]*")""")
_REWRITTEN = (
    (re.compile(r"\$([^\W\d]\w*)"), r"\1"),
    (re.compile(r"\b(true|false)\s*\(\s*\)"), r"\1"),
    (re.compile(r"\b(starts|ends)-with\s*\("), r"\1_with("),
    (re.compile(r"\bstring-length\s*\("), "string_length("),
    (re.compile(r"(?<=[\w)])\s*/\s*@?(?=[^\W\d])"), "."),
)


def translate_xpath(text: str) -> str:
    """The FEEL text with the same meaning: comparisons, `and`, `or`, `not()`, functions on texts, variables with or
    without `$`, `getDataObject('x')`, steps from a variable into its parts.

    Raises FeelSyntaxError for anything else.
    """
    if len(text) > MAX_TEXT:
        raise FeelSyntaxError("表达式太长", 1)
    parts = _LITERAL.split(_DATA.sub(r"\2", text))
    for index in range(0, len(parts), 2):
        for pattern, replacement in _REWRITTEN:
            parts[index] = pattern.sub(replacement, parts[index])
    return translate_juel("".join(parts))
