"""Cuts the text of an expression into tokens, with Chinese messages for what cannot stand in one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation, Overflow

from bihuan.engine.feel import limits
from bihuan.engine.feel.errors import FeelSyntaxError
from bihuan.engine.feel.values import NUMBERS, Value

KEYWORDS = frozenset(
    {"and", "or", "in", "between", "then", "else", "return", "satisfies", "if", "for", "some", "every"}
    | {"instance", "function", "true", "false", "null"}
)

_TOKEN = re.compile(
    r"""
      (?P<space>[\s\ufeff]+|//[^\n]*|/\*.*?\*/)
    | (?P<op>\.\.|\*\*|!=|<=|>=|->|==|&&|\|\||/(?!\*)|[-+*=<>()\[\]{},:]|\.(?![0-9])|!|\||&|;|%|\^|(?<=\w)'(?=\w))
    | (?P<number>(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+(?![\w]))?)
    | (?P<string>@?"(?:[^"\\]|\\.)*")
    | (?P<quoted>`[^`\n]+`)
    | (?P<name>\?|[^\W\d][\w·]*)
    """,
    re.VERBOSE | re.DOTALL,
)

_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{6})|(.))", re.DOTALL)
_SIMPLE_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\", "'": "'", "/": "/"}

_FULLWIDTH = dict(
    zip("（），：；＝＜＞＋－＊／［］｛｝．！＂“”‘’、。【】《》×÷？", '(),:;=<>+-*/[]{}.!""""",.[]<>*/?', strict=True)
)
_FULLWIDTH.update({"≥": ">=", "≤": "<=", "≠": "!="})

_FOREIGN = {
    "==": "FEEL 用一个等号 = 比较相等",
    "&&": "FEEL 用 and 表示“并且”",
    "||": "FEEL 用 or 表示“或者”",
    "!": "FEEL 用 not(…) 表示“非”",
    "|": "FEEL 用 or 表示“或者”",
    "&": "FEEL 用 and 表示“并且”",
    ";": "FEEL 表达式里没有分号",
    "%": "FEEL 用 modulo(a, b) 求余数",
    "^": "FEEL 用 ** 求乘方",
}


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of an expression. `kind`: number, string, at, name, quoted, op or end; `spaced` after blanks."""

    kind: str
    text: str
    start: int
    end: int
    value: Value = None
    spaced: bool = False

    @property
    def is_keyword(self) -> bool:
        """Whether this is a reserved word of FEEL."""
        return self.kind == "name" and self.text in KEYWORDS


class Source:
    """The text of an expression, able to say in which line and column a position is."""

    __slots__ = ("line", "text")

    def __init__(self, text: str, line: int | None) -> None:
        self.text = text
        self.line = line

    def error(self, message: str, position: int) -> FeelSyntaxError:
        """The syntax error for a position (0-based) in the text."""
        before = self.text[:position]
        column = position - (before.rfind("\n") + 1) + 1
        inner = before.count("\n")
        if self.line is not None:
            return FeelSyntaxError(message, column, self.line + inner)
        return FeelSyntaxError(message, column, inner + 1 if "\n" in self.text else None)


def tokens_of(source: Source) -> list[Token]:
    """All tokens of an expression, closed by an `end` token. Raises FeelSyntaxError."""
    text = source.text
    if len(text) > limits.MAX_TEXT:
        raise FeelSyntaxError(f"表达式太长（超过 {limits.MAX_TEXT} 个字符）", 1, source.line)
    found: list[Token] = []
    position = 0
    spaced = False
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise source.error(_unreadable(text, position), position)
        kind = match.lastgroup or ""
        if kind == "space":
            spaced = True
        else:
            found.append(_token(source, kind, match.group(), position, spaced))
            spaced = False
        position = match.end()
    found.append(Token("end", "", len(text), len(text), spaced=spaced))
    return found


def _token(source: Source, kind: str, text: str, start: int, spaced: bool) -> Token:
    end = start + len(text)
    if kind == "op":
        if text in _FOREIGN:
            raise source.error(f"不认识“{text}”：{_FOREIGN[text]}", start)
        return Token("op", text, start, end, spaced=spaced)
    if kind == "number":
        return Token("number", text, start, end, number_of(source, text, start), spaced)
    if kind == "string":
        at = text.startswith("@")
        return Token("at" if at else "string", text, start, end, _unescape(source, text[2 if at else 1 : -1], start))
    if kind == "quoted":
        return Token("quoted", text, start, end, " ".join(text[1:-1].split()), spaced)
    return Token("name", text, start, end, spaced=spaced)


def number_of(source: Source, text: str, start: int) -> Decimal:
    """A number literal as a 34-digit decimal."""
    try:
        value = NUMBERS.create_decimal(text)
    except (InvalidOperation, Overflow):
        raise source.error("数字太大", start) from None
    if not value.is_finite() or abs(value.adjusted()) > limits.MAX_EXPONENT:
        raise source.error("数字太大", start)
    return value


def _unescape(source: Source, body: str, start: int) -> str:
    if "\\" not in body:
        return body

    def replaced(match: re.Match[str]) -> str:
        code = match.group(1) or match.group(2)
        if code is None:
            # An escape FEEL does not know keeps its backslash, so that "\d+" is a pattern as people write it.
            return _SIMPLE_ESCAPES.get(match.group(3), match.group())
        point = int(code, 16)
        if point > 0x10FFFF:
            raise source.error(f"没有编码为 {code} 的字符", start)
        return chr(point)

    result = _ESCAPE.sub(replaced, body)
    if any(0xD800 <= ord(character) <= 0xDFFF for character in result):
        result = _join_surrogates(source, result, start)
    return result


def _join_surrogates(source: Source, text: str, start: int) -> str:
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise source.error("文字里有不成对的代理字符", start) from None


def _unreadable(text: str, position: int) -> str:
    character = text[position]
    if character == '"' or text.startswith('@"', position):
        return "文字缺少结尾的双引号"
    if character == "`":
        return "名称缺少结尾的反引号"
    if text.startswith("/*", position):
        return "注释缺少结尾的 */"
    if character == "'":
        return "文字要用双引号，不用单引号"
    if character in _FULLWIDTH:
        return f"这里是全角符号“{character}”，请改用半角“{_FULLWIDTH[character]}”"
    if character == "@":
        return '@ 后面要跟双引号里的日期、时间或时长，如 @"2026-11-24"'
    if character.isprintable():
        return f"不认识的字符“{character}”"
    return f"不认识的字符（编码 U+{ord(character):04X}）"
