"""Forms: form-js schemas, their checking and what a screen needs to draw them."""

from __future__ import annotations

from bihuan.forms.field import Cleaned, Field, FormContext, Option, Rules, Section, SignatureInput
from bihuan.forms.form import Form
from bihuan.forms.schema import FormSchemaError, SchemaProblem, check_schema, load

__all__ = [
    "Cleaned",
    "Field",
    "Form",
    "FormContext",
    "FormSchemaError",
    "Option",
    "Rules",
    "SchemaProblem",
    "Section",
    "SignatureInput",
    "check_schema",
    "load",
]
