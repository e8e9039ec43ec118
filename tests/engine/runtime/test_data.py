"""Data objects, inputs, outputs and associations: real data, read from variables and written to them."""

from __future__ import annotations

from itertools import pairwise

from bihuan.engine.definition import parse_bpmn
from bihuan.engine.runtime import IncidentRaised, WaitOpened
from tests.engine.runtime.models import HEAD
from tests.engine.runtime.story import Story


def process(body: str) -> Story:
    """A story of a process with a start event `s`, an end event `e` and this inside."""
    return Story(
        parse_bpmn(f'{HEAD}<process id="p"><startEvent id="s"/><endEvent id="e"/>{body}</process></definitions>').main
    )


def flow(*stops: str) -> str:
    return "".join(f'<sequenceFlow id="{a}_{b}" sourceRef="{a}" targetRef="{b}"/>' for a, b in pairwise(stops))


OBJECTS = (
    '<dataObject id="o1" name="order"/><dataObject id="o2"/>'
    '<dataObjectReference id="r2" name="bill" dataObjectRef="o2"/>'
)


def task(inputs: str, outputs: str, *, optional: bool = False, kind: str = "userTask", more: str = "") -> str:
    """A task with one data input `in` and one data output `out`."""
    rest = "<optionalInputRefs>i</optionalInputRefs>" if optional else ""
    return (
        f'<{kind} id="T"><ioSpecification id="io"><dataInput id="i" name="in"/><dataOutput id="o" name="out"/>'
        f'<inputSet id="is"><dataInputRefs>i</dataInputRefs>{rest}</inputSet>'
        f'<outputSet id="os"><dataOutputRefs>o</dataOutputRefs></outputSet></ioSpecification>'
        f"{inputs}{outputs}{more}</{kind}>"
    )


READ = '<dataInputAssociation id="a"><sourceRef>o1</sourceRef><targetRef>i</targetRef></dataInputAssociation>'
WRITE = '<dataOutputAssociation id="b"><sourceRef>o</sourceRef><targetRef>r2</targetRef></dataOutputAssociation>'
SIMPLE = OBJECTS + task(READ, WRITE) + flow("s", "T", "e")


def test_data_flows_from_a_data_object_through_an_activity_into_another() -> None:
    story = process(SIMPLE).start(order=7)
    [opened] = [event for event in story.last if type(event).__name__ == "ItemOpened"]
    assert opened.variables == {"in": 7}
    assert story.complete("T", out=8).variables == {"order": 7, "bill": 8}


def test_results_that_are_no_data_output_become_variables_as_ever() -> None:
    assert process(SIMPLE).start(order=7).complete("T", note="x").variables == {"order": 7, "note": "x"}


def test_an_activity_waits_for_a_required_input_that_another_branch_gives() -> None:
    body = (
        OBJECTS
        + task(READ, WRITE)
        + '<parallelGateway id="f"/><userTask id="U"/>'
        + flow("s", "f", "T", "e")
        + flow("f", "U", "e")
    )
    story = process(body).start()
    assert story.open == ["T", "U"] and story.happened(WaitOpened)[0].kind == "data"
    story.complete("U", order=5)
    assert [wait.kind for wait in story.state.waits.values()] == ["item"]


def test_an_input_that_nobody_can_give_any_more_is_told() -> None:
    story = process(SIMPLE).start()
    [raised] = story.happened(IncidentRaised)
    assert "order" in raised.reason and raised.node == "T"
    assert story.set(order=1).retry().open == ["T"]


def test_an_optional_input_is_not_waited_for() -> None:
    story = process(OBJECTS + task(READ, WRITE, optional=True) + flow("s", "T", "e")).start()
    assert story.open == ["T"] and not story.state.incidents


def test_names_broken_into_lines_and_expressions_boxed_as_in_dmn_are_read() -> None:
    body = SIMPLE.replace('name="order"', 'name="the&#10;order"').replace('name="in"', 'name="what&#13;&#10; came"')
    language = "https://www.omg.org/spec/DMN/20230324/{}/"
    boxed = "&lt;x:literalExpression xmlns:x='urn:x'>&lt;x:text>what came * 2&lt;/x:text>&lt;/x:literalExpression>"
    read = f'</targetRef><transformation language="{language.format("FEEL")}">the order + 1</transformation>'
    write = f'</targetRef><transformation language="{language.format("MODEL")}">{boxed}</transformation>'
    head, tail = body.replace("i</targetRef>", "i" + read).split("r2</targetRef>")
    story = process(f"{head}r2{write}{tail}").start(**{"the order": 6})
    assert story.complete("T").variables == {"the order": 6, "bill": 14}


def test_transformations_and_assignments_compute_what_flows() -> None:
    read = READ.replace("</targetRef>", "</targetRef><transformation>order * 2</transformation>")
    write = WRITE.replace("</targetRef>", "</targetRef><assignment><from>out + 1</from><to>r2</to></assignment>")
    story = process(OBJECTS + task(read, write) + flow("s", "T", "e")).start(order=4)
    [opened] = [event for event in story.last if type(event).__name__ == "ItemOpened"]
    assert opened.variables == {"in": 8}
    assert story.complete("T", out=1).variables == {"order": 4, "bill": 2}


def test_the_value_of_a_script_is_its_only_data_output() -> None:
    script = task("", WRITE, kind="scriptTask", more="<script>1 + 1</script>")
    assert process(OBJECTS + script + flow("s", "T", "e")).start().variables == {"bill": 2}


def test_several_assignments_build_one_value() -> None:
    parts = '<assignment><from>1</from><to>i/a</to></assignment><assignment><from>"x"</from><to>i/b</to></assignment>'
    read = f'<dataInputAssociation id="a"><targetRef>i</targetRef>{parts}</dataInputAssociation>'
    story = process(OBJECTS + task(read, "") + flow("s", "T", "e")).start()
    [opened] = [event for event in story.last if type(event).__name__ == "ItemOpened"]
    assert opened.variables == {"in": {"a": 1, "b": "x"}}


def test_associations_of_a_drawing_do_nothing() -> None:
    body = (
        OBJECTS + '<userTask id="T"><property id="pr" name="__targetRef_placeholder"/>'
        '<dataInputAssociation id="a"><sourceRef>r2</sourceRef><targetRef>pr</targetRef></dataInputAssociation>'
        '<dataOutputAssociation id="b"><targetRef>r2</targetRef></dataOutputAssociation></userTask>'
        + flow("s", "T", "e")
    )
    assert process(body).start().complete("T", x=1).variables == {"x": 1}


def test_data_of_a_sub_process_ends_with_it() -> None:
    body = (
        '<subProcess id="P"><dataObject id="d" name="inner"/><startEvent id="ps"/><userTask id="T"/>'
        + flow("ps", "T")
        + '</subProcess><userTask id="U"/>'
        + flow("s", "P", "U", "e")
    )
    story = process(body).start(inner="outer").complete("T", inner="changed", x=1)
    assert story.variables == {"inner": "outer", "x": 1}


def test_a_message_event_puts_its_payload_where_its_association_says() -> None:
    body = (
        OBJECTS + '<intermediateCatchEvent id="c"><dataOutput id="o" name="payload"/><dataOutputAssociation id="b">'
        "<sourceRef>o</sourceRef><targetRef>o1</targetRef></dataOutputAssociation><messageEventDefinition/>"
        '</intermediateCatchEvent><userTask id="U"/>' + flow("s", "c", "U", "e")
    )
    assert process(body).start().message("c", payload=3).variables == {"order": 3}
    assert process(body).start().message("c", called_otherwise=3).variables["order"] == 3


def test_a_throw_event_sends_its_data_inputs() -> None:
    body = (
        OBJECTS
        + '<intermediateThrowEvent id="t"><dataInput id="i" name="in"/>'
        + READ
        + "<messageEventDefinition/></intermediateThrowEvent>"
        + flow("s", "t", "e")
    )
    story = process(body).start(order=9)
    [thrown] = [event for event in story.last if type(event).__name__ == "MessageThrown"]
    assert thrown.payload == {"in": 9}


def test_a_loop_over_an_input_takes_the_data_that_flows_into_it() -> None:
    loop = (
        "<multiInstanceLoopCharacteristics><loopDataInputRef>i</loopDataInputRef><loopDataOutputRef>o</loopDataOutputRef>"
        '<inputDataItem id="it" name="one"/><outputDataItem id="ot" name="result"/></multiInstanceLoopCharacteristics>'
    )
    story = process(OBJECTS + task(READ, WRITE, more=loop) + flow("s", "T", "e")).start(order=["a", "b"])
    assert story.open == ["T", "T"]
    story.complete("T", result=1)
    assert story.complete("T", result=2).variables == {"order": ["a", "b"], "bill": [1, 2]}
