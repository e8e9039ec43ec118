from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import bihuan
from bihuan.org.actions import ACTIONS, label_of
from bihuan.org.positions import GUARDED_ACTIONS
from tests.cast import GRANTS

ROOT = Path(bihuan.__file__).parent
# Where an action's name is written as the argument with this number.
CALLS = {"require": 0, "can": 0, "can_anywhere": 0, "sites_allowing": 0, "visible_to": 1}


def actions_named_in(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CALLS):
            continue
        arguments = [*node.args[CALLS[node.func.attr] :][:1], *(word.value for word in node.keywords)]
        for argument in arguments:
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str) and "." in argument.value:
                yield node.lineno, argument.value


def test_every_action_the_code_asks_about_is_in_the_catalogue() -> None:
    unknown = [
        f"{path.relative_to(ROOT)}:{line} {action}"
        for path in ROOT.rglob("*.py")
        for line, action in actions_named_in(ast.parse(path.read_text("utf-8")))
        if action not in ACTIONS
    ]
    assert unknown == []


def test_every_action_a_role_is_granted_is_in_the_catalogue() -> None:
    assert {action for actions in GRANTS.values() for action in actions} <= set(ACTIONS)


def test_every_action_is_granted_to_some_role() -> None:
    assert set(ACTIONS) - {action for actions in GRANTS.values() for action in actions} == set()


def test_guarded_actions_are_actions() -> None:
    assert set(ACTIONS) >= GUARDED_ACTIONS


def test_an_unknown_action_is_shown_by_its_own_name() -> None:
    assert (label_of("payment.take"), label_of("old.action")) == ("收款", "old.action")
