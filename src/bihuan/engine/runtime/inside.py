"""Starting the inside of a process or sub-process."""

from __future__ import annotations

from bihuan.engine.runtime.flows import arrive, end_scope_if_empty
from bihuan.engine.runtime.run import Run
from bihuan.engine.runtime.waits import listen


def listen_inside(run: Run, parent: str, scope: int) -> None:
    """The event sub-processes of a level begin to listen. Raises Trouble."""
    level = run.process.levels[parent]
    if level.listeners:
        starts = [run.process.nodes[trigger] for each in level.listeners for trigger in _triggers(run, each)]
        listen(run, starts, 0, scope, scope)


def _triggers(run: Run, listener: str) -> tuple[str, ...]:
    return run.process.levels[listener].triggers


def start_inside(run: Run, starts: tuple[str, ...] | list[str], scope: int) -> None:
    """Tokens appear at these nodes."""
    for start in starts:
        arrive(run, start, scope)
    if not starts:
        end_scope_if_empty(run, scope)
