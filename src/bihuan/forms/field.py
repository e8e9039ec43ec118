"""What a form is made of: immutable fields, sections and the outcome of checking a submission."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Protocol

from msgspec import Struct, field

from bihuan.forms.conditions import Condition

INPUT_KINDS = frozenset(
    {"textfield", "textarea", "number", "select", "radio", "checkbox", "checklist", "date", "datetime", "time"}
    | {"signature", "photos", "damage", "customer", "vehicle", "part", "job", "worklines", "satisfaction"}
    | {"payments", "person", "people"}
)
STATIC_KINDS = frozenset({"text", "separator", "spacer"})
PICKER_KINDS = frozenset({"customer", "vehicle", "part", "job", "person"})
FILE_KINDS = frozenset({"signature", "photos"})
CHOICE_KINDS = frozenset({"select", "radio", "checklist"})
LINE_COLUMNS = (
    "raised_by",
    "description",
    "job",
    "part",
    "quantity",
    "part_price_yuan",
    "labour_hours",
    "labour_fee_yuan",
    "decision",
    "inspected_ok",
    "old_part_present",
    "note",
)
VERDICT_COLUMNS = frozenset({"decision", "inspected_ok", "old_part_present", "note"})
DEFAULT_LINE_COLUMNS = LINE_COLUMNS[:8]
SATISFACTION_LABELS = MappingProxyType({5: "非常满意", 4: "比较满意", 3: "一般", 2: "比较不满意", 1: "非常不满意"})


class Option(Struct, frozen=True):
    """One choice: what is stored and what a person reads."""

    value: str
    label: str


class Rules(Struct, frozen=True):
    """Limits a value must keep. Lengths count characters; `digits` is the number of decimal places allowed."""

    minimum: Decimal | None = None
    maximum: Decimal | None = None
    digits: int | None = None
    min_length: int = 0
    max_length: int = 200
    pattern: str = ""
    pattern_message: str = ""
    format: str = ""
    min_items: int = 0
    max_items: int = 60
    all_items: bool = False
    no_past: bool = False


class Field(Struct, frozen=True):
    """One component of a form.

    `bind` says where the value goes (`case.mileage_km`, `lines`, `sheet.precheck.note` …; empty: the form's own sheet),
    `var` the routing variable it is copied into, `role` whose people a picker of one or several persons offers.
    """

    key: str
    kind: str
    label: str
    required: bool = False
    bind: str = ""
    var: str = ""
    options: tuple[Option, ...] = ()
    rules: Rules = Rules()
    hide: tuple[Condition, ...] = ()
    role: str = ""
    description: str = ""
    text: str = ""
    unit: str = ""
    default: Any = None
    prefill: str = ""
    readonly: bool = False
    wide: bool = False
    columns: tuple[str, ...] = ()
    fixed_rows: bool = False
    check: Condition | None = None
    check_message: str = ""
    properties: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_input(self) -> bool:
        return self.kind in INPUT_KINDS

    @property
    def conditional(self) -> tuple[Condition, ...]:
        """Conditions that hide the field (its own and its groups')."""
        return self.hide

    @property
    def validate(self) -> Rules:
        return self.rules

    @property
    def editable_columns(self) -> tuple[str, ...]:
        """The columns a person may fill in: on fixed rows only the verdicts, if there are any."""
        if self.readonly:
            return ()
        verdicts = tuple(name for name in self.columns if name in VERDICT_COLUMNS)
        return verdicts if self.fixed_rows and verdicts else self.columns

    @property
    def full_label(self) -> str:
        """The label with its unit: 里程（公里）."""
        return f"{self.label}（{self.unit}）" if self.unit else self.label

    @property
    def variables(self) -> tuple[str, ...]:
        """The routing variables that the value fills."""
        bound = self.bind.removeprefix("var.") if self.bind.startswith("var.") else ""
        return tuple(name for name in (self.var, bound) if name)

    def target(self, form_key: str) -> str:
        """Where the value is written: the stated binding, else among the case's files, else the form's own sheet."""
        home = f"{self.kind}.{self.key[:40]}" if self.kind in FILE_KINDS else f"sheet.{form_key}.{self.key}"
        return self.bind or home

    def label_of(self, value: Any) -> str:
        """The label of a stored choice, the value itself when it is no longer offered."""
        return next((option.label for option in self.options if option.value == str(value)), str(value))


class Section(Struct, frozen=True):
    """Fields under one heading (a form-js group); the heading may be empty."""

    label: str
    fields: tuple[Field, ...]


class Resolver(Protocol):
    """Turns what a person typed into a picker (plate, part code, name) into the id of the record, None if unknown."""

    def __call__(self, kind: str, text: str) -> int | None: ...


class FormContext(Struct, frozen=True):
    """What checking needs to know beside the submission.

    `variables` are visible to conditions; `timezone` is the site's zone (IANA name); `now` bounds dates that must not
    lie in the past; `resolve` finds records for pickers.
    """

    variables: Mapping[str, Any] = field(default_factory=dict)
    timezone: str = "Asia/Shanghai"
    now: datetime | None = None
    resolve: Resolver | None = None


class SignatureInput(Struct, frozen=True):
    """A signature as drawn: a checked PNG, and who signed. `attested` marks one recorded without a drawing."""

    png: bytes
    signer: str = ""
    attested: bool = False


class Cleaned(Struct, frozen=True):
    """The outcome: values by field key (hidden fields absent), messages by the name of the input at fault."""

    values: dict[str, Any]
    errors: dict[str, str]
    hidden: frozenset[str] = frozenset()

    @property
    def ok(self) -> bool:
        return not self.errors


def walk(sections: tuple[Section, ...]) -> Iterator[Field]:
    """All components in reading order."""
    for section in sections:
        yield from section.fields
