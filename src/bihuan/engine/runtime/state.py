"""The whole state of one instance: tokens, scopes, waits and incidents. Small, plain, and no larger with age.

Handlers read it; only `apply` changes it. Ids of all kinds come from the one counter `next_id`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from msgspec import Struct, field

from bihuan.engine.runtime.values import decode, encode

FORMAT = 1
ROOT = 0


class Token(Struct):
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


class Scope(Struct):
    """A level of variables, and of tokens for kinds process, sub, multi and each. `token` is the token that owns it.

    For multi: `total` repetitions, `started` and `done` so far, the `items` to hand out and the `results` gathered.
    """

    id: int
    parent: int
    node: str
    token: int
    kind: str
    variables: dict[str, Any] = field(default_factory=dict)
    total: int = 0
    started: int = 0
    done: int = 0
    items: list[Any] | None = None
    results: list[Any] | None = None
    record: int = 0


class Wait(Struct):
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


class Record(Struct):
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


class Incident(Struct):
    """A token that cannot go on until somebody retries or skips."""

    id: int
    node: str
    token: int
    stage: str


class Asked(Struct, frozen=True):
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


class Rework(Struct, frozen=True):
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
        data: dict[str, Any] = {"format": FORMAT, "status": self.status, "next": self.next_id}
        if self.outcome:
            data["outcome"] = self.outcome
        if self.tokens:
            data["tokens"] = [_trim([t.id, t.node, t.scope, t.flow, t.local, t.loop]) for t in self.tokens.values()]
        if self.scopes:
            data["scopes"] = [_scope_to_json(scope) for scope in self.scopes.values()]
        if self.waits:
            data["waits"] = [_wait_to_json(wait) for wait in self.waits.values()]
        if self.incidents:
            data["incidents"] = [[i.id, i.node, i.token, i.stage] for i in self.incidents.values()]
        self._add_people(data)
        if self.records:
            data["records"] = [_record_to_json(record) for record in self.records.values()]
        if self.gateways:
            data["gateways"] = [[scope, node, flows] for (scope, node), flows in self.gateways.items()]
        return data

    def to_text(self) -> str:
        """The same as the text that is kept."""
        return orjson.dumps(self.to_json()).decode()

    def _add_people(self, data: dict[str, Any]) -> None:
        if self.asks:
            data["asks"] = [[a.id, a.token, a.wait, a.mode, a.person, a.asker, a.item] for a in self.asks.values()]
        if self.reworks:
            data["reworks"] = [_trim([r.token, r.wait, r.top, r.behind]) for r in self.reworks.values()]
        if self.awaiting:
            data["awaiting"] = [*self.awaiting]
        if self.held:
            data["held"] = [[token, encode(values)] for token, values in self.held.items()]
        if self.suspended_at is not None:
            data["suspended_at"] = self.suspended_at.isoformat()
        if self.kept:
            data["kept"] = [[wait, encode(values)] for wait, values in self.kept]

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | str | bytes) -> State:
        """The state that `to_json` wrote. Raises ValueError for a format this program does not know."""
        if isinstance(data, (str, bytes)):
            found: Mapping[str, Any] = orjson.loads(data)
            data = found
        if data.get("format") != FORMAT:
            raise ValueError(f"unknown state format {data.get('format')!r}")
        state = cls(data["status"], data.get("outcome", ""), data["next"])
        state.tokens = {row[0]: Token(*row) for row in data.get("tokens", ())}
        state.scopes = {row["id"]: _scope_from_json(row) for row in data.get("scopes", ())}
        state.waits = {row[0]: _wait_from_json(row) for row in data.get("waits", ())}
        if not data.keys() <= _EVERYDAY:
            state._read_rare(data)
        return state

    def _read_rare(self, data: Mapping[str, Any]) -> None:
        """What most instances do not have."""
        self.incidents = {row[0]: Incident(*row) for row in data.get("incidents", ())}
        self.asks = {row[0]: Asked(*row) for row in data.get("asks", ())}
        self.reworks = {row[0]: Rework(*row) for row in data.get("reworks", ())}
        self.awaiting = list(data.get("awaiting", ()))
        self.held = {row[0]: decode(row[1]) for row in data.get("held", ())}
        self.kept = [(row[0], decode(row[1])) for row in data.get("kept", ())]
        if "suspended_at" in data:
            self.suspended_at = datetime.fromisoformat(data["suspended_at"])
        self.records = {row[0]: _record_from_json(row) for row in data.get("records", ())}
        self.gateways = {(scope, node): list(flows) for scope, node, flows in data.get("gateways", ())}


_EVERYDAY = frozenset({"format", "status", "outcome", "next", "tokens", "scopes", "waits"})


def new_state() -> State:
    """An instance that has not started."""
    return State()


def _trim(row: list[Any]) -> list[Any]:
    while row and row[-1] in (0, ""):
        row.pop()
    return row


def _scope_to_json(scope: Scope) -> dict[str, Any]:
    data: dict[str, Any] = {"id": scope.id, "variables": encode(scope.variables)}
    if scope.id == ROOT:
        return data
    data.update(parent=scope.parent, node=scope.node, token=scope.token, kind=scope.kind)
    if scope.kind == "multi":
        data.update(total=scope.total, started=scope.started, done=scope.done)
        data.update(items=encode(scope.items), results=encode(scope.results))
    elif scope.items is not None:
        data["items"] = list(scope.items)
    if scope.record:
        data["record"] = scope.record
    return data


def _record_from_json(row: list[Any]) -> Record:
    identity, node, scope, within, by, values = row
    return Record(identity, node, scope, within, by, decode(values))


def _record_to_json(record: Record) -> list[Any]:
    return [record.id, record.node, record.scope, record.within, record.by, encode(record.values)]


def _scope_from_json(row: Mapping[str, Any]) -> Scope:
    variables = decode(row["variables"])
    if row["id"] == ROOT:
        return Scope(ROOT, ROOT, "", 0, "process", variables)
    scope = Scope(row["id"], row["parent"], row["node"], row["token"], row["kind"], variables)
    if scope.kind == "multi":
        scope.total, scope.started, scope.done = row["total"], row["started"], row["done"]
        scope.items, scope.results = decode(row["items"]), decode(row["results"])
    elif "items" in row:
        scope.items = list(row["items"])
    scope.record = row.get("record", 0)
    return scope


def _wait_to_json(wait: Wait) -> list[Any]:
    row: list[Any] = [wait.id, wait.kind, wait.node, wait.token]
    if wait.kind == "timer" or wait.scope or wait.part or wait.left:
        row += [wait.scope, wait.due_at.isoformat() if wait.due_at else None, wait.left]
        if wait.part:
            row.append(wait.part)
    return row


def _wait_from_json(row: list[Any]) -> Wait:
    wait = Wait(*row[:5])
    if len(row) > 5:
        wait.due_at = datetime.fromisoformat(row[5]) if row[5] else None
        wait.left = row[6]
        wait.part = row[7] if len(row) > 7 else 0
    return wait
