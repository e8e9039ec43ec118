"""Reads a pattern into a tree. Refuses what cannot run in linear time, with a Chinese reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from bihuan.engine.feel import limits
from bihuan.engine.feel.errors import UnfitError
from bihuan.engine.feel.regex.classes import (
    Accepts,
    any_of,
    anything,
    anything_in_line,
    difference,
    escaped,
    ignoring_case,
    negation,
    of_category,
    one,
    span,
)

MAX_REPEAT = 500
_MAX_DEPTH = 20


@dataclass(frozen=True, slots=True)
class Char:
    """One character; `literal` if it is a fixed one."""

    accepts: Accepts
    literal: str | None = None


@dataclass(frozen=True, slots=True)
class Anchor:
    """`^` or `$`."""

    at_end: bool


@dataclass(frozen=True, slots=True)
class Sequence:
    """Parts one after another."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """Alternatives, the first preferred."""

    options: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """A part so many times; `most` None for no bound."""

    part: Tree
    least: int
    most: int | None
    lazy: bool


@dataclass(frozen=True, slots=True)
class Group:
    """A part in brackets; `number` None if it is not kept."""

    part: Tree
    number: int | None


Tree: TypeAlias = Char | Anchor | Sequence | Choice | Repeat | Group


class PatternReader:
    """Recursive descent over a pattern."""

    def __init__(self, pattern: str, flags: str) -> None:
        if len(pattern) > limits.MAX_PATTERN:
            raise UnfitError("模式太长")
        unknown = set(flags) - set("smixq")
        if unknown:
            raise UnfitError(f"不认识的匹配标志 {''.join(sorted(unknown))}")
        self.text = pattern
        self.flags = flags
        self.at = 0
        self.groups = 0
        self.depth = 0

    def read(self) -> Tree:
        """The whole pattern."""
        if "q" in self.flags:
            return Sequence(tuple(self._char(character) for character in self.text))
        tree = self._choice()
        if self.at < len(self.text):
            raise UnfitError("模式里有多余的“)”")
        return tree

    def _peek(self) -> str:
        return self.text[self.at] if self.at < len(self.text) else ""

    def _take(self) -> str:
        character = self._peek()
        if not character:
            raise UnfitError("模式不完整")
        self.at += 1
        return character

    def _accept(self, text: str) -> bool:
        if self.text.startswith(text, self.at):
            self.at += len(text)
            return True
        return False

    def _choice(self) -> Tree:
        options = [self._sequence()]
        while self._accept("|"):
            options.append(self._sequence())
        return options[0] if len(options) == 1 else Choice(tuple(options))

    def _sequence(self) -> Tree:
        parts: list[Tree] = []
        while self._peek() not in ("", "|", ")"):
            if "x" in self.flags and self._peek().isspace():
                self.at += 1
                continue
            parts.append(self._quantified(self._atom()))
        return Sequence(tuple(parts))

    def _atom(self) -> Tree:
        character = self._take()
        if character == "(":
            return self._group()
        if character == "[":
            return Char(self._cased(self._class()))
        if character == ".":
            return Char(anything if "s" in self.flags else anything_in_line)
        if character in "^$":
            return Anchor(character == "$")
        if character == "\\":
            meaning = self._escape()
            return self._char(meaning) if isinstance(meaning, str) else Char(meaning)
        if character in "*+?{":
            raise UnfitError(f"模式里“{character}”前面没有内容")
        return self._char(character)

    def _char(self, character: str) -> Char:
        return Char(self._cased(one(character)), None if "i" in self.flags else character)

    def _cased(self, accepts: Accepts) -> Accepts:
        return ignoring_case(accepts) if "i" in self.flags else accepts

    def _group(self) -> Tree:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise UnfitError("模式里的括号嵌套太深")
        number: int | None = None
        if self._accept("?"):
            if not self._accept(":"):
                raise UnfitError("模式里不支持 (?…) 这种写法，只支持 (?:…)")
        else:
            self.groups += 1
            number = self.groups
        part = self._choice()
        if not self._accept(")"):
            raise UnfitError("模式里缺少“)”")
        self.depth -= 1
        return Group(part, number)

    def _escape(self) -> str | Accepts:
        letter = self._take()
        if letter in "pP":
            if not self._accept("{") or "}" not in self.text[self.at :]:
                raise UnfitError("模式里 \\p 后面要有 {类别}")
            name, _, _ = self.text[self.at :].partition("}")
            self.at += len(name) + 1
            accepts = of_category(name)
            return accepts if letter == "p" else negation(accepts)
        return escaped(letter)

    def _class(self) -> Accepts:
        negated = self._accept("^")
        parts: list[Accepts] = []
        without: Accepts | None = None
        while not self._accept("]"):
            if parts and self._accept("-["):
                self.depth += 1
                if self.depth > _MAX_DEPTH:
                    raise UnfitError("模式里的括号嵌套太深")
                without = self._class()
                if not self._accept("]"):
                    raise UnfitError("模式里 -[…] 后面缺少“]”")
                break
            parts.append(self._class_item())
        if not parts:
            raise UnfitError("模式里的 [] 是空的")
        accepts = negation(any_of(parts)) if negated else any_of(parts)
        return accepts if without is None else difference(accepts, without)

    def _class_item(self) -> Accepts:
        low = self._class_character()
        if not isinstance(low, str):
            return low
        if self._peek() == "-" and self.text[self.at + 1 : self.at + 2] not in ("]", "[", ""):
            self.at += 1
            high = self._class_character()
            if not isinstance(high, str):
                raise UnfitError("模式里的范围要以一个字符结束")
            return span(low, high)
        return one(low)

    def _class_character(self) -> str | Accepts:
        character = self._take()
        if character == "\\":
            return self._escape()
        if character == "[":
            raise UnfitError("模式的 […] 里的“[”要写成 \\[")
        return character

    def _quantified(self, part: Tree) -> Tree:
        while True:
            bounds = self._bounds()
            if bounds is None:
                return part
            if isinstance(part, (Anchor, Repeat)):
                raise UnfitError("模式里的重复次数前面没有可以重复的内容")
            part = Repeat(part, bounds[0], bounds[1], self._accept("?"))

    def _bounds(self) -> tuple[int, int | None] | None:
        if self._accept("*"):
            return 0, None
        if self._accept("+"):
            return 1, None
        if self._accept("?"):
            return 0, 1
        if self._accept("{"):
            return self._counted()
        return None

    def _counted(self) -> tuple[int, int | None]:
        body, closed, _ = self.text[self.at :].partition("}")
        low, comma, high = body.partition(",")
        known = low.isascii() and low.isdigit() and len(low) < 5
        if not closed or not known or (high and not (high.isascii() and high.isdigit() and len(high) < 5)):
            raise UnfitError("模式里的重复次数要写成 {2} 或 {2,5}")
        self.at += len(body) + 1
        least = int(low)
        most = (int(high) if high else None) if comma else least
        if least > MAX_REPEAT or (most is not None and (most > MAX_REPEAT or most < least)):
            raise UnfitError(f"模式里的重复次数超出范围（最多 {MAX_REPEAT}）")
        return least, most
