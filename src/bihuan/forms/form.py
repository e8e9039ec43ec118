"""A form: sections of fields, and the one place where a submission is checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bihuan.forms.checking import FieldError, RowError, clean_field
from bihuan.forms.field import Cleaned, Field, FormContext, Section, walk
from bihuan.forms.raw import Raw


@dataclass(frozen=True)
class Form:
    """A published form. Loaded once from its schema; holds no data of any submission."""

    key: str
    title: str
    sections: tuple[Section, ...]

    @cached_property
    def components(self) -> tuple[Field, ...]:
        """Everything on the form in reading order, static text included."""
        return tuple(walk(self.sections))

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """The fields a person fills in, in reading order."""
        return tuple(field for field in self.components if field.is_input)

    @cached_property
    def checked_fields(self) -> tuple[Field, ...]:
        """The fields with a condition of their own that their value must hold."""
        return tuple(field for field in self.fields if field.check is not None)

    @cached_property
    def has_conditions(self) -> bool:
        """Whether anything on the form is shown on a condition."""
        return any(field.hide for field in self.components)

    def field(self, key: str) -> Field | None:
        """The field of that key, None if the form has none."""
        return next((field for field in self.fields if field.key == key), None)

    def hidden_keys(self, values: Mapping[str, Any], variables: Mapping[str, Any]) -> frozenset[str]:
        """Keys of components that their conditions hide, given values entered so far.

        Decided in reading order: a hidden field is null to the conditions after it.
        """
        if not self.has_conditions:
            return frozenset()
        scope: dict[str, Any] = {**variables}
        for field in self.fields:
            if field.key in values or field.key not in scope:
                scope[field.key] = values.get(field.key)
            if field.var and field.key in values:
                scope[field.var] = values[field.key]
        hidden: set[str] = set()
        for field in self.components:
            if any(condition.holds(scope) for condition in field.hide):
                hidden.add(field.key)
                if field.is_input:
                    scope[field.key] = None
        return frozenset(hidden)

    def clean(
        self,
        raw: Mapping[str, Any],
        files: Mapping[str, Any] | None = None,
        *,
        context: FormContext | Mapping[str, Any] | None = None,
    ) -> Cleaned:
        """Check a submission (QueryDict or plain mapping). Unknown names are ignored; hidden fields are not kept.

        Each value is checked by its own type; messages are in Chinese, name the field and say its limit.
        Requirement: forms of issue A; AUTO-05, AUTO-13 and AUTO-30 rest on the required and conditional fields.
        """
        known = context if isinstance(context, FormContext) else FormContext(variables=context or {})
        reader = Raw(raw, files)
        values: dict[str, Any] = {}
        errors: dict[str, dict[str, str]] = {}
        for field in self.fields:
            if field.readonly:
                continue
            try:
                values[field.key] = clean_field(field, reader, known)
            except FieldError as error:
                errors[field.key] = {field.key: str(error)}
            except RowError as error:
                errors[field.key] = error.messages
        hidden = self.hidden_keys(values, known.variables)
        kept = {key: value for key, value in values.items() if key not in hidden} if hidden else values
        messages = {
            name: message for key, found in errors.items() if key not in hidden for name, message in found.items()
        }
        checked = [field for field in self.checked_fields if kept.get(field.key) is not None]
        # Variables may be looked up in the database when they are first read: only a condition does.
        scope = {**known.variables, **kept} if checked else kept
        for field in checked:
            if field.check is not None and not field.check.holds(scope):
                messages.setdefault(field.key, field.check_message)
        return Cleaned(values=kept, errors=messages, hidden=hidden)
