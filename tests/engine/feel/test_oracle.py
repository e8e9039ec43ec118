"""Generated expressions have the value that Python gives to the same expression."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest

from bihuan.engine.feel import compile_expression, translate_juel

VARIABLES = {"a": Decimal(3), "b": Decimal(-2), "c": Decimal(7), "p": True, "q": False}
COUNT = 400


def number(dice: random.Random, depth: int) -> str:
    """Arithmetic that all these languages read alike; each part in brackets or not, as it comes."""
    if depth == 0 or dice.random() < 0.2:
        return dice.choice(["a", "b", "c", "1", "2", "10"])
    if dice.random() < 0.3:
        return dice.choice(["({})", "-({})"]).format(number(dice, depth - 1))
    return f"{number(dice, depth - 1)} {dice.choice('+-*')} {number(dice, depth - 1)}"


def truth(dice: random.Random, depth: int) -> tuple[str, str, str]:
    """The same condition in FEEL, in Python and in JUEL."""
    kind = dice.choice(["leaf", "join", "join", "not", "choose", "bracket"]) if depth else "leaf"
    if kind == "leaf":
        if dice.random() < 0.3:
            name = dice.choice("pq")
            return name, name, name
        operator = dice.choice(["==", "!=", "<", "<=", ">", ">="])
        left, right = number(dice, 2), number(dice, 2)
        same = f"{left} {operator} {right}"
        return f"{left} {'=' if operator == '==' else operator} {right}", same, same
    first = truth(dice, depth - 1)
    if kind == "bracket":
        return f"({first[0]})", f"({first[1]})", f"({first[2]})"
    if kind == "not":
        return f"not({first[0]})", f"(not ({first[1]}))", f"!({first[2]})"
    second = truth(dice, depth - 1)
    if kind == "join":
        word = dice.choice(["and", "or"])
        sign = "&&" if word == "and" else "||"
        return f"{first[0]} {word} {second[0]}", f"{first[1]} {word} {second[1]}", f"{first[2]} {sign} {second[2]}"
    third = truth(dice, depth - 1)
    return (
        f"(if {first[0]} then {second[0]} else {third[0]})",
        f"({second[1]} if {first[1]} else {third[1]})",
        f"({first[2]} ? {second[2]} : {third[2]})",
    )


def in_python(text: str) -> object:
    return eval(text, {"__builtins__": {}}, {**VARIABLES})


def test_arithmetic_has_the_value_python_gives_it() -> None:
    dice = random.Random(1)
    for text in (number(dice, 5) for _ in range(COUNT)):
        assert compile_expression(text).evaluate(VARIABLES) == in_python(text), text


@pytest.mark.parametrize("seed", [1, 2])
def test_conditions_agree_in_all_spellings(seed: int) -> None:
    dice = random.Random(seed)
    for feel, python, juel in (truth(dice, 4) for _ in range(COUNT)):
        expected = in_python(python)
        assert compile_expression(feel).evaluate(VARIABLES) is expected, feel
        assert compile_expression(translate_juel(python)).evaluate(VARIABLES) is expected, python
        assert compile_expression(translate_juel(f"${{{juel}}}")).evaluate(VARIABLES) is expected, juel
