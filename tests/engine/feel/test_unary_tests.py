"""The cells of decision tables."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from bihuan.engine.feel import compile_unary_tests


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("-", None, True),
        ("5", 5, True),
        ("-5", -5, True),
        ("< 10", 9, True),
        (">= 10", 9, False),
        ("!= 3", 4, True),
        ("[1..5]", 5, True),
        ("(1..5)", 5, False),
        ("]1..5[", 1, False),
        ('"a", "b"', "b", True),
        ('"a", "b"', "c", False),
        ('not("a", "b")', "c", True),
        ('not("a", "b")', "a", False),
        ("not(true)", False, True),
        ("< 10, > 20", 25, True),
        ("? > 3 and ? < 5", 4, True),
        ('contains(?, "油")', "机油", True),
        ("上限", 7, True),
        ("< 上限", 7, False),
        ("[1, 2, 3]", 2, True),
        ("名单", "甲", True),
        ("null", None, True),
        ("true", True, True),
        ("false", False, True),
        ("true", None, False),
        ('date("2026-11-24")', date(2026, 11, 24), True),
        ('< @"2026-11-24"', date(2026, 11, 23), True),
        ("1", "1", None),
        ("< 1", None, None),
        ("上限 > 5", 1, True),
        ("not(? = 2) or ? = 1", 1, True),
    ],
)
def test_cell(text: str, value: Any, expected: bool | None) -> None:
    assert compile_unary_tests(text).evaluate(value, {"上限": 7, "名单": ["甲", "乙"]}) is expected
