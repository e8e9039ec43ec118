"""What a diagram is drawn from: nodes, flows and lanes, read from BPMN without judging its meaning."""

from __future__ import annotations

from dataclasses import dataclass, field

from lxml import etree

BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"
TASKS = frozenset(
    [
        "task",
        "userTask",
        "manualTask",
        "serviceTask",
        "scriptTask",
        "sendTask",
        "receiveTask",
        "businessRuleTask",
        "callActivity",
        "subProcess",
        "transaction",
        "adHocSubProcess",
    ]
)
GATEWAYS = frozenset(["exclusiveGateway", "parallelGateway", "inclusiveGateway", "eventBasedGateway", "complexGateway"])
EVENTS = frozenset(
    [
        "startEvent",
        "endEvent",
        "intermediateCatchEvent",
        "intermediateThrowEvent",
        "boundaryEvent",
        "implicitThrowEvent",
    ]
)
TASK_SIZE = (112, 64)
GATEWAY_SIZE = (50, 50)
EVENT_SIZE = (36, 36)


@dataclass(slots=True)
class Node:
    """One shape. Column, row and the centre (x, y) are filled in while the diagram is laid out."""

    id: str
    name: str
    kind: str
    lane: str
    host: str = ""
    column: int = 0
    row: int = 0
    x: float = 0
    y: float = 0

    @property
    def size(self) -> tuple[int, int]:
        if self.kind in GATEWAYS:
            return GATEWAY_SIZE
        return EVENT_SIZE if self.kind in EVENTS else TASK_SIZE

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom."""
        width, height = self.size
        return self.x - width / 2, self.y - height / 2, self.x + width / 2, self.y + height / 2


@dataclass(slots=True)
class Flow:
    """One sequence flow; `back` marks one that closes a loop and so runs against the reading direction."""

    id: str
    name: str
    source: str
    target: str
    back: bool = False


@dataclass(slots=True)
class Graph:
    """One process as shapes and lines. `lanes` are (id, name) from the top down; a nameless one if there are none."""

    process: str
    pool: str
    lanes: list[tuple[str, str]]
    nodes: dict[str, Node] = field(default_factory=dict)
    flows: list[Flow] = field(default_factory=list)

    def free_nodes(self) -> list[Node]:
        """All shapes that stand on their own, which boundary events do not."""
        return [node for node in self.nodes.values() if not node.host]

    def anchor(self, node_id: str) -> Node:
        """The node itself, or the activity a boundary event sits on."""
        node = self.nodes[node_id]
        return self.nodes[node.host] if node.host else node


def read_graph(process: etree._Element, pool: str) -> Graph:
    """Collect the shapes and lines of one process element. Nested sub-processes are drawn closed."""
    lanes: list[tuple[str, str]] = []
    lane_of: dict[str, str] = {}
    for lane in process.iterfind(f"{{{BPMN}}}laneSet/{{{BPMN}}}lane"):
        lanes.append((lane.get("id", ""), lane.get("name", "")))
        for reference in lane.iterfind(f"{{{BPMN}}}flowNodeRef"):
            lane_of[(reference.text or "").strip()] = lane.get("id", "")
    graph = Graph(process.get("id", ""), pool, lanes or [("", "")])
    for element in process:
        if not isinstance(element.tag, str):
            continue
        kind = etree.QName(element).localname
        if kind in TASKS or kind in GATEWAYS or kind in EVENTS:
            node_id = element.get("id", "")
            lane_id = lane_of.get(node_id, graph.lanes[0][0])
            host = element.get("attachedToRef", "") if kind == "boundaryEvent" else ""
            graph.nodes[node_id] = Node(node_id, element.get("name", ""), kind, lane_id, host)
    for element in process.iterfind(f"{{{BPMN}}}sequenceFlow"):
        flow = Flow(
            element.get("id", ""), element.get("name", ""), element.get("sourceRef", ""), element.get("targetRef", "")
        )
        if flow.source in graph.nodes and flow.target in graph.nodes:
            graph.flows.append(flow)
    return graph


def text_width(text: str, size: int = 11) -> float:
    """How wide a line of a label is, in pixels: Chinese characters are as wide as high, others about half."""
    return sum(size if ord(character) > 0x2E7F else size * 0.56 for character in text)
