"""Damaged models and nonsense expressions: never a crash, never a hang, never a file opened."""

from __future__ import annotations

import builtins
import io
import os
import random
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from bihuan.engine.definition import DefinitionError, check_bpmn, parse_bpmn
from bihuan.engine.feel import (
    FeelError,
    FeelSyntaxError,
    compile_expression,
    compile_unary_tests,
    translate_juel,
    translate_script,
)
from bihuan.engine.rehearsal import rehearse
from tests.engine.runtime.test_fuzz import damage

NINE = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
SECONDS = 4

WHOLE = (Path(__file__).parent / "models" / "everything.bpmn").read_bytes()


@contextmanager
def nothing_outside() -> Iterator[None]:
    """Whoever opens a file, a socket or a program in here fails the test."""

    def forbidden(*_: Any, **__: Any) -> NoReturn:
        pytest.fail("something outside was asked for")

    with pytest.MonkeyPatch.context() as patch:
        for holder, name in ((builtins, "open"), (io, "open"), (os, "open"), (os, "system"), (socket, "socket")):
            patch.setattr(holder, name, forbidden)
        patch.setattr(subprocess, "Popen", forbidden)
        yield


def test_the_whole_model_runs_through() -> None:
    model = parse_bpmn(WHOLE)
    outcome = rehearse(model, model.main, now=NINE, auto=True, pools=model.pools)
    assert outcome.state == "completed" and len(outcome.instances) >= 4
    assert {"mb", "tx", "th", "evt", "c1"} <= set(outcome.main.nodes)


def rehearsed(xml: bytes) -> bool:
    """Check and run one file the way `bihuan bpmn` does. False if it was refused."""
    begun = time.process_time()
    try:
        model = parse_bpmn(xml)
    except DefinitionError as error:
        assert error.problems and all(problem.reason for problem in error.problems)
        assert check_bpmn(xml) == list(error.problems)
        return False
    outcome = rehearse(model, model.main, now=NINE, auto=True, pools=model.pools)
    assert outcome.state
    assert time.process_time() - begun < SECONDS
    return True


@pytest.mark.parametrize("seed", range(6))
def test_damaged_files_are_refused_or_run(seed: int) -> None:
    chance = random.Random(seed)
    whole = etree.fromstring(WHOLE)
    ran = 0
    for _ in range(30):
        root = etree.fromstring(etree.tostring(whole))
        for _ in range(chance.choice([1, 1, 2])):
            damage(root, chance)
        with nothing_outside():
            ran += rehearsed(etree.tostring(root))
    assert ran, "the damage must leave something that runs"


WORDS = [
    "x",
    "y",
    "if",
    "else",
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    "=",
    "==",
    "+",
    "+=",
    "++",
    "-",
    "*",
    "/",
    "%",
    "!",
    "&&",
    "||",
    "'a'",
    '"b',
    '"',
    "1",
    "0.5",
    ";",
    ".",
    ",",
    ":",
    "?",
    "return",
    "def",
    "var",
    "execution",
    "setVariable",
    "add",
    "null",
    "true",
    "not",
    "in",
    "for",
    "every",
    "satisfies",
    "then",
    "function",
    "${",
    "}",
    "#",
    "//",
    "..",
    "@",
]
NONSENSE = st.lists(st.sampled_from([*WORDS, "\n"]), max_size=40).map(" ".join) | st.text(max_size=60)
CALM = settings(max_examples=250, deadline=None)


def survives(read: Callable[[], Any]) -> Any:
    """What reading gives; None if the text was refused, as it may be."""
    begun = time.process_time()
    try:
        with nothing_outside():
            return read()
    except FeelSyntaxError as error:
        assert error.message
    except FeelError:
        pass
    finally:
        assert time.process_time() - begun < SECONDS
    return None


@given(text=NONSENSE, value=st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.text(max_size=3)))
@CALM
def test_nonsense_expressions_are_refused_or_computed(text: str, value: Any) -> None:
    expression = survives(lambda: compile_expression(text))
    if expression is not None:
        survives(lambda: expression.evaluate({"x": value, "y": [value]}, now=NINE))
    survives(lambda: compile_unary_tests(text))
    translated = survives(lambda: translate_juel(text))
    if translated is not None:
        survives(lambda: compile_expression(translated).evaluate({"x": value, "y": [value]}, now=NINE))


@given(text=NONSENSE, indented=st.booleans())
@CALM
def test_nonsense_scripts_are_refused_or_become_assignments(text: str, indented: bool) -> None:
    for statement in survives(lambda: translate_script(text, indented=indented)) or ():
        compile_expression(statement.feel)
