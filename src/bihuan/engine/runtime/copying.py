"""抄送: whom the diagram wants told of a step, an event or the process becomes an event; the store finds the people.

What somebody is only told of never holds up the work: a rule that cannot be worked out is told as such.
"""

from __future__ import annotations

from bihuan.engine.definition.specs import CopyRule
from bihuan.engine.runtime.events import CopyRequested
from bihuan.engine.runtime.naming import named_people
from bihuan.engine.runtime.run import Run, Trouble


def request_copies(run: Run, rules: tuple[CopyRule, ...], node: str, scope: int, on: str) -> None:
    """Ask for the copies of a node ("": the process) that are due on `open` or `complete`."""
    for number, rule in enumerate(rules):
        if rule.on != on:
            continue
        try:
            if rule.when is not None and not run.holds(rule.when, scope):
                continue
            said = rule.who.expression
            people = named_people(run.evaluate(said, scope)) if said is not None else None
            run.emit(CopyRequested(node, number, people))
        except Trouble as trouble:
            run.emit(CopyRequested(node, number, failure=trouble.reason))
