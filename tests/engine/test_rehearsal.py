"""Rehearsing whole files: pools that talk, global tasks, where a run begins, and running without answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bihuan.engine.definition import parse_bpmn
from bihuan.engine.rehearsal import Outcome, read_answers, rehearse
from tests.engine.runtime.models import HEAD, xml_of

NINE = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)


def run(xml: str, answers: Any = None, **options: Any) -> Outcome:
    model = parse_bpmn(xml)
    return rehearse(model, model.main, now=NINE, answers=read_answers(answers), pools=model.pools, **options)


def states(outcome: Outcome) -> dict[str, str]:
    """How each process of the file went."""
    return {each.process.id: each.ended.outcome if each.ended else "waiting" for each in outcome.instances}


GLOBAL = (
    f'{HEAD}<globalUserTask id="G" name="签字"/><globalScriptTask id="S"><script>{{x: 1}}</script></globalScriptTask>'
    '<process id="p"><startEvent id="s"/><callActivity id="a" calledElement="tns:G"/>'
    '<callActivity id="b" calledElement="S"/><sequenceFlow id="f" sourceRef="s" targetRef="a"/>'
    '<sequenceFlow id="g" sourceRef="a" targetRef="b"/></process></definitions>'
)


def test_a_call_activity_may_call_a_global_task() -> None:
    outcome = run(GLOBAL, {"签字": {"name": "王"}})
    assert outcome.state == "completed" and states(outcome) == {"p": "completed", "G": "completed", "S": "completed"}
    assert outcome.instances[1].nodes == ["G"] and outcome.main.state.variables == {"name": "王", "x": 1}


POOLS = (
    f'{HEAD}<collaboration id="c"><participant id="pa" processRef="buyer"/><participant id="pb" processRef="seller"/>'
    '<messageFlow id="order" sourceRef="send" targetRef="got"/>'
    '<messageFlow id="goods" sourceRef="ship" targetRef="receive"/></collaboration>'
    '<process id="seller"><startEvent id="got"><messageEventDefinition/></startEvent><userTask id="pack"/>'
    '<sendTask id="ship"/><sequenceFlow id="a" sourceRef="got" targetRef="pack"/>'
    '<sequenceFlow id="b" sourceRef="pack" targetRef="ship"/></process>'
    '<process id="buyer"><startEvent id="s"/><sendTask id="send"/><receiveTask id="receive"/>'
    '<sequenceFlow id="d" sourceRef="s" targetRef="send"/><sequenceFlow id="e" sourceRef="send" targetRef="receive"/>'
    "</process></definitions>"
)


def test_pools_talk_along_their_message_flows_even_if_no_message_is_named() -> None:
    outcome = run(POOLS)
    assert outcome.main.process.id == "buyer", "the pool that begins by itself"
    assert states(outcome) == {"buyer": "waiting", "seller": "waiting"}
    assert states(run(POOLS, {"pack": True})) == {"buyer": "completed", "seller": "completed"}


def test_pools_that_begin_by_themselves_begin_together_and_no_message_comes_too_early() -> None:
    xml = (
        f'{HEAD}<message id="m" name="m"/><collaboration id="c"><participant id="pa" processRef="a"/>'
        '<participant id="pb" processRef="b"/></collaboration>'
        '<process id="a"><startEvent id="as"/><sendTask id="send" messageRef="m"/>'
        '<sequenceFlow id="f" sourceRef="as" targetRef="send"/></process>'
        '<process id="b"><startEvent id="bs"/><userTask id="first"/><receiveTask id="get" messageRef="m"/>'
        '<sequenceFlow id="g" sourceRef="bs" targetRef="first"/>'
        '<sequenceFlow id="h" sourceRef="first" targetRef="get"/>'
        "</process></definitions>"
    )
    assert states(run(xml)) == {"a": "completed", "b": "waiting"}
    assert states(run(xml, {"first": True})) == {"a": "completed", "b": "completed"}


def with_number(task: str, message: str, number: int) -> str:
    """A send task whose message carries a number."""
    mapping = f'<extensionElements><bihuan:input source="{number}" target="no"/></extensionElements>'
    return f'<sendTask id="{task}" messageRef="{message}">{mapping}</sendTask>'


def test_messages_go_to_the_instance_of_their_key() -> None:
    xml = (
        f'{HEAD}<message id="o" name="order"/><message id="p" name="paid" bihuan:correlation="no"/>'
        f'<process id="shop"><startEvent id="s"/>{with_number("o1", "o", 1)}{with_number("o2", "o", 2)}'
        f'{with_number("pay", "p", 2)}<sequenceFlow id="f1" sourceRef="s" targetRef="o1"/>'
        '<sequenceFlow id="f2" sourceRef="o1" targetRef="o2"/><sequenceFlow id="f3" sourceRef="o2" targetRef="pay"/>'
        '</process><process id="case"><startEvent id="c"><messageEventDefinition messageRef="o"/></startEvent>'
        '<receiveTask id="r" messageRef="p"/><sequenceFlow id="g" sourceRef="c" targetRef="r"/></process></definitions>'
    )
    cases = [each for each in run(xml).instances if each.process.id == "case"]
    assert [(each.state.variables["no"], each.ended is not None) for each in cases] == [(1, False), (2, True)]


def test_a_run_begins_where_it_is_told_to() -> None:
    xml = xml_of("start s\nstart t\nstart m message=x\nuser A\nuser B\nuser C\ns -> A\nt -> B\nm -> C")
    assert run(xml).main.nodes == ["s", "A"]
    assert run(xml, start="t").main.nodes == ["t", "B"]
    assert run(xml, {"m": {"n": 1}}, start="m").main.state.variables == {"n": 1}
    assert run(xml, start="A").state == "refused"


def test_a_model_runs_through_without_answers_if_asked_to() -> None:
    xml = xml_of(
        "start s\nuser A\nboundary b on=A after=PT1H\nservice B\ncatch c after=P1D\ncatch m message=x\nevent g\n"
        "catch g1 message=y\ncatch g2 signal=z\nend e\nend f\nend h\n"
        "s -> A -> B -> c -> m -> g\nb -> h\ng -> g1 -> e\ng -> g2 -> f"
    )
    outcome = run(xml, auto=True)
    assert outcome.state == "completed" and outcome.main.nodes == ["s", "A", "B", "c", "m", "g", "g1", "e"]
    assert run(xml, {"B": False}, auto=True).state == "waiting"


def test_a_condition_is_answered_with_the_variables_that_make_it_true() -> None:
    xml = xml_of('start s\ncatch c when="x > 5"\nuser A\ns -> c -> A')
    assert run(xml).main.nodes == ["s", "c"]
    assert run(xml, {"c": {"x": 1}}).main.nodes == ["s", "c"], "not true yet"
    assert run(xml, {"c": [{"x": 1}, {"x": 6}]}).main.nodes == ["s", "c", "A"]


def test_activities_begun_by_hand_are_begun_by_answers_or_in_turn() -> None:
    xml = xml_of("start s\nadhoc P byhand {\nuser A\nuser B\n}\nuser Next\ns -> P -> Next")
    assert run(xml, {"P": [{"$begin": "B"}, {"$begin": "A"}], "A": True, "B": True}).main.nodes == [
        "s",
        "P",
        "B",
        "A",
        "Next",
    ]
    assert run(xml, auto=True).main.nodes == ["s", "P", "A", "B", "Next"]
    assert run(xml, {"P": {"$begin": "nothing"}}).state == "waiting"


def test_a_loop_without_a_way_out_stops() -> None:
    assert run(xml_of("start s\nuser A\ns -> A -> A"), auto=True).state == "limit"
