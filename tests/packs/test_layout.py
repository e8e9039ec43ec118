"""The swimlane layout: lanes hold their shapes, nothing overlaps, lines are right-angled and keep clear of shapes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from bihuan.packs.layout import LayoutError, lay_out
from bihuan.packs.loading import BUILT_IN

BPMN = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"
DI = "{http://www.omg.org/spec/BPMN/20100524/DI}"
DC = "{http://www.omg.org/spec/DD/20100524/DC}"
DD = "{http://www.omg.org/spec/DD/20100524/DI}"
FILES = sorted((BUILT_IN / "auto_service" / "processes").glob("*.bpmn"))
Box = tuple[float, float, float, float]

SMALL = """<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" id="d" targetNamespace="t">
  <process id="p"><startEvent id="s"/><userTask id="a" name="甲"/><endEvent id="e"/>
    <sequenceFlow id="f1" sourceRef="s" targetRef="a"/><sequenceFlow id="f2" sourceRef="a" targetRef="e"/>
  </process>
</definitions>"""


def box_of(shape: etree._Element) -> Box:
    bounds = shape.find(f"{DC}Bounds")
    assert bounds is not None
    x, y, width, height = (float(bounds.get(name, "nan")) for name in ("x", "y", "width", "height"))
    return x, y, x + width, y + height


def drawn(file: Path) -> tuple[etree._Element, dict[str, Box], dict[str, list[tuple[float, float]]]]:
    root = etree.fromstring(lay_out(file.read_bytes()))
    shapes = {shape.get("bpmnElement", ""): box_of(shape) for shape in root.iter(f"{DI}BPMNShape")}
    lines = {
        edge.get("bpmnElement", ""): [
            (float(point.get("x", "nan")), float(point.get("y", "nan"))) for point in edge.iter(f"{DD}waypoint")
        ]
        for edge in root.iter(f"{DI}BPMNEdge")
    }
    return root, shapes, lines


def flow_nodes(root: etree._Element) -> Iterator[etree._Element]:
    for element in root.iterfind(f"{BPMN}process/*"):
        if element.get("id") and element.tag not in (f"{BPMN}laneSet", f"{BPMN}sequenceFlow"):
            yield element


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_shape_lies_in_the_band_of_its_lane(file: Path) -> None:
    root, shapes, _ = drawn(file)
    for lane in root.iter(f"{BPMN}lane"):
        left, top, right, bottom = shapes[lane.get("id", "")]
        for reference in lane.iter(f"{BPMN}flowNodeRef"):
            inner = shapes[reference.text or ""]
            assert left <= inner[0] and inner[2] <= right and top <= inner[1] and inner[3] <= bottom, reference.text


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_two_shapes_overlap_except_a_boundary_event_and_its_task(file: Path) -> None:
    root, shapes, _ = drawn(file)
    for one, other in combinations(flow_nodes(root), 2):
        if one.get("id") in (other.get("attachedToRef"),) or other.get("id") == one.get("attachedToRef"):
            continue
        a, b = shapes[one.get("id", "")], shapes[other.get("id", "")]
        apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
        assert apart, (one.get("id"), other.get("id"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_flows_are_right_angled_and_never_run_through_a_shape(file: Path) -> None:
    root, shapes, lines = drawn(file)
    nodes = {node.get("id", ""): node for node in flow_nodes(root)}
    flows = {flow.get("id", ""): flow for flow in root.iter(f"{BPMN}sequenceFlow")}
    assert set(lines) == set(flows)
    for flow_id, path in lines.items():
        ends = {flows[flow_id].get("sourceRef"), flows[flow_id].get("targetRef")}
        ends |= {nodes[str(end)].get("attachedToRef") for end in ends}
        for (x1, y1), (x2, y2) in pairwise(path):
            assert x1 == x2 or y1 == y2, flow_id
            for node_id in nodes:
                left, top, right, bottom = shapes[node_id]
                clear = max(x1, x2) <= left or min(x1, x2) >= right or max(y1, y2) <= top or min(y1, y2) >= bottom
                assert clear or node_id in ends, (flow_id, node_id)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_shipped_diagrams_are_what_the_layout_draws(file: Path) -> None:
    assert lay_out(file.read_bytes()) == file.read_bytes()


def test_a_model_without_lanes_or_diagram_gets_one() -> None:
    root = etree.fromstring(lay_out(SMALL.encode()))
    plane = root.find(f"{DI}BPMNDiagram/{DI}BPMNPlane")
    assert plane is not None and plane.get("bpmnElement") == "p"
    assert {shape.get("bpmnElement") for shape in plane.iter(f"{DI}BPMNShape")} == {"s", "a", "e"}


def test_the_model_itself_is_not_touched() -> None:
    before = etree.fromstring(SMALL.encode()).find(f"{BPMN}process")
    after = etree.fromstring(lay_out(SMALL.encode())).find(f"{BPMN}process")
    assert before is not None and after is not None
    assert [(e.tag, dict(e.attrib)) for e in before.iter()] == [(e.tag, dict(e.attrib)) for e in after.iter()]


@pytest.mark.parametrize(
    ("xml", "reason"),
    [
        (b"<not xml", "XML"),
        (b"<a/>", "BPMN"),
        (b'<!DOCTYPE a [<!ENTITY x "y">]><definitions/>', "DOCTYPE"),
        (SMALL.replace("</process>", "</process><process id='q'/>").encode(), "多个流程"),
        (SMALL.replace("userTask id", "boundaryEvent attachedToRef='gone' id").encode(), "边界事件"),
        (f"<definitions xmlns='{BPMN.strip('{}')}'><process id='p'/></definitions>".encode(), "没有节点"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_a_reason(xml: bytes, reason: str) -> None:
    with pytest.raises(LayoutError, match=reason):
        lay_out(xml)


@st.composite
def models(draw: st.DrawFn) -> bytes:
    """Any graph at all over up to three lanes: loops, islands, flows to oneself, several flows between two nodes."""
    count = draw(st.integers(1, 14))
    kinds = st.sampled_from(["userTask", "exclusiveGateway", "startEvent", "endEvent", "parallelGateway"])
    nodes = [(f"n{number}", draw(kinds), draw(st.integers(0, 2))) for number in range(count)]
    ends = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1))
    flows = draw(st.lists(ends, max_size=25))
    members = ["".join(f"<flowNodeRef>{n}</flowNodeRef>" for n, _, of in nodes if of == lane) for lane in range(3)]
    lanes = "".join(f"<lane id='l{lane}'>{inside}</lane>" for lane, inside in enumerate(members))
    body = "".join(f"<{kind} id='{n}' name='名称'/>" for n, kind, _ in nodes)
    lines = "".join(
        f"<sequenceFlow id='f{number}' name='走' sourceRef='n{a}' targetRef='n{b}'/>"
        for number, (a, b) in enumerate(flows)
    )
    space = BPMN.strip("{}")
    inside = f"<process id='p'><laneSet id='s'>{lanes}</laneSet>{body}{lines}</process>"
    return f"<definitions xmlns='{space}'>{inside}</definitions>".encode()


@settings(max_examples=60, deadline=None)
@given(models())
def test_any_graph_can_be_drawn_without_overlaps(xml: bytes) -> None:
    root = etree.fromstring(lay_out(xml))
    shapes = {shape.get("bpmnElement", ""): box_of(shape) for shape in root.iter(f"{DI}BPMNShape")}
    for one, other in combinations(flow_nodes(root), 2):
        a, b = shapes[one.get("id", "")], shapes[other.get("id", "")]
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
    assert all(len(list(edge.iter(f"{DD}waypoint"))) >= 2 for edge in root.iter(f"{DI}BPMNEdge"))
