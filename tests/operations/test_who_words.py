"""Who does a step, as a process owner reads it in the table of steps."""

from __future__ import annotations

import pytest

from bihuan.engine.definition import Process, parse_bpmn
from bihuan.operations.pages.who_words import doers_in_words
from tests.processes.models import bpmn

ROLES = {"finance": "财务"}


def process(*tasks: str, flows: str) -> Process:
    return parse_bpmn(bpmn("p", '<startEvent id="s"/>', *tasks, '<endEvent id="e"/>', flows=flows)).main


@pytest.mark.parametrize(
    ("says", "words"),
    [
        ("", "员工"),
        ('bihuan:assignee="engineer"', "员工"),
        ('bihuan:who="starter"', "发起人"),
        ('bihuan:who="head:销售部"', "“销售部”的负责人"),
        ('bihuan:who="superior:2"', "发起人的第 2 级上级"),
        ('bihuan:who="chosen"', "由上一步指定"),
        ('bihuan:who="role:finance" bihuan:pick="least_load"', "财务"),
        ('bihuan:pick="random"', "员工"),
        ('bihuan:who="done:填单"', "办理“填单”的人"),
        ('bihuan:who="=boss.user"', "=boss.user"),
    ],
)
def test_the_rule_of_a_step_is_told_in_words(says: str, words: str) -> None:
    drawn = process('<userTask id="first" name="填单"/>', f'<userTask id="t" {says}/>', flows="s>first first>t t>e")
    assert doers_in_words(drawn.nodes["t"], "员工", ROLES, {"first": "填单"}) == words


def test_those_who_sign_together_are_those_of_the_list() -> None:
    several = '<multiInstanceLoopCharacteristics bihuan:collection="=signers"/>'
    drawn = process(f'<userTask id="t" bihuan:signoff="any">{several}</userTask>', flows="s>t t>e")
    assert doers_in_words(drawn.nodes["t"], "财务", ROLES, {}) == "或签：名单里的人"
    loop = drawn.nodes["t"].loop
    assert loop is not None and loop.item == "signer" and drawn.nodes["t"].assignee is not None
