"""Choosing who does a later step (`bihuan:who="chosen"`): whom one may choose on the task page, and the choice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bihuan.engine.definition import Node, Process
from bihuan.kernel.errors import BusinessError
from bihuan.org.actor import Actor
from bihuan.org.duty.checks import site_people
from bihuan.org.roles import people_with_role
from bihuan.processes.assigning.sources import CHOSEN
from bihuan.processes.models import Instance
from bihuan.processes.rows import Held

FIELD = "choose."
"""What the name of a choice begins with among the values of a submission; the node's id follows."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A later step whose person is to be chosen now, and among whom (id, name)."""

    node_id: str
    name: str
    people: tuple[tuple[int, str], ...]

    @property
    def field(self) -> str:
        return FIELD + self.node_id


def choices_at(
    process: Process, node: Node, *, instance_id: int, site_id: int, variables: Mapping[str, Any], user_id: int | None
) -> list[Choice]:
    """What is to be chosen when a step is completed; most processes ask nothing here and cost no query."""
    wanted = [one for one in process.nodes.values() if one.assignment and one.assignment.source == "chosen"]
    if not wanted:
        return []
    following = set(_next_people_steps(process, node))
    chosen = variables.get(CHOSEN)
    kept = chosen if isinstance(chosen, Mapping) else {}
    asked = [one for one in wanted if not _of_starter(one) and one.id in following]
    of_starter = [one for one in wanted if _of_starter(one) and one.id not in kept]
    if of_starter and Instance.unscoped.filter(pk=instance_id, started_by_id=user_id).exists():
        asked += of_starter
    return [Choice(one.id, one.label, _candidates(one, process, site_id)) for one in asked]


def choices_of_submission(held: Held, raw: Mapping[str, Any], actor: Actor) -> dict[str, Any]:
    """What a submission chooses for later steps, as a process variable; empty where nothing is to be chosen."""
    facts, variables = held.instance.facts, held.variables
    choices = choices_at(
        held.instance.process, held.node, instance_id=facts.id, site_id=facts.site_id, variables=variables,
        user_id=actor.user_id,
    )  # fmt: skip
    return take_choices(choices, raw, variables)


def take_choices(choices: list[Choice], raw: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
    """The choices of a submission as a process variable. Raises BusinessError at one that is missing or wrong."""
    if not choices:
        return {}
    before = variables.get(CHOSEN)
    chosen = dict(before) if isinstance(before, Mapping) else {}
    for choice in choices:
        text = str(raw.get(choice.field) or "")
        if text not in {str(pk) for pk, _ in choice.people}:
            raise BusinessError(f"请选择谁来办“{choice.name}”", choice.field)
        chosen[choice.node_id] = int(text)
    return {CHOSEN: chosen}


def _of_starter(node: Node) -> bool:
    return node.assignment is not None and node.assignment.argument == "starter"


def _next_people_steps(process: Process, node: Node) -> Iterator[str]:
    """The people's steps that may come next, past whatever is automatic in between."""
    seen: set[str] = set()
    ways = [process.flows[flow].target for flow in node.outgoing]
    while ways:
        here = process.nodes[ways.pop()]
        if here.id in seen:
            continue
        seen.add(here.id)
        if here.kind in ("userTask", "manualTask"):
            yield here.id
        else:
            ways += [process.flows[flow].target for flow in here.outgoing]


def _candidates(node: Node, process: Process, site_id: int) -> tuple[tuple[int, str], ...]:
    role = node.extension.role or (process.lanes[node.lane].role if node.lane in process.lanes else "")
    people: dict[int, str] = {}
    for key in (part.strip() for part in role.split(",") if part.strip()):
        people.update(people_with_role(key, site_id).values_list("pk", "name"))
    return tuple((people or dict(site_people(site_id).values_list("pk", "name"))).items())
