"""Writing the diagram: places and lines as BPMN diagram interchange inside the model's own XML."""

from __future__ import annotations

import itertools

from lxml import etree

from bihuan.packs.layout.graph import BPMN, EVENTS, GATEWAYS, Graph, Node, read_graph, text_width
from bihuan.packs.layout.placing import HEADER, Sheet, place
from bihuan.packs.layout.routing import Router

DI = "http://www.omg.org/spec/BPMN/20100524/DI"
DC = "http://www.omg.org/spec/DD/20100524/DC"
DD = "http://www.omg.org/spec/DD/20100524/DI"
LABEL_WIDTH = 88
LINE_HEIGHT = 14
MAX_BYTES = 5_000_000
MAX_NODES = 1_000
Waypoints = list[tuple[float, float]]


class LayoutError(ValueError):
    """The file cannot be drawn; the message says why."""


def lay_out(xml: bytes) -> bytes:
    """The same model with a fresh swimlane diagram: lanes as bands, work from left to right, right-angled flows.

    Any diagram already there is replaced; nothing else of the file changes. Sub-processes are drawn closed.
    Raises LayoutError for what is no BPMN, has no process, or is too large.
    """
    root = _parse(xml)
    process = root.find(f"{{{BPMN}}}process")
    if process is None:
        raise LayoutError("文件里没有流程（process）")
    if len(root.findall(f"{{{BPMN}}}process")) > 1:
        raise LayoutError("一个文件里有多个流程，请分开保存")
    participant = _participant(root, process)
    graph = read_graph(process, "" if participant is None else participant.get("id", ""))
    if not graph.nodes:
        raise LayoutError("流程里没有节点")
    if len(graph.nodes) > MAX_NODES:
        raise LayoutError(f"节点超过 {MAX_NODES} 个")
    dangling = [node.id for node in graph.nodes.values() if node.host and node.host not in graph.nodes]
    if dangling:
        raise LayoutError(f"边界事件 {dangling[0]} 没有附着在任何任务上")
    sheet = place(graph)
    routes = Router(graph, sheet).route_all()
    for old in root.findall(f"{{{DI}}}BPMNDiagram"):
        root.remove(old)
    etree.cleanup_namespaces(root, keep_ns_prefixes=[prefix for prefix in root.nsmap if prefix])
    root.append(_diagram(graph, sheet, routes, _plane_element(root, process, participant)))
    etree.indent(root, space="  ")
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8") + b"\n"


def _parse(xml: bytes) -> etree._Element:
    if len(xml) > MAX_BYTES:
        raise LayoutError(f"文件超过 {MAX_BYTES // 1_000_000} MB")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_blank_text=True)
    try:
        root = etree.fromstring(xml, parser)
    except etree.XMLSyntaxError as error:
        raise LayoutError(f"不是有效的 XML：{error}") from error
    if root.getroottree().docinfo.doctype:
        raise LayoutError("文件里不允许有 DOCTYPE")
    if root.tag != f"{{{BPMN}}}definitions":
        raise LayoutError("不是 BPMN 2.0 文件")
    return root


def _participant(root: etree._Element, process: etree._Element) -> etree._Element | None:
    for participant in root.iterfind(f"{{{BPMN}}}collaboration/{{{BPMN}}}participant"):
        if participant.get("processRef") == process.get("id"):
            return participant
    return None


def _plane_element(root: etree._Element, process: etree._Element, participant: etree._Element | None) -> str:
    collaboration = root.find(f"{{{BPMN}}}collaboration")
    holder = process if participant is None or collaboration is None else collaboration
    return str(holder.get("id", ""))


def _diagram(graph: Graph, sheet: Sheet, routes: dict[str, Waypoints], plane_element: str) -> etree._Element:
    diagram = etree.Element(f"{{{DI}}}BPMNDiagram", nsmap={"bpmndi": DI, "dc": DC, "di": DD})
    diagram.set("id", f"diagram_{graph.process}")
    plane = etree.SubElement(diagram, f"{{{DI}}}BPMNPlane", id=f"plane_{graph.process}", bpmnElement=plane_element)
    height = sum(band.height for band in sheet.bands)
    if graph.pool:
        _shape(plane, graph.pool, (sheet.left, sheet.bands[0].top, sheet.width, height), horizontal=True)
    for band in sheet.bands:
        if band.id:
            box = (sheet.left + HEADER, band.top, sheet.width - HEADER, band.height)
            _shape(plane, band.id, box, horizontal=True)
    for node in graph.nodes.values():
        _draw_node(plane, node, _used_sides(node, graph, routes), graph.anchor(node.id).x)
    for flow in graph.flows:
        path = routes[flow.id]
        siblings = [routes[other.id] for other in graph.flows if other.source == flow.source and other is not flow]
        edge = etree.SubElement(plane, f"{{{DI}}}BPMNEdge", id=f"{flow.id}_di", bpmnElement=flow.id)
        for x, y in path:
            etree.SubElement(edge, f"{{{DD}}}waypoint", x=_number(x), y=_number(y))
        if flow.name:
            label = etree.SubElement(edge, f"{{{DI}}}BPMNLabel")
            _bounds(label, _flow_label(flow.name, path, siblings))
    return diagram


def _draw_node(plane: etree._Element, node: Node, used: set[str], middle: float) -> None:
    left, top, right, bottom = node.box
    shape = _shape(plane, node.id, (left, top, right - left, bottom - top))
    if node.kind in GATEWAYS:
        shape.set("isMarkerVisible", "true")
    if node.name and (node.kind in GATEWAYS or node.kind in EVENTS):
        label = etree.SubElement(shape, f"{{{DI}}}BPMNLabel")
        _bounds(label, _node_label(node, used, middle))


def _shape(
    plane: etree._Element, element: str, box: tuple[float, float, float, float], *, horizontal: bool = False
) -> etree._Element:
    shape = etree.SubElement(plane, f"{{{DI}}}BPMNShape", id=f"{element}_di", bpmnElement=element)
    if horizontal:
        shape.set("isHorizontal", "true")
    _bounds(shape, box)
    return shape


def _bounds(parent: etree._Element, box: tuple[float, float, float, float]) -> None:
    x, y, width, height = box
    etree.SubElement(
        parent, f"{{{DC}}}Bounds", x=_number(x), y=_number(y), width=_number(width), height=_number(height)
    )


def _used_sides(node: Node, graph: Graph, routes: dict[str, Waypoints]) -> set[str]:
    _left, top, _right, bottom = node.box
    ends = [routes[flow.id][0] for flow in graph.flows if flow.source == node.id]
    ends += [routes[flow.id][-1] for flow in graph.flows if flow.target == node.id]
    sides = {"top": top, "bottom": bottom}
    return {side for side, y in sides.items() if any(abs(end[1] - y) < 1 for end in ends)}


def _node_label(node: Node, used: set[str], middle: float) -> tuple[float, float, float, float]:
    """Below the shape where nothing leaves there, else above it, else beside its upper right corner."""
    _left, top, _right, bottom = node.box
    lines = -(-int(text_width(node.name)) // LABEL_WIDTH)
    width, height = min(LABEL_WIDTH, text_width(node.name) + 4), lines * LINE_HEIGHT
    if node.host:
        # A boundary event's line leaves downwards: its name stands to the left or right of it, away from its neighbour.
        return (node.x - width - 6 if node.x < middle else node.x + 6), bottom + 2, width, height
    if node.kind in GATEWAYS and "top" not in used:
        return node.x - width / 2, top - height - 4, width, height
    if "bottom" not in used:
        return node.x - width / 2, bottom + 5, width, height
    if "top" not in used:
        return node.x - width / 2, top - height - 4, width, height
    return node.x - width - 8, top - height + 6, width, height


def _flow_label(name: str, path: Waypoints, siblings: list[Waypoints]) -> tuple[float, float, float, float]:
    """Beside the start of the first stretch that the flow does not share with another one from the same gateway."""
    shared = {stretch for sibling in siblings for stretch in itertools.pairwise(sibling)}
    starts = {sibling[0] for sibling in siblings}
    number = 0
    if path[0] in starts and len(path) > 2:
        number = 1 if abs(path[0][1] - path[1][1]) < 1 and _is_longer(path, siblings) else 0
    if (path[number], path[number + 1]) in shared and number + 2 < len(path):
        number += 1
    (x, y), (next_x, next_y) = path[number], path[number + 1]
    width, height = text_width(name) + 4, LINE_HEIGHT
    if next_x > x:
        return x + 10, y - height - 3, width, height
    if next_x < x:
        return x - width - 8, y - height - 3, width, height
    # On a short stretch the name stays between the shape and the turn, not on the line beyond it.
    beside = min(y + 6, next_y - height - 1) if next_y > y else max(y - height - 6, next_y + 1)
    return x + 8, beside, width, height


def _is_longer(path: Waypoints, siblings: list[Waypoints]) -> bool:
    """Whether this flow turns away where another one from the same side goes straight on or turns later."""
    return any(
        sibling[0] == path[0] and abs(sibling[1][0] - sibling[0][0]) >= abs(path[1][0] - path[0][0])
        for sibling in siblings
    )


def _number(value: float) -> str:
    return f"{value:.0f}" if value == int(value) else f"{value:.1f}"
