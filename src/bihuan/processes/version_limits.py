"""The time limits a published version goes by: what the rule book said of them when it was published, kept with it.

Running work stays with the limits of its version; a changed rule book makes new versions (`publishing.renew_limits`).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from bihuan.engine.definition import Model
from bihuan.forms.models import TextVersion
from bihuan.limits.definition import CASE, LimitDefinition
from bihuan.limits.rulebook import definition_of, stored_limits
from bihuan.processes.contract import InstanceFacts
from bihuan.processes.models import Version

TABLE = "limits/"
"""What the keys of tables of limits begin with, one for each pack."""


def limits_in_force() -> dict[str, LimitDefinition]:
    """Every limit of the rule book by key, from the newest table of each installed pack: what new work goes by."""
    tables = TextVersion.objects.filter(key__startswith=TABLE).order_by("key", "number")
    newest = {key: (pk, sha256) for key, pk, sha256 in tables.values_list("key", "pk", "sha256")}
    return {key: limit for pk, sha256 in newest.values() for key, limit in _table(pk, sha256).items()}


def limits_for(model: Model, limits: Mapping[str, LimitDefinition]) -> dict[str, Mapping[str, Any]]:
    """Of these limits those the processes of a file go by, as written: named by steps or copies, or of their cases."""
    nodes = [node for process in model.processes.values() for node in process.nodes.values()]
    copies = [copy for process in model.processes.values() for copy in process.copies]
    copies += [copy for node in nodes for copy in node.copies]
    named = {node.extension.limit for node in nodes} | {key for copy in copies for key in copy.limits}
    own = {"", *model.processes}
    return {
        key: limit.entry for key, limit in limits.items() if key in named or (limit.of == CASE and limit.process in own)
    }


def limits_of(instance: InstanceFacts) -> Mapping[str, LimitDefinition]:
    """The limits of the version an instance runs on. Read once a version: a step does not ask the database for them."""
    return _kept(instance.version_id, instance.sha256)


# Digests are part of the keys because numbers come again after a rollback or a restored backup.


@lru_cache(maxsize=64)
def _table(pk: int, sha256: str) -> Mapping[str, LimitDefinition]:
    return stored_limits(TextVersion.objects.values_list("body", flat=True).get(pk=pk))


@lru_cache(maxsize=200)
def _kept(version_id: int, sha256: str) -> Mapping[str, LimitDefinition]:
    kept = Version.objects.values_list("limits", flat=True).get(pk=version_id)
    return {key: definition_of(entry) for key, entry in kept.items()}
