"""Texts of a model that are expressions: FEEL, or the `${…}` of Camunda 7 and Flowable translated to FEEL."""

from __future__ import annotations

import re

from bihuan.engine.definition.names import split
from bihuan.engine.definition.problems import DefinitionError
from bihuan.engine.definition.source import read_xml
from bihuan.engine.feel import (
    Expression,
    FeelError,
    FeelSyntaxError,
    compile_expression,
    feel_text,
    translate_juel,
    translate_xpath,
)

_FEEL = re.compile(r"(?:(?:text/|application/)?feel|juel|https?://www\.omg\.org/spec/(?:feel/\d+|dmn/\d+/feel)/?)?")
_DMN = re.compile(r"https?://www\.omg\.org/spec/dmn/\d+/(?:model/?|dmn\.xsd)")

INDENTED = frozenset({"python", "jython", "py", "application/x-python", "text/x-python"})
BRACED = frozenset(
    {
        "groovy",
        "application/x-groovy",
        "javascript",
        "js",
        "ecmascript",
        "nashorn",
        "graal.js",
        "text/javascript",
        "application/javascript",
        "application/ecmascript",
        "java",
        "http://www.java.com/java",
        "text/java",
        "mvel",
        "http://www.mvel.org/2.0",
        "beanshell",
        "kotlin",
    }
)
"""Languages whose small scripts and conditions can be turned into FEEL."""

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'')
_CALLBACK = re.compile(r"\s*next\s*\(\s*null\s*,(.*)\)\s*", re.DOTALL)
"""How a condition of a JavaScript engine answers."""
_NOT_FEEL = re.compile(
    r"\b(?:None|True|False)\b|(?:^\s*|\band\s+|\bor\s+|\(\s*)not\s+[^\W\d]"
    r"|\bthis\.(?:data|environment)\.|\benvironment\.(?:variables|output)\."
)
"""Python and JavaScript that would pass for FEEL: `x is not None` and `not x` for names of several words."""
_HELD = re.compile(
    rf"{_STRING.pattern}|(?<![\w.])((?:item\.data|this\.token\.data|this\.variables|this|variables)\.)([^\W\d]\w*)"
)
"""`item.data.x`, `this.x` and `variables.x`, as JavaScript engines call their variables."""
HOLDERS = frozenset({"item", "this", "variables"})
"""Names of what holds the variables there: nobody has to give a variable that is called so."""
_CALLS_METHOD = re.compile(r"[\w\])\"]\s*\.\s*[A-Za-z]\w*\s*\(")


class BadExpression(Exception):
    """A text that cannot be read as an expression; `reason` is Chinese, `line` where in the file."""

    def __init__(self, reason: str, line: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line


def is_juel(text: str) -> bool:
    """Whether the text is written in the `${…}` language."""
    return "${" in text or "#{" in text


def feel(text: str, line: int) -> Expression:
    """The expression a text stands for; a leading `=` is dropped. Raises BadExpression."""
    text = text.strip()
    try:
        if text.startswith("="):
            return compile_expression(text[1:], line=line)
        if is_juel(text):
            return _compiled(translate_juel(text), line)
        return _feel_or_alike(text, line)
    except FeelSyntaxError as error:
        # The column counts from the start of the expression, which is not the column in the file.
        raise BadExpression(f"表达式「{_short(text)}」读不懂：第 {error.column} 列，{error.message}", line) from None
    except FeelError as error:
        raise BadExpression(f"表达式「{_short(text)}」读不懂：{error.message}", line) from None


def is_feel(language: str) -> bool:
    """Whether a text in this `language` or `scriptFormat` is read as FEEL (`${…}` is recognised by itself)."""
    return _FEEL.fullmatch(language.strip().lower()) is not None


def is_boxed(language: str) -> bool:
    """Whether it is DMN itself: an expression is then written out as an element of a decision file."""
    return _DMN.fullmatch(language.strip().lower()) is not None


def boxed(text: str, line: int) -> Expression:
    """The expression in `<literalExpression><text>…`. Raises BadExpression, also for other elements of DMN."""
    try:
        element = read_xml(text, "")
    except DefinitionError as error:
        raise BadExpression(f"「{_short(text)}」读不懂：{error.problems[0].reason}", line) from None
    inner = next(element.iterchildren("{*}text"), None) if split(element.tag)[1] == "literalExpression" else None
    if inner is None:
        raise BadExpression(f"只支持 DMN 的 literalExpression，不支持「{_short(text)}」", line)
    return feel(inner.text or "", line)


def is_foreign(language: str) -> bool:
    """Whether it is another language of which simple conditions can be read."""
    return is_xpath(language) or language.strip().lower() in INDENTED | BRACED


def is_xpath(language: str) -> bool:
    """Whether it is XPath, which has many names."""
    return "xpath" in language.lower()


def foreign_condition(text: str, language: str, line: int) -> Expression:
    """The FEEL of a condition such as `return approved == true;`. Raises BadExpression."""
    if is_juel(text):
        return feel(text, line)
    try:
        if is_xpath(language):
            return compile_expression(translate_xpath(text), line=line)
        body = re.sub(r"^\s*return\b|;\s*$", "", text.strip())
        answer = _CALLBACK.fullmatch(body)
        body = body if answer is None else answer[1]
        return _compiled(translate_juel(body, joins_texts=True), line)
    except FeelSyntaxError as error:
        raise BadExpression(f"条件「{_short(text)}」不能换成 FEEL：{error.message}", line) from None
    except FeelError as error:
        raise BadExpression(f"条件「{_short(text)}」读不懂：{error.message}", line) from None


def _feel_or_alike(text: str, line: int) -> Expression:
    """FEEL, or what differs from it in spelling only, such as `approved == True` or `contains(plate, '示A')`.

    Raises FeelSyntaxError for FEEL.
    """
    bare = _STRING.sub('""', text)
    if _NOT_FEEL.search(bare):
        try:
            return _compiled(translate_juel(text), line)
        except FeelSyntaxError:
            return _compiled(text, line)
    if _CALLS_METHOD.search(bare):
        # FEEL would take it for the call of a function kept in a context, and answer null.
        return _compiled(translate_juel(text), line)
    try:
        return _compiled(text, line)
    except FeelSyntaxError:
        for translate in (translate_juel, translate_xpath):
            try:
                return _compiled(translate(text), line)
            except FeelSyntaxError:
                continue
        raise


def _compiled(text: str, line: int) -> Expression:
    """The expression. `item.data.x` and `this.x` mean the variable x where nothing is called item or this; in a filter
    an item is the list's own."""

    def reached(found: re.Match[str]) -> str:
        if found[2] is None:
            return found[0]
        return f"(if is defined({found[1].partition('.')[0]}) then {found[0]} else {found[2]})"

    found = compile_expression(text if "[" in text else _HELD.sub(reached, text), line=line)
    return Expression(text, found.code, found.names, found.mistake)


def text_or_feel(text: str, line: int) -> Expression:
    """For attributes that hold plain text unless marked with `=` or `${…}`. Raises BadExpression."""
    text = text.strip()
    if text.startswith("=") or is_juel(text):
        return feel(text, line)
    return compile_expression(feel_text(text), line=line)


def variable(name: str, line: int) -> Expression:
    """The expression that reads a variable whatever its name looks like. Raises BadExpression."""
    if "`" in name or "\n" in name:
        raise BadExpression(f"变量名「{_short(name)}」里有不能用的符号", line)
    return feel(f"`{name.strip()}`", line)


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:59] + "…"
