"""A published process, a person, and short words for what the tests do with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from bihuan.org.actor import Actor
from bihuan.processes import engine_store as store
from bihuan.processes.compiled import MODELS
from bihuan.processes.models import Instance, WorkItem
from tests.cast import Cast


@pytest.fixture(autouse=True)
def _fresh_models() -> Iterator[None]:
    """Whatever is compiled belongs to one test."""
    MODELS.clear()
    yield
    MODELS.clear()


class Desk:
    """Starts and completes by node id instead of by number."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        self.site_id = cast.yl.pk

    def start(self, xml: str, key: str, variables: Mapping[str, Any] | None = None, **more: Any) -> store.StepResult:
        store.publish(xml, key)
        more.setdefault("actor", self.cast.actor("advisor"))
        more.setdefault("site_id", self.site_id)
        return store.start_instance(key, variables=variables or {}, **more)

    def item(self, instance_id: int, node: str) -> WorkItem:
        found: WorkItem = WorkItem.unscoped.get(instance_id=instance_id, node_id=node, status="open")
        return found

    def complete(
        self, instance_id: int, node: str, variables: Mapping[str, Any] | None = None, *, by: str | Actor, **more: Any
    ) -> store.StepResult:
        actor = self.cast.actor(by) if isinstance(by, str) else by
        return store.complete_item(self.item(instance_id, node).pk, variables or {}, actor=actor, **more)

    def open_nodes(self, instance_id: int) -> list[str]:
        rows = WorkItem.unscoped.filter(instance_id=instance_id, status="open")
        return sorted(rows.values_list("node_id", flat=True))

    def status(self, instance_id: int) -> str:
        return str(Instance.unscoped.values_list("status", flat=True).get(pk=instance_id))


@pytest.fixture
def desk(cast: Cast) -> Desk:
    return Desk(cast)
