"""The whole state of one instance: tokens, scopes, waits and incidents. Small, plain, and no larger with age.

Handlers read it; only `apply` changes it. Ids of all kinds come from the one counter `next_id`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct, convert, field, to_builtins
from msgspec.json import Decoder, Encoder
from msgspec.structs import replace

from bihuan.engine.runtime.values import decode, encode

FORMAT = 1
ROOT = 0


class Token(Struct, array_like=True):
    """Where the instance stands: at `node`, in `scope`. `flow` is the way it came; `local` the scope of its inputs."""

    id: int
    node: str
    scope: int = ROOT
    flow: str = ""
    local: int = 0
    loop: int = 0

    @property
    def data(self) -> int:
        """The scope whose variables the token sees."""
        return self.local or self.scope


class Scope(Struct, omit_defaults=True):
    """A level of variables, and of tokens for kinds process, sub, multi and each. `token` is the token that owns it.

    For multi: `total` repetitions, `started` and `done` so far, the `items` to hand out and the `results` gathered.
    """

    id: int
    parent: int = ROOT
    node: str = ""
    token: int = 0
    kind: str = "process"
    variables: dict[str, Any] = field(default_factory=dict)
    total: int = 0
    started: int = 0
    done: int = 0
    items: list[Any] | None = None
    results: list[Any] | None = None
    record: int = 0


class Wait(Struct, array_like=True):
    """Something must happen: `kind` is item, timer, message, signal, service or call; or, inside the instance,
    condition (data must become so; `left` is 1 while it is so already), data (an input must have a value before the
    activity begins) or adhoc (somebody may begin an activity).

    `token` waits (or, for boundary events, is what the event is attached to); it is 0 for the trigger of an event
    sub-process, which belongs to `scope`. `part` tells which part of a multiple event this is.
    """

    id: int
    kind: str
    node: str
    token: int
    scope: int = ROOT
    due_at: datetime | None = None
    left: int | None = 0
    part: int = 0


class Record(Struct, array_like=True):
    """An activity completed in `scope` that can still be undone; later ones have higher ids.

    `within` is the record of the completed sub-process it was part of; `by` the token that is undoing it now;
    `values` the data of its own when it was completed.
    """

    id: int
    node: str
    scope: int
    within: int = 0
    by: int = 0
    values: dict[str, Any] = field(default_factory=dict)


class Incident(Struct, array_like=True):
    """A token that cannot go on until somebody retries or skips."""

    id: int
    node: str
    token: int
    stage: str


class Asked(Struct, frozen=True, array_like=True):
    """Somebody whom the holder of the item `wait` has asked: before, after or delegate (`mode`).

    `item` is their own work item, 0 until it is their turn.
    """

    id: int
    token: int
    wait: int
    mode: str
    person: int
    asker: int
    item: int = 0


class Rework(Struct, frozen=True, array_like=True):
    """A token that redoes a step for the parked item `wait` and then vanishes, with `top`, the outermost made so.

    Where `wait` is a call, an item of the process that was called rests for it: `behind` is its number outside.
    """

    token: int
    wait: int
    top: int
    behind: int = 0


class State(Struct):
    """One instance. `status`: new, running, suspended or ended; then `outcome` says how.

    `asks` by their id, `reworks` and `held` results by token are what people have arranged about open work; `kept` are
    messages by subscription that came while it was suspended.
    """

    status: str = "new"
    outcome: str = ""
    next_id: int = 1
    tokens: dict[int, Token] = field(default_factory=dict)
    scopes: dict[int, Scope] = field(default_factory=dict)
    waits: dict[int, Wait] = field(default_factory=dict)
    incidents: dict[int, Incident] = field(default_factory=dict)
    asks: dict[int, Asked] = field(default_factory=dict)
    reworks: dict[int, Rework] = field(default_factory=dict)
    awaiting: list[int] = field(default_factory=list)
    """Items that rest until a step of a calling process has been redone for them."""
    held: dict[int, dict[str, Any]] = field(default_factory=dict)
    suspended_at: datetime | None = None
    kept: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    records: dict[int, Record] = field(default_factory=dict)
    gateways: dict[tuple[int, str], list[str]] = field(default_factory=dict)
    """Complex gateways that have gone on and wait for their other tokens: (scope, node) to the flows that came."""

    @property
    def variables(self) -> dict[str, Any]:
        """The variables of the process itself."""
        return self.scopes[ROOT].variables if self.scopes else {}

    def nodes(self) -> list[str]:
        """Where the instance stands, for the diagram."""
        return sorted({token.node for token in self.tokens.values()})

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary for one JSON column; empty parts are left out."""
        plain: dict[str, Any] = to_builtins(self._saved())
        return plain

    def to_text(self) -> str:
        """The same as the text that is kept."""
        return _WRITER.encode(self._saved()).decode()

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | str | bytes) -> State:
        """The state that `to_json` wrote. Raises ValueError for what is none, or of a format this program does not
        know."""
        saved = _READER.decode(data) if isinstance(data, (str, bytes)) else convert(data, _Saved)
        if saved.format != FORMAT:
            raise ValueError(f"unknown state format {saved.format!r}")
        for scope in saved.scopes:
            scope.variables = decode(scope.variables)
            if scope.items is not None:
                scope.items = decode(scope.items)
            if scope.results is not None:
                scope.results = decode(scope.results)
        return cls(
            status=saved.status,
            outcome=saved.outcome,
            next_id=saved.next,
            tokens={token.id: token for token in saved.tokens},
            scopes={scope.id: scope for scope in saved.scopes},
            waits={wait.id: wait for wait in saved.waits},
            incidents={incident.id: incident for incident in saved.incidents},
            asks={ask.id: ask for ask in saved.asks},
            reworks={rework.token: rework for rework in saved.reworks},
            awaiting=saved.awaiting,
            held={token: decode(values) for token, values in saved.held},
            suspended_at=saved.suspended_at,
            kept=[(wait, decode(values)) for wait, values in saved.kept],
            records={record.id: replace(record, values=decode(record.values)) for record in saved.records},
            gateways={(scope, node): flows for scope, node, flows in saved.gateways},
        )

    def _saved(self) -> _Saved:
        return _Saved(
            format=FORMAT,
            status=self.status,
            next=self.next_id,
            outcome=self.outcome,
            tokens=list(self.tokens.values()),
            scopes=[_plain_scope(scope) for scope in self.scopes.values()],
            waits=list(self.waits.values()),
            incidents=list(self.incidents.values()),
            asks=list(self.asks.values()),
            reworks=list(self.reworks.values()),
            awaiting=self.awaiting,
            held=[(token, encode(values)) for token, values in self.held.items()],
            suspended_at=self.suspended_at,
            kept=[(wait, encode(values)) for wait, values in self.kept],
            records=[replace(record, values=encode(record.values)) for record in self.records.values()],
            gateways=[(scope, node, flows) for (scope, node), flows in self.gateways.items()],
        )


class _Saved(Struct, omit_defaults=True):
    """A state as it is kept: lists instead of mappings, values as `encode` spells them."""

    format: int
    status: str
    next: int
    outcome: str = ""
    tokens: list[Token] = field(default_factory=list)
    scopes: list[Scope] = field(default_factory=list)
    waits: list[Wait] = field(default_factory=list)
    incidents: list[Incident] = field(default_factory=list)
    asks: list[Asked] = field(default_factory=list)
    reworks: list[Rework] = field(default_factory=list)
    awaiting: list[int] = field(default_factory=list)
    held: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    suspended_at: datetime | None = None
    kept: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    gateways: list[tuple[int, str, list[str]]] = field(default_factory=list)


_READER = Decoder(_Saved)
_WRITER = Encoder()


def _plain_scope(scope: Scope) -> Scope:
    return replace(scope, variables=encode(scope.variables), items=encode(scope.items), results=encode(scope.results))


def new_state() -> State:
    """An instance that has not started."""
    return State()
