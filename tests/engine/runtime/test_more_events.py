"""Conditional and multiple events, what begins a process, and what a step tells its own instance."""

from __future__ import annotations

from typing import Any

import pytest

from bihuan.engine.definition import parse_bpmn
from bihuan.engine.runtime import CommandRejected, DeliverMessage, MessageThrown, SignalThrown
from tests.engine.runtime.models import HEAD, xml_of
from tests.engine.runtime.story import Story

WAITING = """
start s
user A
boundary c on=A when="temperature > 30"{how}
user Cool
user Next
s -> A -> Next
c -> Cool
"""


def waiting(how: str = "") -> Story:
    return Story(WAITING.replace("{how}", how)).start()


def test_a_conditional_event_happens_when_variables_make_it_true() -> None:
    story = waiting()
    assert story.set(temperature=20).open == ["A", "c"]
    assert story.set(temperature=35).open == ["Cool"]


def test_a_condition_that_is_true_already_happens_at_once() -> None:
    model = "start s\ncatch c when=ready\nuser A\ns -> c -> A"
    assert Story(model).start(ready=True).open == ["A"]
    assert Story(model).start().open == ["c"]
    assert Story(model).start().set(ready=True).open == ["A"]


def test_a_condition_that_does_not_interrupt_must_become_false_before_it_happens_again() -> None:
    story = waiting(" nonint").set(temperature=35).set(temperature=36)
    assert story.open.count("Cool") == 1
    story.set(temperature=20).set(temperature=31)
    assert story.open.count("Cool") == 2 and "A" in story.open


def test_a_condition_sees_what_a_branch_beside_it_does() -> None:
    model = """
    start s
    and f
    catch c when="x = 2"
    script S code="{x: 2}"
    script S2 code="{x: 3}"
    user A
    end e
    s -> f -> c -> A
    f -> S -> S2 -> e
    """
    assert Story(model).start(x=1).open == ["A"], "it was two for a moment"


@pytest.mark.parametrize("nonint", ["", "nonint"])
def test_an_event_sub_process_may_wait_for_a_condition(nonint: str) -> None:
    model = f"start s\nuser A\ns -> A\nsub H byevent {{\nstart hs when=late {nonint}\nuser B\nhs -> B\n}}"
    story = Story(model).start(late=False)
    assert story.set(late=True).open == (["A", "B", "hs"] if nonint else ["B"])


def test_a_condition_may_decide_an_event_gateway() -> None:
    model = "start s\nevent g\ncatch c when=ready\ncatch t after=PT1H\nuser A\nuser B\ns -> g\ng -> c -> A\ng -> t -> B"
    assert Story(model).start().set(ready=True).open == ["A"]
    assert Story(model).start().fire("t").open == ["B"]


def test_a_multiple_event_happens_with_its_first_part() -> None:
    model = "start s\ncatch c message=m signal=sg after=PT1H\nuser A\ns -> c -> A"
    assert Story(model).start().message("c", x=1).open == ["A"]
    assert Story(model).start().signal("c").open == ["A"]
    assert Story(model).start().fire("c").open == ["A"]


def test_a_parallel_multiple_event_needs_all_its_parts() -> None:
    story = Story("start s\ncatch c message=m,n after=PT1H parallel\nuser A\ns -> c -> A").start()
    assert story.message("c", x=1).open == ["c", "c"]
    story.do(DeliverMessage(story.wait("c", "message"), {"y": 2}))
    assert story.fire("c").open == ["A"] and story.variables == {"x": 1, "y": 2}


@pytest.mark.parametrize(("nonint", "left"), [("", ["B"]), ("nonint", ["A", "B", "b", "b"])])
def test_a_boundary_may_wait_for_several_events(nonint: str, left: list[str]) -> None:
    model = f"start s\nuser A\nboundary b on=A message=m signal=sg {nonint}\nuser B\nend e\ns -> A -> e\nb -> B"
    assert Story(model).start().signal("b").open == left


def test_a_boundary_that_needs_all_listens_again_if_it_does_not_interrupt() -> None:
    model = "start s\nuser A\nboundary b on=A message=m signal=sg parallel nonint\nuser B\nend e\ns -> A -> e\nb -> B"
    story = Story(model).start().message("b").signal("b")
    assert story.open == ["A", "B", "b", "b"]


def test_a_multiple_event_may_catch_errors_and_messages() -> None:
    model = "start s\nservice A\nboundary b on=A message=m error=E\nuser B\nend e\ns -> A -> e\nb -> B"
    assert Story(model).start().fail("A", error="E").open == ["B"]
    assert Story(model).start().message("b").open == ["B"]


def test_a_multiple_throw_throws_every_part_in_order() -> None:
    story = Story("start s\nthrow t signal=one,two message=m\nend e\ns -> t -> e").start()
    assert [event.name for event in story.last if hasattr(event, "payload")] == ["m", "one", "two"]


def test_a_multiple_throw_jumps_to_its_link_when_everything_is_thrown() -> None:
    story = Story("start s\nthrow t signal=go link=L\ncatch c link=L\nuser A\nend e\ns -> t\nc -> A -> e").start()
    assert story.open == ["A"] and story.happened(SignalThrown) and story.path() == ["s", "t", "c", "A"]


def test_links_are_paired_by_their_references_where_their_names_differ() -> None:
    inside = '<linkEventDefinition id="{}" name="{}">{}</linkEventDefinition>'
    link = f'<intermediate{{}}Event id="{{}}">{inside}</intermediate{{}}Event>'
    model = (
        f'{HEAD}<process id="p"><startEvent id="s"/><userTask id="A"/>'
        + link.format("Throw", "a", "l1", "out", "<target>l2</target>", "Throw")
        + link.format("Catch", "b", "l2", "in", "<source>l1</source>", "Catch")
        + '<sequenceFlow id="x" sourceRef="s" targetRef="a"/><sequenceFlow id="y" sourceRef="b" targetRef="A"/>'
        "</process></definitions>"
    )
    assert Story(parse_bpmn(model).main).start().path() == ["s", "a", "b", "A"]


def test_an_end_event_may_tell_others_before_it_ends_everything() -> None:
    story = Story("start s\nand f\nuser A\nend e message=m terminate\ns -> f -> A\nf -> e").start()
    assert story.outcome == "terminated" and story.happened(MessageThrown) and story.open == []


def test_a_multiple_event_undoes_last_and_then_goes_on() -> None:
    model = """
    start s
    user A
    boundary b on=A compensate
    user U undoes
    b ~> U
    throw t compensate signal=go link=L
    catch c link=L
    user B
    end e
    s -> A -> t
    c -> B -> e
    """
    story = Story(model).start().complete("A")
    assert story.open == ["U"] and story.happened(SignalThrown)
    assert story.complete("U").open == ["B"]


def test_a_transaction_may_be_cancelled_and_that_be_told() -> None:
    model = """
    start s
    transaction P {
      start ps
      user A
      boundary b on=A compensate
      user U undoes
      b ~> U
      end no cancel message=sorry compensate
      ps -> A -> no
    }
    boundary c on=P cancel message=stop
    user B
    end e
    s -> P -> e
    c -> B -> e
    """
    story = Story(model).start().complete("A")
    assert story.open == ["U", "c"] and story.happened(MessageThrown)
    assert story.complete("U").open == ["B"], "left by its cancel event, undone once"
    assert Story(model).start().message("c").open == ["B"], "which waits for the message as well"


def test_an_event_sub_process_may_undo_or_be_called() -> None:
    model = """
    start s
    sub P {
      start ps
      user A
      end pe
      ps -> A -> pe
      sub H byevent {
        start hs compensate message=m
        user U
        end he
        hs -> U -> he
      }
    }
    throw t compensate
    end e
    s -> P -> t -> e
    """
    assert Story(model).start().complete("A").open == ["U"]
    assert Story(model).start().message("hs").open == ["U"]


def test_a_signal_reaches_who_listens_in_the_same_instance_even_if_drawn_later() -> None:
    model = "start s\nand f\nthrow t signal=go\ncatch c signal=go\nuser A\nend e\ns -> f -> t -> e\nf -> c -> A"
    story = Story(model).start()
    assert story.open == ["A"] and story.happened(SignalThrown)


def test_a_signal_may_interrupt_the_very_sub_process_that_threw_it() -> None:
    model = """
    start s
    sub P {
      start ps
      throw t signal=stop
      user In
      ps -> t -> In
    }
    boundary b on=P signal=stop
    user Out
    end e
    s -> P -> e
    b -> Out
    """
    assert Story(model).start().open == ["Out"]


def test_a_receive_task_may_begin_a_process() -> None:
    story = Story("receive R message=m instantiate\nuser A\nR -> A")
    assert [node.id for node in story.process.triggers] == ["R"]
    assert story.start("R", order=7).open == ["A"] and story.variables == {"order": 7}


GATEWAY = """
event g instantiate{kind}
catch a message=m
catch b message=n
user A
user B
g -> a -> A
g -> b -> B
"""


def test_an_event_gateway_may_begin_a_process_with_the_first_event() -> None:
    story = Story(GATEWAY.replace("{kind}", ""))
    assert [node.id for node in story.process.triggers] == ["a", "b"]
    assert story.start("b", x=1).open == ["B"] and story.path() == ["g", "b", "B"]


def test_a_beginning_gateway_may_need_all_of_its_events() -> None:
    story = Story(GATEWAY.replace("{kind}", " parallel")).start("a", x=1)
    assert story.open == ["A", "b"]
    assert story.complete("A").outcome == "" and story.message("b").open == ["B"]


def test_a_start_that_needs_several_events_waits_for_the_rest() -> None:
    story = Story("start s message=m signal=sg parallel\nuser A\ns -> A").start("s", x=1)
    assert story.open == ["s"] and story.signal("s").open == ["A"] and story.variables == {"x": 1}


def test_several_start_events_each_begin_the_process_alone() -> None:
    model = "start s\nstart m message=m\nuser A\nuser B\ns -> A\nm -> B"
    assert Story(model).start().open == ["A"]
    assert Story(model).start("m").open == ["B"]
    with pytest.raises(CommandRejected):
        Story(model).start("A")


def repeated(attributes: str, inside: str = "", *, definitions: str = "") -> Any:
    nodes = "start s\nscript A code=1\nboundary b on=A signal=done nonint\nuser Heard\nuser Next"
    xml = xml_of(f"{nodes}\ns -> A -> Next\nb -> Heard")
    loop = (
        f'<multiInstanceLoopCharacteristics isSequential="true" {attributes}><loopCardinality>3</loopCardinality>'
        f"{inside}</multiInstanceLoopCharacteristics>"
    )
    xml = xml.replace("<script>", loop + "<script>").replace("<process ", definitions + "<process ")
    return Story(parse_bpmn(xml).main).start()


SIGNAL = '<signalEventDefinition id="sig" signalRef="signal_done"/>'
COMPLEX = (
    '<complexBehaviorDefinition id="cb"><condition>numberOfCompletedInstances &gt;= 2</condition>'
    '<event id="ev"><signalEventDefinition id="evs" signalRef="signal_done"/></event></complexBehaviorDefinition>'
)


@pytest.mark.parametrize(
    ("attributes", "inside", "times"),
    [
        ('behavior="All"', "", 0),
        ('behavior="None" noneBehaviorEventRef="sig"', "", 3),
        ('behavior="One" oneBehaviorEventRef="sig"', "", 1),
        ('behavior="None"', "", 3),
        ('behavior="One"', "", 1),
        ('behavior="Complex"', COMPLEX, 2),
    ],
)
def test_a_multi_instance_throws_as_its_behaviour_says(attributes: str, inside: str, times: int) -> None:
    story = repeated(attributes, inside, definitions=SIGNAL)
    assert story.open == ["Heard"] * times + ["Next"]
    assert not any("Instances" in name for name in story.variables)


def test_terminating_everything_as_other_engines_may_write_ends_the_process_from_within() -> None:
    model = """
    start s
    and f
    user O
    sub P times=2 {
      start ps
      user A
      end t
      | <terminateEventDefinition flowable:terminateAll="true"/>
      ps -> A -> t
    }
    s -> f -> P
    f -> O
    """
    assert Story(model).start().complete("A").outcome == "terminated"
