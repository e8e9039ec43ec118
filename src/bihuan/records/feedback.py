"""What customers say: satisfaction at the follow-up, complaints, suggestions."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError
from bihuan.org.actor import Actor
from bihuan.records.access import access_case, lock_case, note_on_case, optional_text, required_text
from bihuan.records.cases import open_case
from bihuan.records.models import Attachment, Case, CaseKind, Feedback
from bihuan.records.sheets import write_sheet

DISSATISFIED_FROM = 2


@transaction.atomic
def record_feedback(
    case_id: int,
    *,
    actor: Actor,
    satisfaction: int,
    condition: str = "",
    praise: str = "",
    reason: str = "",
    recording_id: int | None = None,
) -> Feedback:
    """Keep the answer of a follow-up (5 very satisfied … 1 very dissatisfied); 1 and 2 demand a reason in writing
    or as a recording of this case (AUTO-30). A second answer on the same case corrects the first."""
    case = lock_case(case_id, actor=actor)
    if satisfaction not in range(1, 6):
        raise BusinessError("请选择满意度", "satisfaction")
    if recording_id is not None:
        recording = Attachment.unscoped.filter(pk=recording_id, case=case, mime__startswith="audio/")
        if not recording.exists():
            raise BusinessError("录音不在这张单据上", "recording")
    why = optional_text(reason, label="不满意原因", field="reason", limit=4000)
    if satisfaction <= DISSATISFIED_FROM and not why and recording_id is None:
        raise BusinessError("客户不满意，请写明原因或附上录音", "reason")
    values: dict[str, Any] = {
        "satisfaction": satisfaction,
        "condition": optional_text(condition, label="车辆状况", field="condition", limit=4000),
        "praise": optional_text(praise, label="表扬", field="praise", limit=4000),
        "reason": why,
        "recording_id": recording_id,
    }
    feedback, _ = Feedback.unscoped.update_or_create(
        case=case, defaults={**values, "at": clock.now(), "by_id": actor.user_id}
    )
    note_on_case(actor, "feedback.recorded", case, after=values)
    return feedback


@transaction.atomic
def open_complaint(from_case_id: int, *, actor: Actor, text: str, source: str = "follow_up") -> Case:
    """A complaint case under the case it came from, with the customer's words on its sheet."""
    return _open_word(from_case_id, CaseKind.COMPLAINT, "complaint", "投诉内容", text, source, actor)


@transaction.atomic
def open_suggestion(from_case_id: int, *, actor: Actor, text: str, source: str = "follow_up") -> Case:
    """A suggestion case under the case it came from, with the customer's words on its sheet."""
    return _open_word(from_case_id, CaseKind.SUGGESTION, "suggestion", "建议内容", text, source, actor)


def _open_word(from_id: int, kind: CaseKind, sheet: str, label: str, text: str, source: str, actor: Actor) -> Case:
    words = required_text(text, label=label, field="text", limit=4000)
    origin = access_case(from_id, actor=actor)
    case = open_case(
        kind,
        actor=actor,
        site_id=origin.site_id,
        title=words[:60],
        customer_id=origin.customer_id,
        vehicle_id=origin.vehicle_id,
        phone=origin.phone,
        parent_id=origin.pk,
    )
    write_sheet(case.pk, sheet, {"text": words, "source": source}, actor=actor)
    return case
