"""Issuing numbered papers: frozen data, a number, a token nobody can guess; voided with a reason, never changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import IntegrityError, transaction

from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, Conflict, NotFound
from bihuan.kernel.ids import new_token
from bihuan.org.actor import Actor
from bihuan.org.models import Site
from bihuan.org.numbering import next_number
from bihuan.records.access import local_day, lock_case, note_on_case, read_case, required_text
from bihuan.records.models import Document, DocumentKind

# The letters in a document's number, from the pinyin of its name.
NUMBER_KINDS = {
    DocumentKind.PRECHECK: "YJ",
    DocumentKind.ESTIMATE: "GJ",
    DocumentKind.PICK_SLIP: "LL",
    DocumentKind.SETTLEMENT: "JS",
    DocumentKind.GATE_PASS: "CM",
    DocumentKind.WORK_ORDER: "WT",
    DocumentKind.RECEPTION: "JC",
}
MAX_DATA_BYTES = 256 * 1024


@transaction.atomic
def issue_document(
    case_id: int,
    kind: str,
    data: Mapping[str, Any],
    *,
    actor: Actor,
    title: str = "",
    number: str | None = None,
) -> Document:
    """Issue a paper of a kind with a frozen copy of its data. Not for gate passes: `release.issue_gate_pass`."""
    if kind == DocumentKind.GATE_PASS:
        raise BusinessError("出门证只能在结清后开具")
    return write_document(case_id, kind, data, actor=actor, title=title, number=number)


def write_document(
    case_id: int,
    kind: str,
    data: Mapping[str, Any],
    *,
    actor: Actor,
    title: str = "",
    number: str | None = None,
    action: str = "case.view",
) -> Document:
    """The paper itself, inside the transaction of the use case that decided it may be issued."""
    if kind not in NUMBER_KINDS:
        raise BusinessError(f"没有“{kind}”这种单证")
    known = DocumentKind(kind)
    case = lock_case(case_id, actor=actor, action=action)
    frozen = json.dumps(dict(data), cls=DjangoJSONEncoder, ensure_ascii=False)
    if len(frozen.encode()) > MAX_DATA_BYTES:
        raise BusinessError("单证内容太多")
    site = Site.objects.get(pk=case.site_id)
    now = clock.now()
    try:
        with transaction.atomic():
            document = Document.objects.create(
                case=case,
                kind=known,
                number=_number(number) if number else next_number(site, NUMBER_KINDS[known], local_day(site, now)),
                token=new_token(),
                title=title[:120] or known.label,
                data=json.loads(frozen),
                issued_at=now,
                issued_by_id=actor.user_id,
            )
    except IntegrityError:
        raise Conflict(f"{known.label}已经开具过，请先作废原来的") from None
    note_on_case(
        actor, "document.issued", case, data={"document": document.pk, "kind": kind, "number": document.number}
    )
    return document


@transaction.atomic
def void_document(document_id: int, *, actor: Actor, reason: str) -> Document:
    """A wrong paper is voided with its reason and stays to be seen."""
    case_id = Document.unscoped.filter(pk=document_id).values_list("case_id", flat=True).first()
    if case_id is None:
        raise NotFound("没有这张单证")
    case = lock_case(case_id, actor=actor, open_only=False)
    document = Document.unscoped.select_for_update().get(pk=document_id)
    actor.require("gatepass.issue" if document.kind == DocumentKind.GATE_PASS else "case.view", case.site_id)
    if document.voided_at is not None:
        return document
    if document.used_at is not None:
        raise BusinessError(f"{document.title} {document.number} 已经核销，不能作废")
    document.void_reason = required_text(reason, label="作废原因", field="reason", limit=200)
    document.voided_at = clock.now()
    document.save(update_fields=["voided_at", "void_reason"])
    data = {"document": document.pk, "number": document.number, "reason": document.void_reason}
    note_on_case(actor, "document.voided", case, data=data)
    return document


def read_document(document_id: int, *, actor: Actor) -> Document:
    """A paper for showing or printing, to those who may see its case."""
    document = Document.unscoped.select_related("case", "case__site").filter(pk=document_id).first()
    if document is None:
        raise NotFound("没有这张单证")
    read_case(document.case_id, actor=actor)
    return document


def find_by_token(token: str) -> Document:
    """The paper behind a QR code; its token is the only key, so it says no more than the paper itself does."""
    document = Document.unscoped.select_related("case").filter(token=token[:64]).first() if token else None
    if document is None:
        raise NotFound("二维码无效，请核对单证")
    return document


def latest_document(case_id: int, kind: str) -> Document | None:
    """The newest valid paper of a kind on a case."""
    return Document.unscoped.filter(case_id=case_id, kind=kind, voided_at__isnull=True).order_by("-pk").first()


def _number(wanted: str) -> str:
    """The wanted number, or with a counter when a voided or earlier paper has it (JS-…-0007-2)."""
    taken = Document.unscoped.filter(number__startswith=wanted).count()
    return wanted if not taken else f"{wanted}-{taken + 1}"
