"""What single characters a piece of a pattern accepts."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

from bihuan.engine.feel.errors import UnfitError

Accepts = Callable[[str], bool]


def _is_word(character: str) -> bool:
    # XPath: everything but punctuation, separators and "other".
    return unicodedata.category(character)[0] not in "PZC"


def _is_name_start(character: str) -> bool:
    return character.isalpha() or character in "_:"


def _is_name_part(character: str) -> bool:
    return character.isalnum() or character in "_:-.·"


_NAMED: dict[str, Accepts] = {
    "d": lambda character: unicodedata.category(character) == "Nd",
    "w": _is_word,
    "s": lambda character: character in " \t\n\r",
    "i": _is_name_start,
    "c": _is_name_part,
}
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t"}
_PLAIN = frozenset("\\|.?*+(){}[]^$-/\"' #&~@%!<>=:;,`_")


def negation(accepts: Accepts) -> Accepts:
    """Whatever the other does not accept."""
    return lambda character: not accepts(character)


def any_of(parts: list[Accepts]) -> Accepts:
    """Whatever one of the others accepts."""
    if len(parts) == 1:
        return parts[0]
    return lambda character: any(accepts(character) for accepts in parts)


def difference(accepts: Accepts, without: Accepts) -> Accepts:
    """What the first accepts and the second does not."""
    return lambda character: accepts(character) and not without(character)


def one(wanted: str) -> Accepts:
    """A single character."""
    return lambda character: character == wanted


def span(low: str, high: str) -> Accepts:
    """All characters from one to another. Raises UnfitError for an empty span."""
    if low > high:
        raise UnfitError(f"模式里的范围 {low}-{high} 前后颠倒")
    return lambda character: low <= character <= high


def ignoring_case(accepts: Accepts) -> Accepts:
    """The same in upper or lower case."""
    return lambda character: accepts(character) or accepts(character.lower()) or accepts(character.upper())


def anything(character: str) -> bool:
    """Any character at all."""
    return True


def anything_in_line(character: str) -> bool:
    """Any character but an end of line."""
    return character not in "\n\r"


def escaped(letter: str) -> str | Accepts:
    """The meaning of a backslash with a letter: one character, or a class of them. Raises UnfitError."""
    if letter in _CONTROLS:
        return _CONTROLS[letter]
    if letter in _PLAIN:
        return letter
    if letter.lower() in _NAMED:
        accepts = _NAMED[letter.lower()]
        return accepts if letter.islower() else negation(accepts)
    if letter.isdigit():
        raise UnfitError("模式里不支持反向引用")
    raise UnfitError(f"模式里不支持 \\{letter}")


def of_category(name: str) -> Accepts:
    """Characters of a Unicode category such as `L` or `Lu`, or of Chinese script. Raises UnfitError."""
    if name in ("IsCJKUnifiedIdeographs", "IsHan"):
        return lambda character: "\u3400" <= character <= "\u9fff" or "\U00020000" <= character <= "\U0003ffff"
    if name == "IsBasicLatin":
        return str.isascii
    if not (1 <= len(name) <= 2 and name[0] in "LMNPZSC"):
        raise UnfitError(f"模式里没有字符类别 {name[:20]}")
    return lambda character: unicodedata.category(character).startswith(name)
