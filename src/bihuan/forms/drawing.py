"""What a screen needs to draw a form: every field with its present value, message, and the conditions as data."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from bihuan.forms.field import SATISFACTION_LABELS, Field, FormContext, Section, SignatureInput
from bihuan.forms.form import Form
from bihuan.forms.raw import Raw
from bihuan.forms.rows import DAMAGE_KINDS, DAMAGE_REGIONS, DECISIONS, PAYMENT_METHODS, RAISED_BY, entered_rows

LISTS = frozenset({"checklist", "people"})
ROW_KINDS = frozenset({"worklines", "payments", "damage"})
SPARE_ROWS = {"worklines": 2, "payments": 1, "damage": 3}


@dataclass(frozen=True, slots=True)
class DrawnField:
    """One field as it stands on the screen. `value` is text, a list of texts or a list of rows, by kind;
    `chosen` are the people of a `people` field, number and name, in their order."""

    field: Field
    value: Any
    error: str = ""
    prefilled: bool = False
    hidden: bool = False
    text: str = ""
    chosen: tuple[tuple[str, str], ...] = ()
    cell_errors: Mapping[str, str] = dataclass_field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.field.key

    @property
    def html_id(self) -> str:
        return f"f-{self.field.key}"

    @property
    def hide_json(self) -> str:
        """The hiding conditions for the browser; "" when there is none or only the server can decide."""
        conditions = [condition.browser for condition in self.field.hide]
        if not conditions or any(condition is None for condition in conditions):
            return ""
        return json.dumps(conditions, ensure_ascii=False, separators=(",", ":"))

    @property
    def described_by(self) -> str:
        parts = [f"{self.html_id}-hint"] if self.field.description else []
        return " ".join(parts + ([f"{self.html_id}-error"] if self.error else []))


@dataclass(frozen=True, slots=True)
class DrawnSection:
    label: str
    fields: tuple[DrawnField, ...]


@dataclass(frozen=True, slots=True)
class DrawnForm:
    """A form ready to be drawn. `errors` are (id of the input, message) for the summary, in reading order."""

    form: Form
    sections: tuple[DrawnSection, ...]
    errors: tuple[tuple[str, str], ...]
    variables_json: str
    payment_methods: ClassVar[Mapping[str, str]] = PAYMENT_METHODS
    raised_by: ClassVar[Mapping[str, str]] = RAISED_BY
    decisions: ClassVar[Mapping[str, str]] = DECISIONS
    damage_kinds: ClassVar[Mapping[str, str]] = DAMAGE_KINDS
    damage_regions: ClassVar[Mapping[str, tuple[str, float, float]]] = DAMAGE_REGIONS
    satisfaction: ClassVar[Mapping[int, str]] = SATISFACTION_LABELS

    @property
    def fields(self) -> Iterator[DrawnField]:
        for section in self.sections:
            yield from section.fields

    def uses(self, kind: str) -> bool:
        """Whether a kind of field is on the form (which islands the page needs)."""
        return any(drawn.field.kind == kind for drawn in self.fields)


def draw_form(
    form: Form,
    *,
    values: Mapping[str, Any] | None = None,
    labels: Mapping[str, str] | None = None,
    names: Mapping[int, str] | None = None,
    raw: Mapping[str, Any] | None = None,
    errors: Mapping[str, str] | None = None,
    prefilled: frozenset[str] | set[str] = frozenset(),
    context: FormContext | None = None,
) -> DrawnForm:
    """Lay out a form with what the system knows (`values`) or with what was just sent (`raw`) and its `errors`.

    `labels` are the readable names of picked records by field key, `names` those of the people of `people` fields by
    number (nobody else is shown as chosen); keys in `prefilled` are marked “系统已填”.
    """
    known = context or FormContext()
    messages = dict(errors or {})
    start: dict[str, Any] = {field.key: field.default for field in form.fields if field.default is not None}
    start.update(values or {})
    reader = Raw(raw) if raw is not None else None
    shown = {field.key: _shown_value(field, start, reader, known) for field in form.fields}
    hidden = form.hidden_keys(_condition_values(form, shown, start), known.variables)
    sections = []
    for section in form.sections:
        drawn = [
            DrawnField(
                field=item,
                value=shown.get(item.key),
                error=messages.get(item.key, ""),
                prefilled=reader is None and item.key in prefilled and shown.get(item.key) not in (None, "", []),
                hidden=item.key in hidden,
                text=_picked_text(item, reader, labels or {}),
                chosen=_chosen(item, shown.get(item.key), names or {}),
                cell_errors={name: text for name, text in messages.items() if name.startswith(f"{item.key}-")},
            )
            for item in section.fields
        ]
        sections.append(DrawnSection(section.label, tuple(drawn)))
    return DrawnForm(
        form=form,
        sections=tuple(sections),
        errors=_summary(form.sections, messages),
        variables_json=_variables_json(form, known.variables),
    )


def _summary(sections: tuple[Section, ...], messages: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    order = [item.key for section in sections for item in section.fields]

    def place(name: str) -> int:
        key = name if name in order else name.rpartition("-")[0].rpartition("-")[0]
        return order.index(key) if key in order else len(order)

    return tuple((f"f-{name}", messages[name]) for name in sorted(messages, key=place))


def _shown_value(field: Field, start: Mapping[str, Any], reader: Raw | None, context: FormContext) -> Any:
    if reader is None or field.readonly:
        return _as_entered(field, start.get(field.key), context)
    if field.kind in ROW_KINDS:
        return entered_rows(field, reader) or []
    if field.kind in LISTS:
        return [str(value) for value in reader.many(field.key)]
    if field.kind in {"photos"}:
        return []
    value = reader.one(field.key)
    return value if isinstance(value, str) else _as_entered(field, value, context)


def _as_entered(field: Field, value: Any, context: FormContext) -> Any:
    if field.kind in ROW_KINDS:
        return [dict(row) for row in value] if isinstance(value, (list, tuple)) else []
    if field.kind in LISTS:
        return [str(item) for item in value] if isinstance(value, (list, tuple, set, frozenset)) else []
    if value is None or isinstance(value, SignatureInput):
        return ""
    if isinstance(value, bool):
        return "true" if value else ""
    if isinstance(value, Decimal):
        return f"{value.normalize():f}" if value == value.to_integral() else f"{value:f}"
    if isinstance(value, datetime):
        zone = ZoneInfo(context.timezone)
        local = value.astimezone(zone) if value.tzinfo is not None else value
        return local.strftime("%Y-%m-%d" if field.kind == "date" else "%Y-%m-%dT%H:%M")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, time):
        return value.strftime("%H:%M")
    return str(value)


def _picked_text(field: Field, reader: Raw | None, labels: Mapping[str, str]) -> str:
    typed = reader.one(f"{field.key}-text") if reader is not None else None
    return typed if isinstance(typed, str) and typed else labels.get(field.key, "")


def _chosen(field: Field, value: Any, names: Mapping[int, str]) -> tuple[tuple[str, str], ...]:
    if field.kind != "people":
        return ()
    numbers = [one for one in value if one.isdecimal() and int(one) in names]
    return tuple((one, names[int(one)]) for one in dict.fromkeys(numbers))


def _condition_values(form: Form, shown: Mapping[str, Any], start: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in form.fields:
        value = shown.get(item.key)
        if item.kind == "checkbox":
            found[item.key] = value not in (None, "", "false", "off", "0")
        elif item.kind in {"number", "satisfaction"} and isinstance(value, str):
            found[item.key] = Decimal(value) if value.replace(".", "", 1).isdecimal() and value.isascii() else None
        elif value in ("", None):
            found[item.key] = None
        else:
            found[item.key] = value if isinstance(value, (str, list)) else start.get(item.key)
    return found


def _variables_json(form: Form, variables: Mapping[str, Any]) -> str:
    """The variables that conditions of this form read, as JSON for the browser; nothing else leaves the server."""
    names: set[str] = set()
    for component in form.components:
        for condition in component.hide:
            names |= _names_in(condition.browser)
    own = {field.key for field in form.fields}
    plain = {
        name: float(variables[name]) if isinstance(variables[name], Decimal) else variables[name]
        for name in sorted(names - own)
        if isinstance(variables.get(name), (str, bool, int, float, Decimal, type(None))) and name in variables
    }
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":"))


def _names_in(tree: Any) -> set[str]:
    if not isinstance(tree, list) or not tree:
        return set()
    if tree[0] == "name" and len(tree) == 2 and isinstance(tree[1], str):
        return {tree[1]}
    return set().union(*(_names_in(branch) for branch in tree))
