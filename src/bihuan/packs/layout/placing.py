"""Where the shapes go: columns by order of work, rows within lanes, then pixels."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from bihuan.packs.layout.graph import GATEWAYS, TASK_SIZE, Flow, Graph, Node, text_width

LEFT = 150
TOP = 80
HEADER = 30
COLUMN_GAP = 52
ROW_GAP = 46
LANE_PADDING = 34
GUEST_ROOM = 30
ROW_HEIGHT = TASK_SIZE[1]


@dataclass(frozen=True, slots=True)
class Band:
    """The pixels of one lane."""

    id: str
    name: str
    top: float
    height: float


@dataclass(frozen=True, slots=True)
class Sheet:
    """The finished places: lanes, the pool's box, and the lines that flows may run along."""

    bands: tuple[Band, ...]
    left: float
    width: float
    columns: tuple[tuple[float, float], ...]
    rows: tuple[float, ...]


def place(graph: Graph) -> Sheet:
    """Give every shape its column, row and centre."""
    _mark_back_flows(graph)
    _assign_columns(graph)
    rows = _assign_rows(graph)
    return _to_pixels(graph, rows)


def _forward(graph: Graph) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    after: dict[str, list[str]] = defaultdict(list)
    before: dict[str, list[str]] = defaultdict(list)
    for flow in graph.flows:
        if not flow.back:
            source, target = graph.anchor(flow.source).id, graph.anchor(flow.target).id
            after[source].append(target)
            before[target].append(source)
    return after, before


def _mark_back_flows(graph: Graph) -> None:
    outgoing: dict[str, list[Flow]] = defaultdict(list)
    for flow in graph.flows:
        outgoing[graph.anchor(flow.source).id].append(flow)
    state: dict[str, int] = {}
    starts = [node.id for node in graph.free_nodes() if node.kind == "startEvent"]
    for start in [*starts, *(node.id for node in graph.free_nodes())]:
        if start in state:
            continue
        state[start] = 1
        stack = [(start, list(outgoing[start]))]
        while stack:
            here, flows = stack[-1]
            if not flows:
                state[here] = 2
                stack.pop()
                continue
            flow = flows.pop(0)
            target = graph.anchor(flow.target).id
            if state.get(target) == 1:
                flow.back = True
            elif target not in state:
                state[target] = 1
                stack.append((target, list(outgoing[target])))


def _assign_columns(graph: Graph) -> None:
    """One column after the last predecessor; straight below or above it instead, where another lane has room there."""
    after, before = _forward(graph)
    waiting = {node.id: len(before[node.id]) for node in graph.free_nodes()}
    ready = [node_id for node_id, count in waiting.items() if not count]
    height = {lane_id: number for number, (lane_id, _) in enumerate(graph.lanes)}
    full: set[tuple[int, int]] = set()
    dropped: set[str] = set()
    while ready:
        here = graph.nodes[ready.pop(0)]
        before_here = [graph.nodes[source] for source in before[here.id]]
        if before_here:
            last = max(before_here, key=lambda node: node.column)
            here.column = last.column + 1
            lanes = range(*sorted((height[last.lane], height[here.lane])))
            between = {*lanes, height[here.lane]} - {height[last.lane]}
            alone = sum(1 for node in before_here if node.column == last.column) == 1
            free = not any((last.column, lane) in full for lane in between)
            if between and alone and free and last.id not in dropped:
                here.column = last.column
                dropped.add(last.id)
        full.add((here.column, height[here.lane]))
        for target in after[here.id]:
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)


def _assign_rows(graph: Graph) -> dict[str, int]:
    """Rows within each lane, counted from 0; returns how many rows each lane needs."""
    _, before = _forward(graph)
    taken: dict[str, set[tuple[int, int]]] = defaultdict(set)
    order = {lane_id: number for number, (lane_id, _) in enumerate(graph.lanes)}
    for node in sorted(graph.free_nodes(), key=lambda node: (node.column, _leaning(graph, order, node))):
        wanted = 0
        for source in before[node.id]:
            if graph.nodes[source].lane == node.lane:
                wanted = graph.nodes[source].row
                break
        row = next(row for row in _nearby(wanted) if (node.column, row) not in taken[node.lane])
        node.row = row
        taken[node.lane].add((node.column, row))
    counts: dict[str, int] = {}
    for lane_id, _ in graph.lanes:
        used = sorted({row for _, row in taken[lane_id]}) or [0]
        numbers = {row: number for number, row in enumerate(used)}
        for node in graph.free_nodes():
            if node.lane == lane_id:
                node.row = numbers[node.row]
        counts[lane_id] = len(used)
    return counts


def _leaning(graph: Graph, lane_order: dict[str, int], node: Node) -> float:
    """Shapes whose work goes on in their own lane come first and keep the straight row; those leading down, last."""
    here = lane_order[node.lane]
    leans = [
        0.4 if flow.back else float(lane_order[graph.anchor(flow.target).lane] - here)
        for flow in graph.flows
        if flow.source == node.id
    ]
    return max(leans, default=0.2)


def _nearby(wanted: int) -> list[int]:
    return sorted(range(200), key=lambda row: (abs(row - wanted), -row))


def _to_pixels(graph: Graph, row_counts: dict[str, int]) -> Sheet:
    columns = _column_spans(graph)
    bands: list[Band] = []
    rows: list[float] = []
    row_y: dict[tuple[str, int], float] = {}
    top = float(TOP)
    for lane_id, name in graph.lanes:
        count = row_counts[lane_id]
        height = count * ROW_HEIGHT + (count - 1) * ROW_GAP + 2 * LANE_PADDING
        # A boundary event hangs over the edge of its task: its line needs room below.
        hosts = {node.host for node in graph.nodes.values() if node.host}
        if any(graph.nodes[host].lane == lane_id and graph.nodes[host].row == count - 1 for host in hosts):
            height += GUEST_ROOM
        for row in range(count):
            centre = top + LANE_PADDING + row * (ROW_HEIGHT + ROW_GAP) + ROW_HEIGHT / 2
            row_y[lane_id, row] = centre
            rows.append(centre)
        bands.append(Band(lane_id, name, top, height))
        top += height
    for node in graph.free_nodes():
        start, end = columns[node.column]
        node.x, node.y = (start + end) / 2, row_y[node.lane, node.row]
    _place_boundary_events(graph)
    width = columns[-1][1] + COLUMN_GAP - LEFT
    return Sheet(tuple(bands), LEFT, width, tuple(columns), tuple(rows))


def _column_spans(graph: Graph) -> list[tuple[float, float]]:
    """Left and right edge of every column; the gap behind a column fits the names of the flows that leave it."""
    last = max((node.column for node in graph.free_nodes()), default=0)
    widths = [36.0] * (last + 1)
    gaps = [float(COLUMN_GAP)] * (last + 1)
    for node in graph.free_nodes():
        widths[node.column] = max(widths[node.column], node.size[0], 74 if node.kind in GATEWAYS and node.name else 0)
    for flow in graph.flows:
        column = graph.anchor(flow.source).column
        if flow.name and not flow.back and graph.anchor(flow.target).column > column:
            gaps[column] = max(gaps[column], text_width(flow.name) + 24)
    spans: list[tuple[float, float]] = []
    x = float(LEFT + 2 * HEADER + COLUMN_GAP - 12)
    for width, gap in zip(widths, gaps, strict=True):
        spans.append((x, x + width))
        x += width + gap
    return spans


def _place_boundary_events(graph: Graph) -> None:
    seats: dict[str, list[Node]] = defaultdict(list)
    for node in graph.nodes.values():
        if node.host:
            seats[node.host].append(node)
    for host_id, guests in seats.items():
        host = graph.nodes[host_id]
        left, _, right, bottom = host.box
        for number, guest in enumerate(guests):
            share = number / (len(guests) - 1) if len(guests) > 1 else 0.7
            guest.x, guest.y = left + 20 + (right - left - 40) * share, bottom
            guest.column, guest.row, guest.lane = host.column, host.row, host.lane
