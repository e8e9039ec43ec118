"""What the standard forbids in a process that says it is executable is refused; elsewhere it is advice."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from bihuan.engine.definition import Problem, check_bpmn, parse_bpmn, review_bpmn
from tests.engine.runtime.models import HEAD

CASES = yaml.safe_load((Path(__file__).parent / "standard.yaml").read_text(encoding="utf-8"))
DECLARED = (
    '<signal id="sg" name="sg"/><error id="er" name="bad"/><escalation id="es" name="up"/>'
    '<itemDefinition id="text" structureRef="xsd:string"/><itemDefinition id="java" structureRef="java.lang.String"/>'
    '<itemDefinition id="number" structureRef="xsd:int"/>'
    '<itemDefinition id="many" structureRef="xsd:int" isCollection="true"/><message id="m" name="m" itemRef="text"/>'
    '<interface id="iface" name="i"><operation id="op" name="op"><inMessageRef>m</inMessageRef></operation></interface>'
)
PLAIN = {"s": '<startEvent id="s"/>', "t": '<task id="t"/>', "e": '<endEvent id="e"/>'}


def xml_of(case: dict[str, Any], executable: str = "true") -> str:
    nodes, ways = case.get("nodes", ""), [way.split(">") for way in case["flows"]]
    named = {node for way in ways for node in way}
    plain = "".join(xml for node, xml in PLAIN.items() if node in named and f' id="{node}"' not in nodes)
    flows = "".join(
        f'<sequenceFlow id="{a}_{b}" sourceRef="{a}" targetRef="{b}"/>' for way in ways for a, b in pairwise(way)
    )
    process = f'<process id="p" isExecutable="{executable}">\n{nodes}{plain}{flows}</process>'
    return f"{HEAD}{DECLARED}{process}{case.get('beside', '').replace('true', executable)}</definitions>"


def found(case: dict[str, Any], executable: str = "true") -> list[Problem]:
    return review_bpmn(xml_of(case, executable), source="m.bpmn")


def label(case: dict[str, Any]) -> str:
    return f"{case.get('code', 'kept')} {case.get('at', '')}"


@pytest.mark.parametrize("case", CASES["refused"], ids=label)
def test_what_the_standard_forbids_is_refused_where_a_process_says_it_is_executable(case: dict[str, Any]) -> None:
    problems = [problem for problem in found(case) if not problem.advice]
    assert [(problem.code, problem.element_id) for problem in problems] == [(case["code"], case["at"])]
    assert problems[0].line > 0
    assert [each.advice for each in found(case, "false") if each.code == case["code"]] == [True], "told of a drawing"


@pytest.mark.parametrize("case", CASES["advised"], ids=label)
def test_what_many_draw_although_the_standard_wants_it_otherwise_is_advice(case: dict[str, Any]) -> None:
    [advice] = found(case)
    assert (advice.code, advice.element_id, advice.advice) == (case["code"], case["at"], True)
    assert check_bpmn(xml_of(case)) == []


@pytest.mark.parametrize("case", CASES["kept"], ids=label)
def test_what_keeps_the_standard_is_not_mentioned(case: dict[str, Any]) -> None:
    assert found(case) == []


def test_a_public_process_is_not_executable() -> None:
    xml = xml_of({"flows": ["s>t>e"]}).replace("<process ", '<process processType="Public" ')
    assert [problem.code for problem in check_bpmn(xml)] == ["public-process"]


def test_what_was_published_before_a_rule_came_is_still_read() -> None:
    xml = xml_of({"flows": ["s>t>e"], "nodes": '<task id="t"><incoming>x</incoming></task>'})
    assert check_bpmn(xml) != [] and parse_bpmn(xml, published=True).main.id == "p"


MANY = 6_000


@pytest.mark.parametrize(
    ("nodes", "beside"),
    [
        ("<dataObjectReference id='d' dataObjectRef='d'/><dataObject id='o'/>", ""),
        ("<task id='u'><ioSpecification>" + "<dataInput/>" * MANY + "</ioSpecification></task>", ""),
        ("".join(f"<callActivity id='c{n}' calledElement='q'/>" for n in range(MANY)),
         "<process id='q'>" + "<startEvent/>" * MANY + "</process>"),
        ("<intermediateCatchEvent id='c'><linkEventDefinition id='l'>" + "<source>x</source>" * MANY
         + "</linkEventDefinition></intermediateCatchEvent>"
         + "<intermediateThrowEvent><linkEventDefinition><target>l</target></linkEventDefinition></intermediateThrowEvent>" * MANY, ""),  # noqa: E501
        ("<scriptTask id='x'><script>" + "/*" * MANY * 50 + "</script></scriptTask>", ""),
    ],
    ids=["itself", "inputs", "calls", "links", "comments"],
)  # fmt: skip
def test_files_made_to_be_slow_are_told_quickly(nodes: str, beside: str) -> None:
    started = time.process_time()
    found({"flows": ["s>t>e"], "nodes": nodes, "beside": beside})
    assert time.process_time() - started < 5
