"""Finished history leaves the tables by policy: into archives that can be verified, looked into and restored.

A process says for how many days its finished instances stay (`Definition.retain_days`; None: for ever). An instance
goes with everything called by it, and with the log of its chain, once every instance on that chain may go. Of the chain
of a case the newest entry stays, since the case lives on; the chain of an instance about nothing else goes as a whole.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import models, transaction
from django.db.models import Max, Q

from bihuan.audit.archiving import archive, read_archive, restore_entries
from bihuan.audit.log import record
from bihuan.audit.models import Archive, Entry
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, Conflict, NotFound
from bihuan.kernel.sql import on_postgres
from bihuan.org.actor import Actor
from bihuan.processes.models import Definition, Instance, Message

BATCH = 100
LONGEST_DAYS = 36_500
KEEP_UNREAD = timedelta(days=30)
"""How long a message from outside that nobody took in time is still to be seen; those of processes go with them."""


@dataclass(frozen=True, slots=True)
class Archived:
    """What one batch took out of the tables."""

    name: str
    instances: int
    entries: int


@transaction.atomic
def set_retention(key: str, days: int | None, *, actor: Actor) -> None:
    """From now on keep finished instances of a process for so many days; None keeps them for ever."""
    definition = Definition.objects.filter(key=key).first()
    if definition is None:
        raise NotFound("没有这个流程")
    if days is not None and not 1 <= days <= LONGEST_DAYS:
        raise BusinessError("保存天数应在 1 到 36500 之间；不填表示一直保存", field="days")
    if definition.retain_days == days:
        return
    Definition.objects.filter(pk=definition.pk).update(retain_days=days)
    record(
        actor_id=actor.user_id, action="process.retention", chain=f"process:{key}",
        before={"retain_days": definition.retain_days}, after={"retain_days": days},
    )  # fmt: skip


@transaction.atomic
def archive_finished(now: datetime | None = None, *, limit: int = BATCH) -> Archived | None:
    """Archive the history of at most `limit` chains that may go; None when nothing may. One transaction, one file."""
    chains = _chains_that_may_go(now or clock.now(), limit)
    if not chains:
        return None
    instances = list(Instance.unscoped.filter(chain__in=chains).order_by("pk"))
    documents = list(_documents(instances))
    newest = dict(
        Entry.objects.filter(chain__in=chains).values("chain").annotate(n=Max("seq")).values_list("chain", "n")
    )
    upto = {chain: seq if chain.startswith("instance:") else seq - 1 for chain, seq in newest.items()}
    made = archive(upto, documents, about={"what": "process instances", "instances": len(instances)})
    _remove(instances)
    return Archived(made.name, len(instances), made.entries)


def forget_unread(now: datetime) -> None:
    """Messages from outside that nobody took go a while after their time was up; of all of them, the oldest beyond as
    many as may be kept."""
    Message.unscoped.filter(sender__isnull=True, expires_at__lt=now - KEEP_UNREAD).delete()
    over = Message.unscoped.filter(expires_at__lte=now).order_by("-expires_at", "-pk").values_list("pk", flat=True)
    most = settings.BIHUAN_KEPT_MESSAGES
    Message.unscoped.filter(pk__in=list(over[most : most + 10 * BATCH])).delete()


def _chains_that_may_go(now: datetime, limit: int) -> list[str]:
    """Chains whose instances have all ended long enough ago by the policy of their process, oldest first."""
    due = Q()
    for pk, days in Definition.objects.filter(retain_days__isnull=False).values_list("pk", "retain_days"):
        due |= Q(version__definition_id=pk, ended_at__lt=now - timedelta(days=days or 0))
    if not due:
        return []
    roots = Instance.unscoped.filter(due, parent__isnull=True).exclude(status=Instance.Status.RUNNING)
    if on_postgres():
        # Two workers at once take different ones.
        roots = roots.select_for_update(skip_locked=True, of=("self",), no_key=True)
    # More than are needed, since some must wait for others on their chain.
    chains = list(dict.fromkeys(roots.order_by("ended_at", "pk").values_list("chain", flat=True)[: 3 * limit]))
    on_chain = Instance.unscoped.filter(chain__in=chains, parent__isnull=True)
    # What an instance has sent and nobody has taken yet belongs to it.
    unread = Q(kept_messages__expires_at__gt=now)
    waiting = set(on_chain.exclude(due).values_list("chain", flat=True))
    waiting.update(Instance.unscoped.filter(unread, chain__in=chains).values_list("chain", flat=True))
    return [chain for chain in chains if chain not in waiting][:limit]


def _documents(instances: list[Instance]) -> Iterator[dict[str, Any]]:
    """The rows of the instances and of everything that belongs to them, parents first."""
    for row in [*instances, *_belongings(instances)]:
        values = {column.attname: column.value_from_object(row) for column in row._meta.concrete_fields}
        yield {"model": row._meta.label, "values": values}


def _belongings(rows: list[Any]) -> Iterator[models.Model]:
    """Rows of other tables that point to these, and what points to those."""
    if not rows:
        return
    for relation in rows[0]._meta.related_objects:
        child: type[models.Model] = relation.related_model
        if child is type(rows[0]):
            continue
        found = list(child._base_manager.filter(**{f"{relation.field.name}__in": rows}).order_by("pk"))
        yield from found
        yield from _belongings(found)


def _remove(instances: list[Instance]) -> None:
    by_model: dict[type[models.Model], list[int]] = defaultdict(list)
    for row in _belongings(instances):
        by_model[type(row)].append(row.pk)
    for model, numbers in reversed(by_model.items()):
        model._base_manager.filter(pk__in=numbers).delete()
    numbers = [row.pk for row in instances]
    # Called ones point to their callers.
    Instance.unscoped.filter(pk__in=numbers, parent__isnull=False).update(parent=None, root=None)
    Instance.unscoped.filter(pk__in=numbers).delete()


@transaction.atomic
def restore_archive(name: str, *, actor: Actor) -> int:
    """Put everything of an archive back as it was; answers how many instances. BusinessError when it is damaged."""
    if not Archive.objects.filter(name=name).exists():
        raise NotFound(f"没有档案“{name}”，或者它已经恢复过")
    documents = [line for line in read_archive(name) if line["type"] == "document"]
    by_model: dict[type[models.Model], list[models.Model]] = {}
    for document in documents:
        model = apps.get_model(document["model"])
        by_model.setdefault(model, []).append(_row(model, document["values"]))
    for model, rows in by_model.items():
        if model._base_manager.filter(pk__in=[row.pk for row in rows]).exists():
            raise Conflict("这些流程已经在系统里，不能再恢复一次")
        model._base_manager.bulk_create(rows)
    restore_entries(name, actor_id=actor.user_id)
    return len(by_model.get(Instance, ()))


def _row(model: type[models.Model], values: dict[str, Any]) -> models.Model:
    # A column that came later keeps its default; one that is gone is left out.
    columns = {column.attname: column for column in model._meta.concrete_fields}
    return model(**{name: columns[name].to_python(value) for name, value in values.items() if name in columns})
