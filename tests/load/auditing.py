"""What a crowd must leave behind: everything whole, nothing with those who left, no version published over another.

The models of `crowd` exist when this is imported.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Q

from bihuan.accounts.models import User
from bihuan.audit.archiving import read_archive, verify_archives
from bihuan.audit.models import Archive
from bihuan.audit.verification import verify
from bihuan.kernel import clock
from bihuan.org.duty.models import DayShift, Delegation
from bihuan.org.models import PositionHolder
from bihuan.processes.consistency import check_instances
from bihuan.processes.models import Instance, SweepRow, Version, WorkItem
from bihuan.processes.sweeping import FAULT

CHANGING = "changing"


def left_behind() -> dict[str, int]:
    """What those who left still have, by kind; everything should have gone to somebody else."""
    gone = User.objects.filter(is_active=False).values("pk")
    at, today = clock.now(), clock.now().date()
    rows = {
        "work": WorkItem.unscoped.filter(status__in=("open", "waiting"), assignee__in=gone),
        "posts": PositionHolder.objects.filter(user__in=gone, until__isnull=True),
        "duty": DayShift.objects.filter(user__in=gone, day__gte=today, off=False),
        "delegations": Delegation.objects.filter(Q(principal__in=gone) | Q(delegate__in=gone), ends_at__gt=at),
    }
    return {kind: found for kind, what in rows.items() if (found := what.count())}


def overwritten() -> list[int]:
    """Versions that were not drawn after the one before them: somebody had not seen what a colleague published."""
    rows = Version.objects.filter(definition__key=CHANGING).values_list("number", "xml")
    return [number for number, xml in rows if f"第{number - 1}版之后" not in xml]


def audit() -> dict[str, Any]:
    done = set(WorkItem.unscoped.filter(status="done").values_list("pk", flat=True))
    for name in Archive.objects.values_list("name", flat=True):
        rows = [line["values"] for line in read_archive(name) if line.get("model") == WorkItem._meta.label]
        done.update(row["id"] for row in rows if row["status"] == "done")
    return {
        "damages": [damage.to_json() for damage in check_instances()],
        "broken_chains": [problem.to_json() for problem in [*verify(), *verify_archives()]],
        "archives": Archive.objects.count(),
        "faults": SweepRow.objects.filter(reason=FAULT).count(),
        "left_behind": left_behind(),
        "overwritten": overwritten(),
        "versions": Version.objects.filter(definition__key=CHANGING).count(),
        "instances": Instance.unscoped.count(),
        "done": sorted(done),
    }
