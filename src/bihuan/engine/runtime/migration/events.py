"""What happens to an instance that moves to another version of its process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import field

from bihuan.engine.runtime.events import Event, register
from bihuan.engine.runtime.state import State


class InstanceMigrated(Event, frozen=True):
    """From here on ids are those of another version: `nodes` and `flows` give the new ids of those that changed, "" for
    what the new version does not have."""

    nodes: Mapping[str, str] = field(default_factory=dict)
    flows: Mapping[str, str] = field(default_factory=dict)

    def new_id(self, node: str) -> str:
        """What a node of the version before is called now, "" if it is no more."""
        return self.nodes.get(node, node)


class ItemRenewed(Event, frozen=True):
    """The open item `wait` is described anew by the new version; fields as in `ItemOpened`. It stays open."""

    wait: int
    node: str
    token: int
    name: str
    role: str = ""
    assignee: str | int | list[str | int] | None = None
    form: str = ""
    title: str = ""
    variables: Mapping[str, Any] = field(default_factory=dict)


register(InstanceMigrated, ItemRenewed)


def _migrated(state: State, event: InstanceMigrated) -> None:
    node = event.new_id

    def flow(old: str) -> str:
        return event.flows.get(old, old)

    for token in state.tokens.values():
        token.node, token.flow = node(token.node), flow(token.flow)
    for scope in state.scopes.values():
        scope.node = node(scope.node)
        if scope.kind == "sub" and scope.items is not None:
            scope.items = [new for new in map(node, scope.items) if new]
    for wait in state.waits.values():
        wait.node = node(wait.node)
    for incident in state.incidents.values():
        incident.node = node(incident.node)
    for record in state.records.values():
        record.node = node(record.node)
    state.gateways = {
        (scope, node(gateway)): [flow(each) for each in flows] for (scope, gateway), flows in state.gateways.items()
    }


MIGRATION_APPLIERS: Mapping[type[Event], Callable[[State, Any], None]] = {InstanceMigrated: _migrated}
