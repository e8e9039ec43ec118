"""One step being worked out: what handlers read, and how they say what happens."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Any, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bihuan.engine.definition.expressions import HOLDERS
from bihuan.engine.definition.model import Flow, Node, Process
from bihuan.engine.feel import Expression, FeelError
from bihuan.engine.runtime.apply import APPLIERS
from bihuan.engine.runtime.events import Event, IncidentRaised
from bihuan.engine.runtime.state import State, Token
from bihuan.engine.runtime.values import UnfitValue, normalise
from bihuan.engine.runtime.variables import names_at, with_names

if TYPE_CHECKING:
    from bihuan.engine.runtime.element import Element

ChooseWay: TypeAlias = Callable[[Node, Sequence[Flow]], Flow]
"""Which of several ways out to take where a drawing does not say."""

MAX_AUTOMATIC = 10_000
"""Nodes entered by one command, before the engine takes it for an endless loop and raises an incident."""


class Trouble(Exception):
    """The instance cannot go on at a node: becomes an incident. `reason` is Chinese."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Run:
    """Holds the events of one step. Handlers read `state` and `process`, and call `emit`; only that changes state."""

    __slots__ = (
        "_zone",
        "choose_way",
        "context",
        "elements",
        "events",
        "hollow",
        "looked_at",
        "now",
        "process",
        "queue",
        "state",
        "steps",
        "throwing",
    )

    def __init__(
        self,
        process: Process,
        state: State,
        now: datetime,
        context: Mapping[str, Any] | None,
        elements: Mapping[str, Element],
        choose_way: ChooseWay | None = None,
    ) -> None:
        self.process = process
        self.state = state
        self.now = now
        self.context = context
        self.elements = elements
        self.choose_way = choose_way
        self.events: list[Event] = []
        self.queue: deque[int] = deque()
        self.throwing: deque[int] = deque()
        """Tokens about to throw a signal or message: they wait until everybody in this step listens who will."""
        self.looked_at = 0
        """How many of the events were there when conditions were looked at last."""
        self.hollow: list[int] = []
        """Levels that a step redone on the side has left: one without a token is over when nothing else can move."""
        self._zone: tzinfo | None = None
        self.steps = 0

    def emit(self, event: Event) -> None:
        """Something happens: it is applied to the state and kept."""
        # What `apply` does, without a call for each event.
        applier = APPLIERS.get(type(event))
        if applier is not None:
            applier(self.state, event)
        self.events.append(event)

    def new_id(self) -> int:
        """The next free id; taken by the event that uses it, which must be emitted before asking again."""
        return self.state.next_id

    def node(self, token: Token) -> Node:
        """The node a token stands at."""
        return self.process.nodes[token.node]

    def element(self, node: Node) -> Element:
        """The behaviour of a node."""
        return self.elements[node.kind]

    def incident(self, token: Token, stage: str, reason: str) -> None:
        """The token cannot go on until somebody decides."""
        self.emit(IncidentRaised(self.new_id(), token.node, reason, token.id, stage))

    def evaluate(self, expression: Expression, scope: int, extra: Mapping[str, Any] | None = None) -> Any:
        """The value of an expression for the names visible in a scope. Raises Trouble."""
        names = names_at(self.state, scope, self.context)
        if extra:
            names = with_names(extra, names)
        try:
            return normalise(expression.evaluate(names, now=self.local_now))
        except FeelError as error:
            raise Trouble(f"表达式「{expression.text}」算不出来：{error}") from None
        except UnfitValue as error:
            raise Trouble(f"表达式「{expression.text}」的结果不能用：{error}") from None

    def holds(self, expression: Expression, scope: int, extra: Mapping[str, Any] | None = None) -> bool:
        """Whether a condition is true. Raises Trouble if it is neither true nor false."""
        value = self.evaluate(expression, scope, extra)
        if value is True or value is False:
            return bool(value)
        names = names_at(self.state, scope, self.context)
        why = expression.explain(with_names(extra, names) if extra else names, now=self.local_now).warnings
        detail = "，".join(why) if why else "结果不是“是”或“否”"
        raise Trouble(f"条件「{expression.text}」判断不了：{detail}")

    def is_open(self, flow: Flow, scope: int, extra: Mapping[str, Any] | None = None) -> bool | None:
        """Whether the condition of a flow is true; None without one, or if it cannot be told in a drawing that is tried
        out. Raises Trouble if it is neither true nor false otherwise."""
        if flow.condition is None:
            return None
        try:
            return self.holds(flow.condition, scope, extra)
        except Trouble:
            if not self.process.is_drawing:
                raise
            return None

    def unknown(self, flows: Iterable[str], scope: int) -> str:
        """Which variables the conditions of flows ask for that are not there, to be added to a reason."""
        names = names_at(self.state, scope, self.context)
        conditions = [self.process.flows[flow].condition for flow in flows]
        asked = {name for condition in conditions if condition is not None for name in condition.names}
        return "".join(f"，没有名为“{name}”的变量" for name in sorted(asked - HOLDERS) if name not in names)

    def doubt(self, expression: Expression, scope: int, extra: Mapping[str, Any]) -> None:
        """Raises Trouble if an expression that gave no value could not be computed, say because a name is unknown."""
        names = with_names(extra, names_at(self.state, scope, self.context))
        why = expression.explain(names, now=self.local_now).warnings
        if why:
            raise Trouble(f"「{expression.text}」算不出来：{'，'.join(why)}")

    @property
    def zone(self) -> tzinfo:
        """The site's zone, from the context name `timezone` (a zone name), else the zone `now` is told in.

        Raises Trouble for a name that is no zone.
        """
        if self._zone is None:
            name = self.context.get("timezone") if self.context is not None else None
            try:
                self._zone = ZoneInfo(str(name)) if name else self.now.tzinfo or UTC
            except (ZoneInfoNotFoundError, ValueError, OSError):
                raise Trouble(f"没有名为「{name}」的时区") from None
        return self._zone

    def local_now(self) -> datetime:
        """The present moment as the people of the site tell it, so that today is their today."""
        return self.now.astimezone(self.zone)
