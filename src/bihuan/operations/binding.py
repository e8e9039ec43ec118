"""Where the values of a form go, and where they come from.

A field's binding names a column of the case, its customer or vehicle, a sheet, the work lines, a signature, photos, a
checklist or a process variable (docs/packs.md). Writing and pre-filling are the two directions of one table.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct, field

from bihuan.audit.log import End
from bihuan.forms import Field, Form, SignatureInput
from bihuan.forms.field import CHOICE_KINDS
from bihuan.kernel.money import format_yuan
from bihuan.operations.facts import CaseFacts
from bihuan.operations.registry import under_process
from bihuan.org.actor import Actor
from bihuan.records import lines as line_cases
from bihuan.records.access import note_on_case
from bihuan.records.attachments import store_attachment
from bihuan.records.cases import change_case
from bihuan.records.consents import consents_of, set_consent
from bihuan.records.customers import change_customer
from bihuan.records.models import Case, WorkLine
from bihuan.records.sheets import fill_sheet, tick
from bihuan.records.signatures import sign
from bihuan.records.vehicles import change_vehicle

REFERENCES = frozenset({"customer", "vehicle", "advisor", "technician", "appointment"})
LEFT_TO_EFFECTS = frozenset({"payments", "vehicle.next_service_km", "vehicle.next_service_on"})
LINE_VALUES = (
    "description", "raised_by", "job_id", "part_id", "quantity", "part_price_yuan", "labour_hours", "labour_fee_yuan",
)  # fmt: skip


class Bound(Struct):
    """A cleaned submission sorted by where it goes."""

    variables: dict[str, Any] = field(default_factory=dict)
    case: dict[str, Any] = field(default_factory=dict)
    customer: dict[str, Any] = field(default_factory=dict)
    vehicle: dict[str, Any] = field(default_factory=dict)
    sheets: dict[str, dict[str, Any]] = field(default_factory=dict)
    checks: dict[str, list[str]] = field(default_factory=dict)
    consents: dict[str, bool] = field(default_factory=dict)
    signatures: list[tuple[str, SignatureInput, Field]] = field(default_factory=list)
    photos: list[tuple[str, list[Any]]] = field(default_factory=list)
    lines: tuple[Field, list[dict[str, Any]]] | None = None

    @property
    def goes_beyond_sheets(self) -> bool:
        """Whether more than routing variables and sheets is written; most steps write no more."""
        return bool(
            self.case or self.customer or self.vehicle or self.checks or self.consents or self.signatures or self.photos
            or self.lines
        )  # fmt: skip


def sort_values(form: Form, values: Mapping[str, Any]) -> Bound:
    """Sort cleaned values by their bindings; a field may also be copied into a routing variable."""
    bound = Bound()
    for one in form.fields:
        if one.key not in values:
            continue
        value = values[one.key]
        if one.var:
            bound.variables[one.var] = value
        target = one.target(form.key)
        if target not in LEFT_TO_EFFECTS:
            _place(bound, one, target, value)
    return bound


def _place(bound: Bound, one: Field, target: str, value: Any) -> None:
    head, _, rest = target.partition(".")
    if head == "lines":
        bound.lines = (one, list(value or []))
    elif head == "var":
        bound.variables[rest] = value
    elif head == "checks":
        bound.checks[rest] = list(value) if isinstance(value, list) else ([one.key] if value else [])
    elif head == "consent":
        if value:
            bound.consents[rest] = value == "yes"
    elif head == "signature":
        if value is not None:
            bound.signatures.append((rest, value, one))
    elif head == "photos":
        bound.photos.append((rest, list(value or [])))
    elif head == "sheet":
        kind, _, name = rest.partition(".")
        bound.sheets.setdefault(kind, {})[name] = value
    else:
        columns = {"case": bound.case, "customer": bound.customer, "vehicle": bound.vehicle}[head]
        columns[f"{rest}_id" if rest in REFERENCES else rest] = value


def write_sheets(bound: Bound, case_id: int, *, site_id: int, actor: Actor, last: End | None = None) -> End | None:
    """Write the sheets of a submission; `last` is the end of the case's audit chain, the answer its new end."""
    process = under_process(actor, site_id)
    for kind, data in bound.sheets.items():
        last = fill_sheet(case_id, kind, data, actor=process, last=last)
    return last


def write_values(bound: Bound, case: Case, values: dict[str, Any], *, actor: Actor, plain: bool) -> None:
    """Write a submission into the records of a case.

    `plain` marks values that did not come from a drawn form (a scenario, the API): lines they do not mention stay.
    """
    process = under_process(actor, case.site_id)
    if bound.case:
        known = {
            key: int(value) if key == "mileage_km" and value is not None else value for key, value in bound.case.items()
        }
        change_case(case.pk, actor=process, **{key: value for key, value in known.items() if value is not None})
        case.refresh_from_db()
    if bound.customer and case.customer_id:
        change_customer(case.customer_id, actor=process, **bound.customer)
    if case.customer_id:
        for medium, given in bound.consents.items():
            set_consent(case.customer_id, medium, given=given, actor=process)
    if bound.vehicle and case.vehicle_id:
        change_vehicle(case.vehicle_id, actor=process, **bound.vehicle)
    write_sheets(bound, case.pk, site_id=case.site_id, actor=actor)
    for kind, items in bound.checks.items():
        tick(case.pk, kind, items, actor=process)
    if bound.lines is not None and bound.lines[1]:
        values[bound.lines[0].key] = _write_lines(case, *bound.lines, actor=process, plain=plain)
    for kind, files in bound.photos:
        for number, file in enumerate(files, 1):
            store_attachment(case.pk, kind, file, name=getattr(file, "name", f"{kind}-{number}"), actor=process)
    for kind, drawn, one in bound.signatures:
        _sign(case, kind, drawn, one, actor=process, name=actor.name)


def _sign(case: Case, kind: str, drawn: SignatureInput, one: Field, *, actor: Actor, name: str) -> None:
    own = one.properties.get("signer") == "self"
    signer = drawn.signer or (name if own or case.customer is None else case.customer.name)
    summary = one.label
    if one.properties.get("summary") == "totals":
        facts = CaseFacts(case, actor)
        total = format_yuan(facts.parts_yuan + facts.labour_yuan)
        summary = f"{one.label}：合计 {total}，预计 {facts.hours:.1f} 小时"
    drawing = "data:image/png;base64," + base64.b64encode(drawn.png).decode()
    sign(case.pk, kind, signer=signer, drawing=drawing, actor=actor, summary=summary)


def _write_lines(
    case: Case, one: Field, rows: list[dict[str, Any]], *, actor: Actor, plain: bool
) -> list[dict[str, Any]]:
    """Bring the lines to what the form shows; the rows come back with the ids of their lines."""
    there = list(WorkLine.unscoped.filter(case_id=case.pk).order_by("seq"))
    if plain:
        rows = _matched(rows, there)
    if one.fixed_rows:
        _write_marks(case, rows, there, actor)
        return rows
    kept = [line for line in there if line.status in line_cases.EDITABLE] if plain else []
    named = {row.get("id") for row in rows}
    asked: list[dict[str, Any]] = [{"id": line.pk} for line in kept if line.pk not in named]
    asked += [
        {"id": row.get("id"), **{key: row[key] for key in LINE_VALUES if row.get(key) not in (None, "")}}
        for row in rows
    ]
    line_cases.write_lines(case.pk, asked, actor=actor)
    known = {line.pk for line in there}
    fresh = [line for line in WorkLine.unscoped.filter(case_id=case.pk).order_by("seq") if line.pk not in known]
    for row, line in zip([row for row in rows if not row.get("id")], fresh, strict=False):
        row["id"] = line.pk
    _write_marks(case, rows, there, actor)
    return rows


def _matched(rows: list[dict[str, Any]], there: list[WorkLine]) -> list[dict[str, Any]]:
    """Rows without an id that name an existing line by its words are that line."""
    by_words = {line.description: line for line in there if line.status in line_cases.CURRENT}
    found = []
    for row in rows:
        line = None if row.get("id") else by_words.get(str(row.get("description") or ""))
        found.append({**row, "id": line.pk} if line is not None else row)
    return found


def _write_marks(case: Case, rows: list[dict[str, Any]], there: list[WorkLine], actor: Actor) -> None:
    """Old parts present or not, as checked at the hand-over."""
    for row in rows:
        if row.get("id") and "old_part_present" in row:
            line = next((line for line in there if line.pk == row["id"] and line.part_id), None)
            if line is not None and line.old_part_present != row["old_part_present"]:
                WorkLine.unscoped.filter(pk=line.pk).update(old_part_present=row["old_part_present"])
                after = {"old_part_present": row["old_part_present"]}
                note_on_case(actor, "line.old_part", case, data={"line": line.pk}, after=after)


def read_values(case: Case, form: Form, facts: CaseFacts, variables: Mapping[str, Any]) -> dict[str, Any]:
    """What the system already knows for each field, for pre-filling (marked as such on the screen).

    A choice on which the way depends is made anew each time: an earlier 不同意 says nothing about what was mended.
    """
    known: dict[str, Any] = {}
    for one in form.fields:
        if one.prefill and one.prefill in variables:
            known[one.key] = variables[one.prefill]
            continue
        decides = bool(one.var) and not one.bind and one.kind in CHOICE_KINDS
        value = None if decides else _known(case, one, one.target(form.key), facts)
        if value not in (None, "", []):
            known[one.key] = value
    return known


def _known(case: Case, one: Field, target: str, facts: CaseFacts) -> Any:
    head, _, rest = target.partition(".")
    if head == "lines":
        return [line_row(line) for line in facts.lines]
    if head == "sheet":
        kind, _, name = rest.partition(".")
        return _from_json(one, facts.sheets.get(kind, {}).get(name), facts.zone)
    if head == "consent":
        said = consents_of(case.customer_id).get(rest) if case.customer_id else None
        return None if said is None else "yes" if said.is_given else "no"
    owner: Any = {"case": case, "customer": case.customer, "vehicle": case.vehicle}.get(head)
    if owner is None:
        return None
    return getattr(owner, f"{rest}_id" if rest in REFERENCES else rest, None)


def _from_json(one: Field, value: Any, zone: ZoneInfo) -> Any:
    if one.kind == "datetime" and isinstance(value, str) and value:
        return datetime.fromisoformat(value.replace("Z", "+00:00")).astimezone(zone)
    return value


def line_row(line: WorkLine) -> dict[str, Any]:
    """A work line as a row of a form."""
    return {
        "id": line.pk,
        "raised_by": line.raised_by,
        "description": line.description,
        "job_id": line.job_id,
        "job_code": line.job.code if line.job else "",
        "job_label": line.job.name if line.job else "",
        "part_id": line.part_id,
        "part_code": line.part.code if line.part else "",
        "part_label": line.part.name if line.part else "",
        "quantity": line.quantity if line.part_id else None,
        "part_price_yuan": line.part_price_yuan,
        "labour_hours": line.labour_hours,
        "labour_fee_yuan": line.labour_fee_yuan,
        "status": line.get_status_display(),
        "decision": "agreed" if line.status in ("agreed", "done") else "",
        "inspected_ok": line.inspected_ok,
        "old_part_present": line.old_part_present,
        "total_yuan": line.total_yuan or Decimal("0.00"),
    }
