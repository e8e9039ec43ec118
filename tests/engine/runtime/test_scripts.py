"""Script tasks of other engines: small ones run as the assignments they come to, anything that acts is refused."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any
from xml.sax.saxutils import escape

import pytest

from bihuan.engine.definition import DefinitionError, parse_bpmn
from bihuan.engine.runtime import IncidentRaised
from tests.engine.runtime.models import HEAD
from tests.engine.runtime.story import Story


def model(language: str, script: str, attributes: str = "") -> Any:
    """A process whose only task is this script."""
    return parse_bpmn(
        f'{HEAD}<process id="process"><startEvent id="s"/><scriptTask id="C" scriptFormat="{language}" {attributes}>'
        f"<script>{escape(script)}</script></scriptTask>"
        '<sequenceFlow id="f" sourceRef="s" targetRef="C"/></process></definitions>'
    ).main


def after(language: str, script: str, **variables: Any) -> dict[str, Any]:
    """The variables once the script has run."""
    story = Story(model(language, script)).start(**variables)
    assert story.outcome == "completed", story.last
    return story.variables


@pytest.mark.parametrize(
    ("language", "script", "variables", "expected"),
    [
        ("groovy", "x = 1\ny = x + 2", {}, {"x": 1, "y": 3}),
        ("groovy", "def a = 2; execution.setVariable('b', a * 3)", {}, {"b": 6}),
        ("groovy", 'log = log + "A"', {"log": "Z"}, {"log": "ZA"}),
        ("groovy", 'log += ",A"', {"log": "Z"}, {"log": "Z,A"}),
        ("groovy", "list.add('b')", {"list": ["a"]}, {"list": ["a", "b"]}),
        ("groovy", 'println "done"; x = 1 // the rest is a remark', {}, {"x": 1}),
        ("groovy", "if (x > 1) { y = 'a' } else if (x == 1) { y = 'b' } else { y = 'c' }", {"x": 1}, {"x": 1, "y": "b"}),  # noqa: E501
        ("groovy", "if (x > 1) { if (z) { y = 1 } } else y = 2", {"x": 2, "z": True}, {"x": 2, "z": True, "y": 1}),
        ("groovy", 'x = "a\\nb"', {}, {"x": "a\nb"}),
        ("javascript", "var i = 0; i++; i += 2; n = i; console.log(n);", {}, {"n": 3}),
        ("javascript", "ok = a === b && !c;", {"a": 1, "b": 1, "c": False}, {"a": 1, "b": 1, "c": False, "ok": True}),
        ("javascript", "this.environment.output.a = environment.variables.x + 1; next();", {"x": 1}, {"x": 1, "a": 2}),
        ("", "item.data.a = this.data.x + 1", {"x": 1}, {"x": 1, "a": 2}),
        ("javascript", "this.log('a'); variables.a++; this.variables.b = variables.a * 2", {"a": 1}, {"a": 2, "b": 4}),
        ("javascript", "x = {a: 1, 'b c': [2], n: {},}; y = x.a + 1", {}, {"x": {"a": 1, "b c": [2], "n": {}}, "y": 2}),
        ("groovy", "x = [a: 1, 'b': k > 1 ? 'p' : 'q']; y = [:]", {"k": 2}, {"k": 2, "x": {"a": 1, "b": "p"}, "y": {}}),
        ("", "return {'a': 1};", {}, {}),
        ("java", 'kcontext.setVariable("a", (x + 1) * 2);', {"x": 1}, {"x": 1, "a": 4}),
        ("http://www.java.com/java", 'String s = "a"; kcontext.setVariable("t", s + 1);', {}, {"t": "a1"}),
        ("mvel", "x = x - 1; x--", {"x": 5}, {"x": 3}),
        ("python", "if x > 0:\n    y = 2\nelif x < 0:\n    y = 3\nelse:\n    y = 4\nz = y", {"x": -1}, {"x": -1, "y": 3, "z": 3}),  # noqa: E501
        ("python", "names = []\nnames.append('a')  # first\nn = len(names)", {}, {"names": ["a"], "n": 1}),
        ("", "x = 3", {}, {"x": 3}),
        ("", "SOME_MARK", {}, {}),
        ("", "", {}, {}),
        ("", "//nothing yet", {}, {}),
        ("python", "# nothing yet\n# later", {}, {}),
        ("groovy", "/* nothing\n yet */", {}, {}),
    ],
)  # fmt: skip
def test_a_small_script_means_what_it_says(
    language: str, script: str, variables: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert after(language, script, **variables) == expected


@pytest.mark.parametrize(
    ("language", "script", "words"),
    [
        ("groovy", "new File('/etc/passwd').text", "new File"),
        ("groovy", "x = 'id'.execute()", "execute"),
        ("groovy", "while (true) { }", "while"),
        ("groovy", 'x = "Hello ${name}"', "${…}"),
        ("groovy", "if (x) { return 1 }\ny = 2", "return"),
        ("groovy", "return 1\ny = 2", "return"),
        ("groovy", "x << 4", "x << 4"),
        ("groovy", 'throw new RuntimeException("x")', "throw"),
        ("javascript", "x = {a: }", "不该出现"),
        ("javascript", "x.b = 2", "x.b"),
        ("javascript", "a = b = 1", "赋值"),
        ("javascript", "x = 1\n- 2", "开头"),
        ("javascript", "eval('x')", "eval"),
        ("javascript", "function f() { return 1 }", "function"),
        ("python", "import os\nos.system('id')", "system"),
        ("python", "x = __import__('os')", "__import__"),
        ("python", "for i in range(3):\n  x = i", "for i in range(3):"),
        ("python", "def f():\n  return 1", "def f()"),
        ("python", "x = open('/etc/passwd').read()", "open"),
        ("ruby", "x = 1", "ruby"),
        ("groovy", "{ x = 1", "{ x"),
        ("groovy", "x = 1; )", ")"),
    ],
)
def test_what_is_more_than_assigning_is_refused_by_name(language: str, script: str, words: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        model(language, script)
    [problem] = caught.value.problems
    assert words in problem.reason and problem.element == "scriptTask" and problem.line > 0


def test_a_variable_that_cannot_be_computed_is_an_incident_and_sets_nothing() -> None:
    story = Story(model("groovy", "a = 1\nx = missing + 1")).start()
    [raised] = story.happened(IncidentRaised)
    assert raised.node == "C" and "missing" in raised.reason and story.variables == {}


def test_a_condition_of_a_script_is_true_or_false_never_taken_for_it() -> None:
    story = Story(model("javascript", "if (name) { x = 1 } else { x = 2 }")).start(name="a")
    assert story.happened(IncidentRaised)


def test_a_result_variable_gets_the_last_value_of_a_script() -> None:
    named = 'bihuan:result="r"'
    assert Story(model("groovy", "x = 2; x * 2", named)).start().variables == {"x": 2, "r": 4}
    assert Story(model("groovy", "def x = 2\nreturn x + 1", named)).start().variables == {"r": 3}


def test_sums_within_sums_are_bounded() -> None:
    begun = time.process_time()
    with pytest.raises(DefinitionError):
        model("groovy", "x = " + "(" * 40 + "a" + " + b)" * 40)
    assert time.process_time() - begun < 1


def test_numbers_stay_exact() -> None:
    assert after("groovy", "x = 0.1 + 0.2")["x"] == Decimal("0.3")
