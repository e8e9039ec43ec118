"""A process instance that is about no case, for whoever it was copied to (抄送): to look at, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from bihuan.engine.definition import Process
from bihuan.engine.runtime.writing import written
from bihuan.forms.publishing import newest_forms
from bihuan.kernel.errors import NotFound
from bihuan.operations.pages.case_acting import process_of_instance
from bihuan.operations.pages.copies import CopyRow, copies_of, wants_confirmation
from bihuan.operations.pages.sheets import YES_NO, in_words, names_of
from bihuan.operations.pages.story import Told, instance_story
from bihuan.org.actor import Actor
from bihuan.org.models import Site
from bihuan.processes.history import Returned, returned_in
from bihuan.processes.models import Instance, WorkItem
from bihuan.records.copies import INSTANCE, NOT_COPIED, copies_to
from bihuan.records.models import CarbonCopy

STORY = 200


@dataclass(frozen=True, slots=True)
class CopiedProcess:
    """What is copied, and what the reader is still to do; `instance` is None once it left for the archive."""

    number: int
    site: Site
    copied: list[CarbonCopy]
    """What of it was copied to the reader, newest first."""
    copies: list[CopyRow]
    instance: Instance | None = None
    steps: tuple[WorkItem, ...] = ()
    values: tuple[tuple[str, str], ...] = ()
    """What it knows, in words: the label beside the field and the answer."""
    story: tuple[Told, ...] = ()
    returns: tuple[Returned, ...] = ()

    @property
    def only_reads(self) -> bool:
        """Nobody acts here, whatever they may do elsewhere."""
        return True

    @property
    def to_confirm(self) -> bool:
        return wants_confirmation(self.copied)

    @property
    def title(self) -> str:
        return self.copied[0].title or (self.instance.version.definition.name if self.instance else "流程")


def copied_process(instance_id: int, *, actor: Actor) -> CopiedProcess:
    """The instance for those it was copied to. Raises NotFound for everybody else; a fixed number of queries."""
    rows = copies_to(actor, (INSTANCE, instance_id)).select_related("by", "site").order_by("-pk")
    copied = list(rows)
    if not copied:
        raise NotFound(NOT_COPIED[INSTANCE])
    site, copies = copied[0].site, copies_of((INSTANCE, instance_id), actor=actor)
    related = Instance.unscoped.select_related("version__definition", "started_by").defer("version__xml")
    instance: Instance | None = related.filter(pk=instance_id).first()
    if instance is None:
        return CopiedProcess(instance_id, site, copied, copies)
    items = WorkItem.unscoped.filter(instance_id=instance_id, status=WorkItem.Status.OPEN).select_related("assignee")
    return CopiedProcess(
        instance_id,
        site,
        copied,
        copies,
        instance,
        tuple(items.order_by("pk")),
        tuple(_values(instance.variables, process_of_instance(instance), ZoneInfo(site.timezone))),
        tuple(instance_story(instance, newest=STORY)),
        tuple(returned_in(instance.chain).get(instance_id, ())),
    )


def _values(variables: Mapping[str, Any], process: Process, zone: ZoneInfo) -> list[tuple[str, str]]:
    """The variables by the labels of the fields that fill them, else by their names; what is empty is left out."""
    forms = newest_forms(node.extension.form for node in process.nodes.values() if node.extension.form)
    fields = {name: one for form in forms.values() for one in form.fields for name in one.variables}
    known = {name: value for name, value in variables.items() if value not in (None, "", [])}
    names = names_of((fields[name], value) for name, value in known.items() if name in fields)
    found = []
    for name, value in known.items():
        one = fields.get(name)
        plain = isinstance(value, (str, int, list))
        text = in_words(one, value, zone, names) if one is not None and plain else _plain(value)
        found.append((one.full_label if one is not None else name, text))
    return [(label, text) for label, text in found if text]


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return YES_NO[value]
    if isinstance(value, list):
        return "、".join(_plain(one) for one in value)
    return value if isinstance(value, str) else written(value)
