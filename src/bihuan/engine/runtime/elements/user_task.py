"""A person's work: opens a work item and waits until it is completed."""

from __future__ import annotations

from typing import Any

from bihuan.engine.definition.model import Node
from bihuan.engine.feel import to_text
from bihuan.engine.runtime.activity import Activity
from bihuan.engine.runtime.events import ItemOpened
from bihuan.engine.runtime.naming import named_people
from bihuan.engine.runtime.run import Run
from bihuan.engine.runtime.state import Token
from bihuan.engine.runtime.variables import local_variables


class UserTask(Activity):
    """userTask and manualTask: both wait for a person."""

    def work(self, run: Run, node: Node, token: Token) -> None:
        """Open the item for the right role or person."""
        run.emit(describe_item(run, node, token, run.new_id()))


def describe_item(run: Run, node: Node, token: Token, wait: int) -> ItemOpened:
    """The work item of a token at a person's task. Raises Trouble."""
    extension = node.extension
    assignee = None if node.assignee is None else named_people(run.evaluate(node.assignee, token.data))
    role = extension.role if node.role is None else _roles(run.evaluate(node.role, token.data))
    title = "" if node.title is None else _text(run.evaluate(node.title, token.data))
    local = local_variables(run.state, token.data) if token.data else {}
    return ItemOpened(wait, node.id, token.id, node.label, role, assignee, extension.form, title, local)


def _roles(value: Any) -> str:
    return ",".join(_text(item) for item in value) if isinstance(value, list) else _text(value)


def _text(value: Any) -> str:
    return "" if value is None else to_text(value)
