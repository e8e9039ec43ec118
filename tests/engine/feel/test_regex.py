"""Patterns: the same answers as Python's on what both know, and no text that makes them slow."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bihuan.engine.feel.errors import UnfitError
from bihuan.engine.feel.regex import Pattern


def spend(_units: int) -> None:
    """Spend nothing."""


def spans(pattern: str, text: str, flags: str = "") -> list[tuple[int, int]]:
    return [(match.start, match.end) for match in Pattern(pattern, flags).all_in(text, spend)]


@st.composite
def patterns(draw: st.DrawFn, depth: int = 3) -> str:
    if depth == 0:
        return draw(st.sampled_from(["a", "b", ".", "[ab]", "[^a]", "c"]))
    inner = patterns(depth - 1)
    kind = draw(st.sampled_from(["sequence", "choice", "repeat", "group", "atom"]))
    if kind == "sequence":
        return draw(inner) + draw(inner)
    if kind == "choice":
        return f"(?:{draw(inner)}|{draw(inner)})"
    if kind == "repeat":
        repeated = draw(inner)
        if re.fullmatch(repeated, ""):
            # How often a loop may go round without reading anything is where engines differ.
            return repeated
        return f"(?:{repeated}){draw(st.sampled_from(['*', '+', '?', '{2}', '{1,2}', '*?', '+?']))}"
    return f"({draw(inner)})" if kind == "group" else draw(inner)


@settings(max_examples=300, deadline=None)
@given(pattern=patterns(), text=st.text("abc", max_size=12))
def test_it_finds_what_python_finds(pattern: str, text: str) -> None:
    ours = Pattern(pattern, "").search(text, 0, spend)
    theirs = re.compile(pattern).search(text)
    assert (ours is None) == (theirs is None)
    if ours is not None and theirs is not None:
        assert (ours.start, ours.end) == theirs.span()


@pytest.mark.parametrize(
    ("pattern", "flags", "text", "found"),
    [
        (r"^\d{3}$", "", "123", [(0, 3)]),
        (r"[A-Z-[AEIOU]]+", "", "AXYE", [(1, 3)]),
        (r"\p{Lu}\p{L}*", "", "abc Déf", [(4, 7)]),
        (r"[\p{IsHan}]+", "", "a中文b", [(1, 3)]),
        (r"a.c", "", "a\nc", []),
        (r"a.c", "s", "a\nc", [(0, 3)]),
        (r"^b", "m", "a\nb", [(2, 3)]),
        (r"a b", "x", "ab", [(0, 2)]),
        (r"a.c", "q", "abca.c", [(3, 6)]),
        (r"ß", "i", "ẞ", [(0, 1)]),
        (r"[^\d]", "", "1a2", [(1, 2)]),
        (r"a{2,3}?", "", "aaaa", [(0, 2), (2, 4)]),
    ],
)
def test_xpath_forms(pattern: str, flags: str, text: str, found: list[tuple[int, int]]) -> None:
    assert spans(pattern, text, flags) == found


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*$", "(a|aa)+$", "(.*)*x", "([a-z]+)*9", "a?" * 40 + "a" * 40])
def test_patterns_that_hang_others_are_fast_here(pattern: str) -> None:
    started = time.process_time()
    Pattern(pattern, "").search("a" * 300 + "!", 0, spend)
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    "pattern",
    [
        "(",
        ")",
        "[",
        "[]",
        "a**",
        "*a",
        r"\1",
        "(?=a)",
        "(?P<x>a)",
        "[b-a]",
        "a{9999}",
        "a{2,1}",
        r"\q",
        "a{x}",
        "(a{400}){400}",
        "a" * 501,
        r"\p{Zx",
        "\\",
        "((((((((((((((((((((((a))))))))))))))))))))))",
    ],
)
def test_patterns_outside_the_bounds_are_refused(pattern: str) -> None:
    with pytest.raises(UnfitError):
        Pattern(pattern, "")
