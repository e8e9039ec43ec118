"""Bounds that keep an expression from a stranger's file harmless. Each is far above what a rule book needs."""

from __future__ import annotations

MAX_TEXT = 20_000
"""Characters in one expression."""

MAX_NESTING = 60
"""Brackets, ifs and functions inside each other. Chains of `and`, `or`, `+` and `.` do not count."""

MAX_STEPS = 1_000_000
"""Work units in one evaluation; an iteration costs as many units as its body has parts."""

MAX_LIST = 50_000
"""Items in a list that an expression makes, and the longest range it may walk."""

MAX_STRING = 200_000
"""Characters in a string that an expression makes."""

MAX_CALLS = 40
"""Functions written in FEEL calling each other."""

MAX_RESULT = 200_000
"""Values inside the list or context that an evaluation returns."""

MAX_DEPTH = 50
"""Lists and contexts inside each other, in variables and results."""

MAX_EXPONENT = 6_144
"""Decimal exponent of a number: what the 34-digit decimal of DMN holds."""

MAX_PATTERN = 500
"""Characters in a regular expression."""

MAX_WARNINGS = 10
"""Warnings kept from one evaluation."""
