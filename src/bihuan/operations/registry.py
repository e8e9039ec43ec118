"""The register of effects: what completing a step, or reaching a service task, does to the records.

A process names effects (`bihuan:effects` on a user task, `bihuan:service` on a service task); each is one function
here. An effect runs inside the transaction of the step, before the engine moves on. It may refuse with a
BusinessError, which the person who completes the step sees at the form; in a service task it becomes an incident.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from bihuan.kernel.errors import BusinessError
from bihuan.limits.definition import LimitDefinition
from bihuan.org.actor import Actor
from bihuan.processes.models import WorkItem
from bihuan.records.models import Case


@dataclass(slots=True)
class EffectContext:
    """What an effect may look at.

    `values` are the cleaned values of the step's form by field key (empty in a service task); `variables` the
    process variables before the step; `limits` the time limits the process goes by; `item` the work item that is
    completed (None in a service task).
    """

    actor: Actor
    case: Case
    now: datetime
    values: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, LimitDefinition] = field(default_factory=dict)
    item: WorkItem | None = None

    @property
    def process(self) -> Actor:
        """The same person acting by authority of the process: what the published step itself does needs no grant of
        its own, but stays signed by whoever completed the step."""
        return under_process(self.actor, self.case.site_id)

    def limit(self, key: str) -> LimitDefinition:
        """A time limit the process goes by. Raises BusinessError when its version has none of that key."""
        found = self.limits.get(key)
        if found is None:
            raise BusinessError(f"这个流程没有时限“{key}”，请联系流程负责人")
        return found

    def value(self, name: str, default: Any = None) -> Any:
        """A form value, else the process variable of that name, else the default."""
        found = self.values.get(name)
        if found is None:
            found = self.variables.get(name)
        return default if found is None else found


def under_process(actor: Actor, site_id: int) -> Actor:
    """The actor with the authority of the process at a site; the audit log still names the person."""
    roles = dict(actor.roles_by_site) or {site_id: frozenset()}
    return replace(actor, is_system=True, site_id=site_id, roles_by_site=roles)


Effect = Callable[[EffectContext], Mapping[str, Any] | None]

EFFECTS: dict[str, Effect] = {}


def effect(name: str) -> Callable[[Effect], Effect]:
    """Register a function as the effect of that name."""

    def register(function: Effect) -> Effect:
        if name in EFFECTS:
            raise ValueError(f"effect {name} is registered twice")
        EFFECTS[name] = function
        return function

    return register


def run_effects(names: tuple[str, ...], context: EffectContext) -> dict[str, Any]:
    """Run the named effects in order; later ones see the variables that earlier ones returned.

    Returns the variables to set. Raises BusinessError for an unknown name or a refusal.
    """
    returned: dict[str, Any] = {}
    for name in names:
        function = EFFECTS.get(name)
        if function is None:
            raise BusinessError(f"流程引用了不存在的动作“{name}”，请联系流程负责人")
        result = dict(function(context) or {})
        returned.update(result)
        context.variables = {**context.variables, **result}
    return returned
