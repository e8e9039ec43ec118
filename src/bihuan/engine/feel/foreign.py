"""Translates conditions of models drawn elsewhere into FEEL: `${…}` of Camunda 7 and Flowable, and Python-like ones.

What has the same meaning in FEEL is rewritten; calls of Java methods, beans and anything else unknown are refused with
a Chinese reason, so that a model never runs with a condition that means something else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bihuan.engine.feel.errors import FeelSyntaxError
from bihuan.engine.feel.expression import compile_expression
from bihuan.engine.feel.foreign_libraries import FLOWABLE, HOLDERS, KIE, library_call
from bihuan.engine.feel.foreign_methods import ATOM, METHODS, SIZE, Piece, feel_name
from bihuan.engine.feel.limits import MAX_NESTING, MAX_TEXT

_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<number>[0-9]+(?:\.[0-9]+)?(?![\w.]))
      | (?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
      | (?P<name>[^\W\d]\w*)
      | (?P<op>===|!==|==|!=|<>|<=|>=|&&|\|\||\*\*|[-+*/%<>=!?:.,()\[\]{}])
    """,
    re.VERBOSE | re.DOTALL,
)
_WORDS = {"eq": "=", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "and": "and", "or": "or"}
_WORDS.update({"div": "/", "mod": "%"} | {word: word for word in ("not", "empty", "in", "is", "if", "else")})
_SYMBOLS = {"==": "=", "===": "=", "!==": "!=", "<>": "!=", "&&": "and", "||": "or", "!": "not"}
_CONSTANTS = {"true": "true", "True": "true", "false": "false", "False": "false"}
_CONSTANTS.update({"null": "null", "None": "null", "nil": "null"})
_RANKS = {"or": 1, "and": 2, "=": 3, "!=": 3, "<": 4, "<=": 4, ">": 4, ">=": 4, "in": 4, "is": 4}
_RANKS.update({"+": 5, "-": 5, "*": 6, "/": 6, "%": 6, "**": 7})
_COUNTER = "loopCounter"
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
_FUNCTIONS = {"len": "count", "str": "string", "int": "number", "float": "number", "abs": "abs", "min": "min"}
_FUNCTIONS.update({"max": "max", "sum": "sum", "count": "count", "contains": "contains", "starts_with": "starts with"})
_FUNCTIONS.update({"ends_with": "ends with", "string_length": "string length", "string": "string", "number": "number"})


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int


def translate_juel(text: str, *, joins_texts: bool = False) -> str:
    """The FEEL text with the same meaning. Raises FeelSyntaxError saying what has no counterpart, with its column.

    With `joins_texts` a `+` joins texts with anything, as in Groovy, Java and JavaScript; FEEL adds only what is alike.
    """
    if len(text) > MAX_TEXT:
        raise FeelSyntaxError("表达式太长", 1)
    try:
        result = _Translator(text, 0, len(text), joins_texts=True).whole() if joins_texts else _translated(text)
    except RecursionError:
        raise FeelSyntaxError("表达式嵌套太深", 1) from None
    try:
        compile_expression(result)
    except FeelSyntaxError as error:
        raise FeelSyntaxError(f"换成 FEEL 后（{result[:200]}）不成立：{error.message}", 1) from None
    return result


def _translated(text: str) -> str:
    if not re.search(r"[$#]\{", text):
        return _Translator(text, 0, len(text)).whole()
    parts: list[str] = []
    position = 0
    for match in re.finditer(r"[$#]\{", text):
        if match.start() < position:
            continue
        if text[position : match.start()].strip() or (parts and match.start() > position):
            parts.append(_string(text[position : match.start()]))
        end = _closing(text, match.end())
        parts.append(_Translator(text, match.end(), end, from_zero=True).whole())
        position = end + 1
    if text[position:].strip():
        parts.append(_string(text[position:]))
    if len(parts) == 1:
        return parts[0]
    return " + ".join(part if part.startswith('"') and part.endswith('"') else f"string({part})" for part in parts)


def _closing(text: str, start: int) -> int:
    quote = ""
    for position in range(start, len(text)):
        character = text[position]
        if quote:
            if character == quote and text[position - 1] != "\\":
                quote = ""
        elif character in "'\"":
            quote = character
        elif character == "}":
            return position
    raise FeelSyntaxError("缺少结尾的“}”", start)


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), text, flags=re.DOTALL)


def _string(text: str) -> str:
    return (
        '"'
        + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
        + '"'
    )


class _Translator:
    """Precedence climbing over one `${…}`."""

    def __init__(self, text: str, start: int, end: int, *, joins_texts: bool = False, from_zero: bool = False) -> None:
        self.tokens: list[_Token] = []
        self.joins_texts = joins_texts
        self.from_zero = from_zero or joins_texts
        """Repetitions are counted from 0, as Java's engines do, not from 1."""
        position = start
        while position < end:
            match = _TOKEN.match(text, position, end)
            if match is None:
                raise FeelSyntaxError(f"看不懂“{text[position : position + 20]}”", position + 1)
            if match.lastgroup != "space":
                self.tokens.append(_Token(match.lastgroup or "", match.group(), position))
            if joins_texts and match.group() == "=":
                raise FeelSyntaxError("表达式里不能再赋值", position + 1)
            position = match.end()
        self.end = _Token("end", "", end)
        self.index = 0
        self.depth = 0

    def whole(self) -> str:
        """Everything, as one expression."""
        if not self.tokens:
            raise FeelSyntaxError("表达式是空的", self.end.start + 1)
        piece = self._ternary()
        if self.token.kind != "end":
            raise self._refusal(f"看不懂“{self.token.text}”以及后面的内容")
        return piece.text

    @property
    def token(self) -> _Token:
        return self.tokens[self.index] if self.index < len(self.tokens) else self.end

    @property
    def operator(self) -> str:
        """The current token as a FEEL operator, "" if it is none."""
        token = self.token
        if token.kind == "op":
            return _SYMBOLS.get(token.text, token.text)
        return _WORDS.get(token.text, "") if token.kind == "name" else ""

    def _refusal(self, message: str) -> FeelSyntaxError:
        return FeelSyntaxError(message, self.token.start + 1)

    def _accept(self, operator: str) -> bool:
        if self.operator == operator:
            self.index += 1
            return True
        return False

    def _expect(self, operator: str) -> None:
        if not self._accept(operator):
            raise self._refusal(f"这里应是“{operator}”")

    def _ternary(self) -> Piece:
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise self._refusal("表达式嵌套太深")
        first = self._binary(1)
        if self._accept("?"):
            yes = self._ternary()
            self._expect(":")
            first = Piece(f"if {first.text} then {yes.text} else {self._ternary().text}", 0)
        elif self._accept("if"):
            condition = self._binary(1)
            self._expect("else")
            first = Piece(f"if {condition.text} then {first.text} else {self._ternary().text}", 0)
        self.depth -= 1
        return first

    def _binary(self, level: int) -> Piece:
        left = self._unary()
        while True:
            operator = self.operator
            negated = operator == "not" and self._next_is("in")
            rank = 4 if negated else _RANKS.get(operator, 0)
            if rank < max(level, 1):
                return left
            self.index += 1 + negated
            left = self._joined(left, "not in" if negated else operator, rank)

    def _next_is(self, word: str) -> bool:
        return self.index + 1 < len(self.tokens) and self.tokens[self.index + 1].text == word

    def _joined(self, left: Piece, operator: str, rank: int) -> Piece:
        if operator == "is":
            operator = "!=" if self._accept("not") else "="
            if self.token.text not in ("None", "True", "False"):
                raise self._refusal("is 后面只支持 None、True、False")
        right = self._binary(rank + 1)
        if operator == "+" and self.joins_texts:
            return Piece("", rank, (*(left.parts or (left,)), right)).joined()
        if operator == "%":
            return Piece(f"modulo({left.text}, {right.text})", ATOM)
        if operator == "not in":
            return Piece(f"not({left.within(5)} in {right.within(5)})", ATOM)
        feel_rank = min(rank, 4) if rank in (3, 4) else rank
        inner = 5 if feel_rank in (3, 4) else feel_rank
        return Piece(f"{left.within(inner)} {operator} {right.within(inner + (inner == feel_rank))}", rank)

    def _unary(self) -> Piece:
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise self._refusal("表达式嵌套太深")
        try:
            if self.token.kind == "op" and self.token.text == "!":
                self.index += 1
                return Piece(f"not({self._unary().text})", ATOM)
            if self._accept("not"):
                # Python's `not` binds looser than a comparison, the `!` and `not` of JUEL tighter; brackets settle it.
                return Piece(f"not({self._binary(3).text})", ATOM)
            if self._accept("empty"):
                tested = self._unary().within(5)
                return Piece(f'(if {tested} = null or {tested} = "" or {tested} = [] then true else false)', ATOM)
            if self._accept("-"):
                return Piece(f"-{self._unary().within(ATOM)}", 8)
            return self._postfix(self._primary())
        finally:
            self.depth -= 1

    def _primary(self) -> Piece:
        token = self.token
        self.index += 1
        if token.kind == "number":
            return Piece(token.text, ATOM)
        if token.kind == "string":
            if self.joins_texts and token.text[0] == '"' and "${" in token.text:
                # Groovy computes it, Java and Python take it as it stands.
                raise FeelSyntaxError("文字里不支持 ${…}，请改用 + 连接", token.start + 1)
            return Piece(_string(_unescaped(token.text[1:-1])), ATOM)
        if token.kind == "op" and token.text == "(":
            inner = self._ternary()
            self._expect(")")
            return Piece(f"({inner.text})", ATOM)
        if token.kind == "op" and (token.text == "{" or (token.text == "[" and self._looks_like_map())):
            return self._map("}" if token.text == "{" else "]")
        if token.kind == "op" and token.text == "[":
            return Piece(f"[{', '.join(piece.text for piece in self._arguments(']'))}]", ATOM)
        self.index -= 1
        if token.kind == "end":
            raise self._refusal("表达式不完整")
        if token.kind != "name" or (token.text in _WORDS and token.text not in _CONSTANTS):
            raise self._refusal(f"这里不该出现“{token.text}”")
        self.index += 1
        return self._named(token)

    def _named(self, token: _Token) -> Piece:
        if token.text in _CONSTANTS:
            return Piece(_CONSTANTS[token.text], ATOM)
        if self.operator == ":" and self._looks_like_namespace():
            if token.text not in FLOWABLE:
                self.index -= 1
                raise self._refusal(f"不支持函数库“{token.text}:”")
            self.index += 1
            return self._library()
        if token.text == KIE and self._accept("."):
            return self._library()
        if token.text == _COUNTER and self.from_zero:
            return Piece(f"({_COUNTER} - 1)", ATOM)
        self._skip_holder()
        token = self.tokens[self.index - 1]
        if self.operator == "(":
            function = _FUNCTIONS.get(token.text)
            if function is None:
                self.index -= 1
                raise self._refusal(f"不支持函数“{token.text}(…)”")
            self.index += 1
            return Piece(f"{function}({', '.join(piece.text for piece in self._arguments(')'))})", ATOM)
        return Piece(feel_name(token.text), ATOM)

    def _library(self) -> Piece:
        name = self.token
        self.index += 1
        self._expect("(")
        return library_call(name.text, self._arguments(")"), name.start + 1)

    def _skip_holder(self) -> None:
        """Go on to the variable that is reached through an object of another engine: `environment.variables.x`."""
        for holder in HOLDERS:
            way = [text for name in holder for text in (name, ".")]
            following = self.tokens[self.index - 1 : self.index + len(way)]
            if [token.text for token in following[:-1]] == way and following[-1].kind == "name":
                self.index += len(way)
                return

    def _looks_like_namespace(self) -> bool:
        following = self.tokens[self.index + 1 : self.index + 3]
        return len(following) == 2 and following[0].kind == "name" and following[1].text == "("

    def _looks_like_map(self) -> bool:
        """Whether what stands in square brackets is a map of Groovy: `[a: 1]` or `[:]`."""
        first, second = (*self.tokens[self.index : self.index + 2], self.end, self.end)[:2]
        return first.text == ":" or (first.kind in ("name", "string") and second.text == ":")

    def _map(self, closing: str) -> Piece:
        """`{a: 1, 'b c': 2}` of JavaScript and Python, `[a: 1]` of Groovy."""
        entries: list[str] = []
        if closing == "]" and self._accept(":"):
            self._expect(closing)
            return Piece("{}", ATOM)
        while not self._accept(closing):
            if entries:
                self._expect(",")
                if self._accept(closing):
                    break
            key = self.token
            if key.kind not in ("name", "string"):
                raise self._refusal("这里缺少键")
            self.index += 1
            self._expect(":")
            name = _unescaped(key.text[1:-1]) if key.kind == "string" else key.text
            entries.append(f"{_string(name)}: {self._ternary().text}")
        return Piece(f"{{{', '.join(entries)}}}", ATOM)

    def _arguments(self, closing: str) -> list[Piece]:
        found: list[Piece] = []
        while not self._accept(closing):
            if found:
                self._expect(",")
            found.append(self._ternary())
        return found

    def _postfix(self, piece: Piece) -> Piece:
        while True:
            if self._accept("."):
                piece = self._member(piece)
            elif self._accept("["):
                piece = self._subscript(piece)
            elif self.operator == "(":
                raise self._refusal("不支持调用函数")
            else:
                return piece

    def _member(self, target: Piece) -> Piece:
        token = self.token
        if token.kind != "name":
            raise self._refusal("“.”后面缺少名称")
        self.index += 1
        if not self._accept("("):
            if token.text == "length":
                return Piece(SIZE.format(target.within(ATOM)), ATOM)
            return Piece(f"{target.within(ATOM)}.{feel_name(token.text)}", ATOM)
        method = METHODS.get(token.text)
        arguments = self._arguments(")")
        if method is None or len(arguments) != method.count:
            raise FeelSyntaxError(f"不支持方法“{token.text}(…)”，请改成流程变量", token.start + 1)
        return method.build(target, [argument.text for argument in arguments])

    def _subscript(self, target: Piece) -> Piece:
        token = self.token
        if token.kind == "string":
            self.index += 1
            self._expect("]")
            return Piece(f"get value({target.text}, {_string(token.text[1:-1])})", ATOM)
        if token.kind == "number" and token.text.isdigit():
            self.index += 1
            self._expect("]")
            # Their lists count from 0, FEEL's from 1.
            return Piece(f"{target.within(ATOM)}[{int(token.text) + 1}]", ATOM)
        if token.text == _COUNTER and self.from_zero:
            self.index += 1
            self._expect("]")
            return Piece(f"{target.within(ATOM)}[{_COUNTER}]", ATOM)
        raise self._refusal("方括号里只支持数字或文字")
