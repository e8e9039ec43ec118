"""Where the lines go: right-angled paths through the gaps between shapes, with few bends, crossings and overlaps."""

from __future__ import annotations

import heapq
import itertools
from bisect import bisect_left, bisect_right
from collections import defaultdict

from bihuan.packs.layout.graph import EVENTS, GATEWAYS, Flow, Graph, Node, text_width
from bihuan.packs.layout.placing import Sheet

TRACK = 10.0
CLEARANCE = 5.0
BEND = 28.0
CROSSING = 34.0
SHARED = 600.0
TOUCH = 60.0
LETTERED = 24.0
RIGHT, DOWN, LEFT, UP = range(4)
STEP = ((1, 0), (0, 1), (-1, 0), (0, -1))
Point = tuple[int, int]
LEAVE_COST = {RIGHT: 0.0, DOWN: 26.0, UP: 26.0, LEFT: 260.0}
# Keyed by the direction of travel on arrival: moving right means coming in at the left side.
ARRIVE_COST = {RIGHT: 0.0, DOWN: 22.0, UP: 22.0, LEFT: 260.0}


class Router:
    """Routes the flows of one placed graph, one after the other; each sees the lines already drawn."""

    def __init__(self, graph: Graph, sheet: Sheet) -> None:
        self.graph = graph
        self.xs = self._vertical_lines(sheet)
        self.ys = self._horizontal_lines(sheet)
        self.blocked = self._blocked_points()
        self.lettered = self._lettered_points()
        self.along: dict[tuple[Point, bool], list[Flow]] = defaultdict(list)
        self.through: dict[tuple[Point, bool], list[Flow]] = defaultdict(list)
        self.corners: dict[Point, list[Flow]] = defaultdict(list)
        self.ports: dict[tuple[str, int], list[Flow]] = defaultdict(list)

    def route_all(self) -> dict[str, list[tuple[float, float]]]:
        """Way points of every flow by its id; short and straight ones are drawn first."""

        def effort(flow: Flow) -> tuple[bool, float]:
            source, target = self.graph.nodes[flow.source], self.graph.nodes[flow.target]
            return flow.back, abs(source.x - target.x) + 3 * abs(source.y - target.y)

        return {flow.id: self._route(flow) for flow in sorted(self.graph.flows, key=effort)}

    def _vertical_lines(self, sheet: Sheet) -> list[float]:
        lines = {node.x for node in self.graph.nodes.values()}
        edges = [sheet.left + 66, *(edge for span in sheet.columns for edge in span), sheet.left + sheet.width - 4]
        for right, left in zip(edges[::2], edges[1::2], strict=True):
            lines.update(_tracks(right, left))
        return sorted(lines)

    def _horizontal_lines(self, sheet: Sheet) -> list[float]:
        lines = {node.y for node in self.graph.nodes.values()} | set(sheet.rows)
        half = 32.0
        borders = [band.top for band in sheet.bands[1:]]
        edges = [sheet.bands[0].top + 2]
        for row in sheet.rows:
            edges += [row - half, row + half]
        edges.append(sheet.bands[-1].top + sheet.bands[-1].height - 2)
        for lower, upper in zip(edges[::2], edges[1::2], strict=True):
            lines.update(
                track for track in _tracks(lower, upper) if all(abs(track - border) >= 4 for border in borders)
            )
        return sorted(lines)

    def _blocked_points(self) -> set[Point]:
        blocked: set[Point] = set()
        for node in self.graph.nodes.values():
            left, top, right, bottom = node.box
            columns = range(bisect_left(self.xs, left - CLEARANCE), bisect_right(self.xs, right + CLEARANCE))
            rows = range(bisect_left(self.ys, top - CLEARANCE), bisect_right(self.ys, bottom + CLEARANCE))
            blocked.update((column, row) for column in columns for row in rows)
        return blocked

    def _lettered_points(self) -> dict[Point, str]:
        """Where names of gateways and events usually stand: lines may pass, but rather do not."""
        lettered: dict[Point, str] = {}
        for node in self.graph.nodes.values():
            if not node.name or node.kind not in GATEWAYS | EVENTS:
                continue
            _left, top, _right, bottom = node.box
            start, end = (top - 20, top) if node.kind in GATEWAYS else (bottom, bottom + 22)
            half = min(44.0, text_width(node.name) / 2)
            columns = range(bisect_left(self.xs, node.x - half), bisect_right(self.xs, node.x + half))
            rows = range(bisect_left(self.ys, start), bisect_right(self.ys, end))
            lettered.update({(column, row): node.id for column in columns for row in rows})
        return lettered

    def _doors(self, node: Node, other_end: bool) -> dict[int, Point]:
        """The first free grid point outside the shape on each side, by direction of leaving (or of arriving)."""
        column, row = bisect_left(self.xs, node.x), bisect_left(self.ys, node.y)
        found: dict[int, Point] = {}
        for direction in (DOWN,) if node.host else (RIGHT, DOWN, LEFT, UP):
            across, down = STEP[direction]
            at = (column + across, row + down)
            while at in self.blocked and self._inside(node, at):
                at = (at[0] + across, at[1] + down)
            if at not in self.blocked and 0 <= at[0] < len(self.xs) and 0 <= at[1] < len(self.ys):
                found[(direction + 2) % 4 if other_end else direction] = at
        return found

    def _inside(self, node: Node, at: Point) -> bool:
        if not (0 <= at[0] < len(self.xs) and 0 <= at[1] < len(self.ys)):
            return False
        left, top, right, bottom = node.box
        x, y = self.xs[at[0]], self.ys[at[1]]
        below = CLEARANCE + 18 if node.host else CLEARANCE
        return left - CLEARANCE <= x <= right + CLEARANCE and top - CLEARANCE <= y <= bottom + below

    def _route(self, flow: Flow) -> list[tuple[float, float]]:
        source, target = self.graph.nodes[flow.source], self.graph.nodes[flow.target]
        points = self._search(flow, source, target)
        if points is None:
            return [_border(source, target.x, target.y), _border(target, source.x, source.y)]
        self._remember(flow, source, target, points)
        path = [(self.xs[column], self.ys[row]) for column, row in points]
        path = [_border(source, *path[0]), *path, _border(target, *path[-1])]
        return _without_straights(path)

    def _search(self, flow: Flow, source: Node, target: Node) -> list[Point] | None:
        """The cheapest path (A*) from a door of the source to a door of the target."""
        goals = {(at, direction): direction for direction, at in self._doors(target, other_end=True).items()}
        ends = {at for at, _ in goals}
        heap: list[tuple[float, float, Point, int]] = []
        best: dict[tuple[Point, int], float] = {}
        came: dict[tuple[Point, int], tuple[Point, int] | None] = {}
        for direction, at in self._doors(source, other_end=False).items():
            cost = self._leave_cost(source, direction) + abs(self.xs[at[0]] - source.x) + abs(self.ys[at[1]] - source.y)
            best[at, direction], came[at, direction] = cost, None
            heapq.heappush(heap, (cost + self._ahead(at, target), cost, at, direction))
        finish: tuple[Point, int] | None = None
        finish_cost = float("inf")
        while heap and heap[0][0] < finish_cost:
            _, cost, at, direction = heapq.heappop(heap)
            if cost > best[at, direction]:
                continue
            if at in ends:
                total = self._finish_cost(flow, target, goals, at, direction, cost)
                if total < finish_cost:
                    finish, finish_cost = (at, direction), total
            for turn in (0, 1, 3):
                self._advance(flow, target, (at, direction), (direction + turn) % 4, cost, best, came, heap)
        if finish is None:
            return None
        points: list[Point] = []
        step: tuple[Point, int] | None = finish
        while step is not None:
            points.append(step[0])
            step = came[step]
        return points[::-1]

    def _advance(
        self,
        flow: Flow,
        target: Node,
        here: tuple[Point, int],
        heading: int,
        cost: float,
        best: dict[tuple[Point, int], float],
        came: dict[tuple[Point, int], tuple[Point, int] | None],
        heap: list[tuple[float, float, Point, int]],
    ) -> None:
        at, direction = here
        across, down = STEP[heading]
        after = (at[0] + across, at[1] + down)
        if after in self.blocked or not (0 <= after[0] < len(self.xs) and 0 <= after[1] < len(self.ys)):
            return
        length = abs(self.xs[after[0]] - self.xs[at[0]]) + abs(self.ys[after[1]] - self.ys[at[1]])
        total = cost + self._length_cost(flow, at, after, heading, length)
        if heading != direction:
            total += BEND + TOUCH * sum(1 for other in self._passing(at) if other.target != flow.target)
        if total < best.get((after, heading), float("inf")):
            best[after, heading], came[after, heading] = total, here
            heapq.heappush(heap, (total + self._ahead(after, target), total, after, heading))

    def _length_cost(self, flow: Flow, at: Point, after: Point, heading: int, length: float) -> float:
        level = heading in (RIGHT, LEFT)
        cost = length + (LETTERED if self.lettered.get(after, flow.source) not in (flow.source, flow.target) else 0.0)
        for other in self.along.get((min(at, after), level), ()):
            cost += -0.3 * length if other.target == flow.target else SHARED
        for other in self.through.get((after, not level), ()):
            cost += 0 if other.target == flow.target else CROSSING
        for other in self.corners.get(after, ()):
            cost += 0 if other.target == flow.target else TOUCH
        return cost

    def _passing(self, at: Point) -> list[Flow]:
        return [*self.through.get((at, True), ()), *self.through.get((at, False), ()), *self.corners.get(at, ())]

    def _ahead(self, at: Point, target: Node) -> float:
        return 0.7 * (abs(self.xs[at[0]] - target.x) + abs(self.ys[at[1]] - target.y)) - 60

    def _leave_cost(self, node: Node, direction: int) -> float:
        if node.host:
            return 0.0
        cost = LEAVE_COST[direction] * (0.3 if node.kind in GATEWAYS and direction != LEFT else 1.0)
        return cost + 320.0 * len(self.ports[node.id, direction])

    def _finish_cost(
        self,
        flow: Flow,
        target: Node,
        goals: dict[tuple[Point, int], int],
        at: Point,
        direction: int,
        cost: float,
    ) -> float:
        totals = []
        for (door, arriving), _ in goals.items():
            if door != at or arriving == (direction + 2) % 4:
                continue
            extra = ARRIVE_COST[arriving] * (0.6 if target.kind in GATEWAYS and arriving != LEFT else 1.0)
            side = (arriving + 2) % 4
            extra += sum(300.0 for other in self.ports[target.id, side] if other.source == target.id)
            extra += BEND if arriving != direction else 0.0
            end = abs(self.xs[at[0]] - target.x) + abs(self.ys[at[1]] - target.y)
            totals.append(cost + extra + end)
        return min(totals, default=float("inf"))

    def _remember(self, flow: Flow, source: Node, target: Node, points: list[Point]) -> None:
        first, last = points[0], points[-1]
        self.ports[source.id, _heading((source.x, source.y), (self.xs[first[0]], self.ys[first[1]]))].append(flow)
        self.ports[target.id, _heading((target.x, target.y), (self.xs[last[0]], self.ys[last[1]]))].append(flow)
        for at, after in itertools.pairwise(points):
            self.along[min(at, after), at[1] == after[1]].append(flow)
        for before, at, after in zip(points, points[1:], points[2:], strict=False):
            if before[0] == after[0] or before[1] == after[1]:
                self.through[at, before[1] == after[1]].append(flow)
            else:
                self.corners[at].append(flow)
        for end in (first, last):
            self.corners[end].append(flow)


def _tracks(start: float, end: float) -> list[float]:
    """Evenly spaced lines strictly between two edges, at least one where there is room."""
    room = end - start
    count = int((room - 8) // TRACK)
    if count < 1:
        return [(start + end) / 2] if room > 4 else []
    spacing = room / (count + 1)
    return [round(start + spacing * number, 1) for number in range(1, count + 1)]


def _heading(start: tuple[float, float], end: tuple[float, float]) -> int:
    if abs(end[0] - start[0]) > abs(end[1] - start[1]):
        return RIGHT if end[0] > start[0] else LEFT
    return DOWN if end[1] > start[1] else UP


def _border(node: Node, x: float, y: float) -> tuple[float, float]:
    """Where a line towards (x, y) crosses the edge of the shape."""
    left, top, right, bottom = node.box
    heading = _heading((node.x, node.y), (x, y))
    return {RIGHT: (right, node.y), LEFT: (left, node.y), DOWN: (node.x, bottom), UP: (node.x, top)}[heading]


def _without_straights(path: list[tuple[float, float]]) -> list[tuple[float, float]]:
    kept = path[:1]
    for before, at, after in zip(path, path[1:], path[2:], strict=False):
        if not (before[0] == at[0] == after[0] or before[1] == at[1] == after[1]):
            kept.append(at)
    return [*kept, path[-1]]
