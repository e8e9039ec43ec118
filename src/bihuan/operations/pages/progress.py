"""The page a waiting customer may look at: where the car is and until when, and nothing about anybody (AUTO-14)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.core import signing

from bihuan.kernel import clock
from bihuan.kernel.errors import NotFound
from bihuan.operations.cases import main_instance
from bihuan.operations.pages.stages import Stage, stages
from bihuan.operations.surroundings import load_case
from bihuan.org.actor import Actor
from bihuan.processes.compiled import compiled_process
from bihuan.processes.models import WorkItem
from bihuan.records.access import access_case

SALT = "bihuan.progress"
VALID_HOURS = 48
GONE = "这个二维码已经失效，请向服务顾问要一个新的"


@dataclass(frozen=True, slots=True)
class Progress:
    """What the customer sees. `plate` has its middle covered; `promised_at` is the agreed end of the repair."""

    site: str
    site_phone: str
    timezone: str
    plate: str
    advisor: str
    status: str
    promised_at: datetime | None
    stages: list[Stage]
    ready: bool


def progress_token(case_id: int, *, actor: Actor) -> str:
    """A token for the progress page of a case, good for two days; signed, so that none can be guessed or altered."""
    case = access_case(case_id, actor=actor)
    until = clock.now() + timedelta(hours=VALID_HOURS)
    return signing.dumps([case.pk, int(until.timestamp())], salt=SALT, compress=False)


def read_progress(token: str) -> Progress:
    """What the token's case looks like to its customer. Raises NotFound for false, altered and expired tokens."""
    try:
        case_id, until = signing.loads(token[:200], salt=SALT)
    except signing.BadSignature:
        raise NotFound(GONE) from None
    if clock.now() > datetime.fromtimestamp(until, UTC):
        raise NotFound(GONE)
    case = load_case(case_id)
    instance = main_instance(case.pk)
    found: list[Stage] = []
    if instance is not None:
        items = list(WorkItem.unscoped.filter(instance_id=instance.pk).exclude(status=WorkItem.Status.CANCELLED))
        process = compiled_process(instance.version_id, instance.version.sha256, instance.process_id)
        done = {item.node_id for item in items if not item.is_open}
        # Names of inner steps and lateness are ours to know; the customer sees the stages.
        found = [
            Stage(one.label, "current" if one.state == "late" else one.state)
            for one in stages(process, done, [item for item in items if item.is_open], clock.now())
        ]
    over = case.status != "open"
    return Progress(
        site=case.site.name,
        site_phone=case.site.phone,
        timezone=case.site.timezone,
        plate=covered_plate(case.vehicle.plate if case.vehicle else case.title),
        advisor=case.advisor.name if case.advisor else "",
        status="本次服务已结束" if over else next((one.label for one in found if one.state == "current"), "服务中"),
        promised_at=None if over or case.work_done_at else case.agreed_done_at,
        stages=found,
        ready=over or case.work_done_at is not None,
    )


def covered_plate(plate: str) -> str:
    """示A**345: enough for its owner to recognise."""
    words = plate.replace("·", "").strip()
    return f"{words[:2]}{'*' * max(len(words) - 5, 1)}{words[-3:]}" if len(words) > 5 else "***"
