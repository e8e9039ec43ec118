"""Requirement ids are covered by tests that exist, and `covers` names only ids that exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
FIRST_RULE_BOOK = frozenset(f"AUTO-{number:02}" for number in range(1, 34))
# The list of requirements is kept beside the repository; without it only the form of an id can be checked.
LIST = TESTS.parents[1] / "shared" / "requirements.yaml"
FORM = re.compile(r"[A-Z]{2,8}-\d{2}")


@cache
def _covered() -> dict[str, list[str]]:
    """Requirement id → the places whose `covers` mark names it, read from the sources."""
    found: dict[str, list[str]] = {}
    for file in sorted(TESTS.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "covers":
                for argument in node.args:
                    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                        found.setdefault(argument.value, []).append(f"{file.relative_to(TESTS)}:{node.lineno}")
    return found


def test_a_mark_names_an_id_that_exists() -> None:
    covered = _covered()
    if LIST.is_file():
        known = set(re.findall(r"^    ([A-Z]+-\d{2}):", LIST.read_text(encoding="utf-8"), re.MULTILINE))
        assert not {one: places for one, places in covered.items() if one not in known}
    assert not {one: places for one, places in covered.items() if not FORM.fullmatch(one)}


@pytest.mark.parametrize("requirement", sorted(FIRST_RULE_BOOK))
def test_every_requirement_of_the_car_service_pack_is_driven_by_a_test(requirement: str) -> None:
    assert _covered().get(requirement), f"no test is marked covers({requirement!r})"
