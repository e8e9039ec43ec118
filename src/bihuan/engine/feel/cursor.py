"""Walks over the tokens of an expression and knows which names are in sight."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from bihuan.engine.feel import limits
from bihuan.engine.feel.errors import FeelSyntaxError
from bihuan.engine.feel.lexer import KEYWORDS, Source, Token, tokens_of
from bihuan.engine.feel.nodes import Node

_SIMPLE_NAME = re.compile(r"[^\W\d][\w·]*(?: [^\W\d][\w·]*)*")

PHRASES = (
    ("date", "and", "time"),
    ("days", "and", "time", "duration"),
    ("day", "time", "duration"),
    ("years", "and", "months", "duration"),
    ("year", "month", "duration"),
    ("get", "or", "else"),
)
"""Names of functions and types that have a keyword inside."""

_FIRST_WORDS = frozenset(phrase[0] for phrase in PHRASES)


class Reader:
    """The common ground of the parser's parts."""

    def __init__(self, source: Source, names: Iterable[str]) -> None:
        self.source = source
        self.tokens = tokens_of(source)
        self.index = 0
        self.depth = 0
        self.locals: list[str] = []
        self.odd_names = {name for name in names if is_odd(name)}
        self.free: set[str] = set()

    def expression(self) -> Node:
        """The next whole expression."""
        raise NotImplementedError

    @property
    def token(self) -> Token:
        """The token the reader stands at."""
        return self.tokens[self.index]

    def ahead(self, count: int = 1) -> Token:
        """A token further on; the end token past the end."""
        return self.tokens[min(self.index + count, len(self.tokens) - 1)]

    def advance(self) -> Token:
        """Take the current token."""
        token = self.tokens[self.index]
        if token.kind != "end":
            self.index += 1
        return token

    def at(self, *texts: str) -> bool:
        """Whether the current token is one of these operators or keywords."""
        token = self.tokens[self.index]
        return token.kind in ("op", "name") and token.text in texts

    def accept(self, text: str) -> bool:
        """Take the current token if it is this operator or keyword."""
        if self.at(text):
            self.index += 1
            return True
        return False

    def expect(self, text: str, where: str) -> Token:
        """Take this operator or keyword, or say what is missing where."""
        if not self.at(text):
            raise self.error(f"{where}缺少“{text}”{self.found()}")
        return self.advance()

    def found(self) -> str:
        """What stands here instead, for a message."""
        token = self.token
        return "，表达式到这里就结束了" if token.kind == "end" else f"，这里是“{token.text[:30]}”"

    def error(self, message: str, token: Token | None = None) -> FeelSyntaxError:
        """A syntax error at a token (the current one by default)."""
        return self.source.error(message, (token or self.token).start)

    @contextmanager
    def nested(self) -> Iterator[None]:
        """One level deeper, within the bound."""
        self.depth += 1
        if self.depth > limits.MAX_NESTING:
            raise self.error(f"表达式嵌套太深（超过 {limits.MAX_NESTING} 层）")
        yield
        self.depth -= 1

    @contextmanager
    def introducing(self, names: Iterable[str]) -> Iterator[None]:
        """These names are the expression's own inside."""
        before = len(self.locals)
        odd_before = set(self.odd_names)
        for name in names:
            self.introduce(name)
        yield
        del self.locals[before:]
        self.odd_names = odd_before

    def introduce(self, name: str) -> None:
        """From here to the end of the enclosing `introducing`, this name is the expression's own."""
        self.locals.append(name)
        if is_odd(name):
            self.odd_names.add(name)

    def odd_name(self) -> str | None:
        """A known name with hyphens, dots or keywords in it that starts at the current token; the longest one."""
        if not self.odd_names or self.token.kind not in ("name", "number"):
            return None
        for name in sorted(self.odd_names, key=len, reverse=True):
            match = _pattern_of(name).match(self.source.text, self.token.start)
            if match is None:
                continue
            for index in range(self.index, len(self.tokens)):
                if self.tokens[index].end == match.end():
                    self.index = index + 1
                    return name
                if self.tokens[index].end > match.end():
                    break
        return None

    def words(self, *, as_type: bool = False) -> str | None:
        """A name of one or several words: neighbouring words are one name, for nothing else could stand so."""
        token = self.token
        if token.kind == "quoted":
            self.advance()
            return token.value or token.text
        odd = self.odd_name()
        if odd is not None:
            return odd
        if token.kind != "name":
            return None
        phrase = self._phrase(as_type)
        if phrase is not None:
            return phrase
        if token.is_keyword or token.text == "?":
            return None
        parts = [self.advance().text]
        while self.token.kind == "name" and not self.token.is_keyword and self.token.text != "?":
            parts.append(self.advance().text)
        return " ".join(parts)

    def _phrase(self, as_type: bool) -> str | None:
        if self.token.text not in _FIRST_WORDS:
            return None
        for phrase in PHRASES:
            if not as_type and self.ahead(len(phrase)).text != "(":
                continue
            if all(self.ahead(i).kind == "name" and self.ahead(i).text == word for i, word in enumerate(phrase)):
                self.index += len(phrase)
                return " ".join(phrase)
        return None


def is_odd(name: str) -> bool:
    """Whether a name cannot be read word by word: it has other characters, or a keyword, in it."""
    return _SIMPLE_NAME.fullmatch(name) is None or any(word in KEYWORDS for word in name.split())


def _pattern_of(name: str) -> re.Pattern[str]:
    body = r"\s+".join(re.escape(word) for word in name.split())
    return re.compile(body + r"(?!\w)" if name[-1:].isalnum() else body)
