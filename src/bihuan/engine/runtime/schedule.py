"""When timer start events begin new instances: for the store, which keeps the rows and starts the instances."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bihuan.engine.definition.iso8601 import BadTime, Cycle, first_due, next_due
from bihuan.engine.definition.model import Process
from bihuan.engine.runtime.run import Run, Trouble
from bihuan.engine.runtime.state import ROOT, Scope, State
from bihuan.engine.runtime.waits import timer_of


def start_due(
    process: Process,
    start_node: str,
    now: datetime,
    *,
    context: Mapping[str, Any] | None = None,
    previous: datetime | None = None,
    left: int | None = None,
    part: int = 0,
) -> tuple[datetime, int | None] | None:
    """When a timer start event is due: first after publishing, or (with `previous` and `left` of that time) the next.

    `part` is which part of a multiple event it is. Returns the moment in UTC and how often it repeats after that (None:
    for ever), or None if it is over. Raises Trouble with a Chinese reason if the time cannot be computed.
    """
    state = State(scopes={ROOT: Scope(ROOT, ROOT, "", 0, "process")})
    run = Run(process, state, now, context, {})
    try:
        node = process.nodes[start_node]
        value = timer_of(run, node, ROOT, node.event.all_parts[part] if node.event is not None else None)
        if previous is None:
            return first_due(value, now, run.zone)
        return next_due(value, previous, now, run.zone, left) if isinstance(value, Cycle) else None
    except BadTime as bad:
        raise Trouble(str(bad)) from None
