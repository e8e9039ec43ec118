"""Telling a waiting process that something has happened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bihuan.operations.surroundings import surroundings
from bihuan.org.actor import Actor
from bihuan.processes import engine_store


def tell_process(name: str, case_id: int, *, actor: Actor, variables: Mapping[str, Any] | None = None) -> bool:
    """Deliver a message to the process of a case, inside the caller's transaction; False when nobody waits for it."""
    delivered = engine_store.deliver_message(
        name, correlation=str(case_id), variables=dict(variables or {}), actor=actor, around=surroundings()
    )
    return bool(delivered)
