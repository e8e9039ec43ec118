"""Reading a form-js JSON schema into a `Form`, or into the list of what is wrong with it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from bihuan.forms.conditions import Condition, ConditionError, compile_condition
from bihuan.forms.field import (
    CHOICE_KINDS,
    DEFAULT_LINE_COLUMNS,
    FILE_KINDS,
    INPUT_KINDS,
    LINE_COLUMNS,
    STATIC_KINDS,
    Field,
    Option,
    Rules,
    Section,
)
from bihuan.forms.form import Form

KEY = re.compile(r"[^\W\d]\w{0,59}\Z")
BIND = re.compile(
    r"(?:var|case|customer|vehicle)\.\w+|sheet\.\w+\.\w+|(?:signature|photos|checks)\.\w{1,40}|consent\.(?:sms|mail)|lines|payments"
)
BIND_KINDS: Mapping[str, frozenset[str]] = {
    "signature": frozenset({"signature"}),
    "photos": frozenset({"photos"}),
    "lines": frozenset({"worklines"}),
    "payments": frozenset({"payments"}),
    "checks": frozenset({"checklist", "checkbox"}),
    "consent": frozenset({"radio"}),
}
FORMATS = frozenset({"", "phone", "email", "plate", "vin"})
MAX_COMPONENTS = 200
MAX_DEPTH = 4
MOST_ITEMS: Mapping[str, int] = {"photos": 12, "people": 20}
"""Of how many a field may be that does not say so itself."""
MAX_SCHEMA_LENGTH = 400_000


@dataclass(frozen=True, slots=True)
class SchemaProblem:
    """One fault of a schema: which component, and what is wrong with it."""

    component: str
    reason: str

    def __str__(self) -> str:
        return f"{self.component}：{self.reason}"


class FormSchemaError(ValueError):
    """A schema that cannot be used; `.problems` names every fault."""

    def __init__(self, problems: tuple[SchemaProblem, ...]) -> None:
        super().__init__("；".join(str(problem) for problem in problems[:10]))
        self.problems = problems


def check_schema(schema: Mapping[str, Any] | str | bytes) -> list[SchemaProblem]:
    """Every problem of a schema; empty when it can be loaded. Never raises."""
    try:
        load(schema)
    except FormSchemaError as error:
        return list(error.problems)
    return []


def load(schema: Mapping[str, Any] | str | bytes) -> Form:
    """Read a form-js schema (mapping or JSON text). Raises FormSchemaError naming each component at fault."""
    if isinstance(schema, (str, bytes)):
        schema = _parse_text(schema)
    reader = _SchemaReader()
    if not isinstance(schema, Mapping) or not isinstance(schema.get("components"), list):
        raise FormSchemaError((SchemaProblem("表单", "须为带有 components 列表的 JSON 对象"),))
    reader.read_components(schema["components"], label="", hide=(), depth=0)
    reader.check_sentences_present()
    if reader.problems:
        raise FormSchemaError(tuple(reader.problems))
    return Form(
        key=str(schema.get("id") or schema.get("key") or ""),
        title=str(schema.get("title") or ""),
        sections=tuple(section for section in reader.sections if section.fields),
    )


def _parse_text(text: str | bytes) -> Any:
    if len(text) > MAX_SCHEMA_LENGTH:
        raise FormSchemaError((SchemaProblem("表单", f"超过 {MAX_SCHEMA_LENGTH // 1000} KB"),))
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FormSchemaError((SchemaProblem("表单", f"不是有效的 JSON：{error}"),)) from error


class _SchemaReader:
    def __init__(self) -> None:
        self.problems: list[SchemaProblem] = []
        self.sections: list[Section] = []
        self._seen: set[str] = set()
        self._count = 0
        self._where = "表单"

    def _problem(self, reason: str) -> None:
        self.problems.append(SchemaProblem(self._where, reason))

    def read_components(self, components: list[Any], *, label: str, hide: tuple[Condition, ...], depth: int) -> None:
        if depth > MAX_DEPTH:
            self._problem(f"分组嵌套超过 {MAX_DEPTH} 层")
            return
        open_fields: list[Field] = []
        for position, component in enumerate(components, 1):
            self._count += 1
            if self._count > MAX_COMPONENTS:
                self._where = "表单"
                self._problem(f"组件超过 {MAX_COMPONENTS} 个")
                return
            if not isinstance(component, Mapping):
                self._where = f"第 {position} 个组件"
                self._problem("须为 JSON 对象")
                continue
            self._where = f"组件 {component.get('key') or component.get('id') or f'第 {position} 个'}"
            kind = _kind_of(component)
            if kind == "group":
                self.sections.append(Section(label, tuple(open_fields)))
                open_fields, nested = [], component.get("components")
                inner_hide = hide + self._hide(component)
                if isinstance(nested, list):
                    self.read_components(
                        nested, label=str(component.get("label") or ""), hide=inner_hide, depth=depth + 1
                    )
                else:
                    self._problem("分组须有 components 列表")
            elif kind in INPUT_KINDS or kind in STATIC_KINDS:
                open_fields.append(self._field(kind, component, hide))
            elif kind != "button":
                self._problem(f"不认识的组件类型“{component.get('type')}”")
        self.sections.append(Section(label, tuple(open_fields)))

    def _field(self, kind: str, component: Mapping[str, Any], hide: tuple[Condition, ...]) -> Field:
        properties = component.get("properties") or {}
        if not isinstance(properties, Mapping):
            self._problem("properties 须为对象")
            properties = {}
        key = str(component.get("key") or component.get("id") or f"static_{self._count}")
        if kind in INPUT_KINDS:
            self._check_key(component.get("key"))
        validate = component.get("validate") or {}
        if not isinstance(validate, Mapping):
            self._problem("validate 须为对象")
            validate = {}
        return Field(
            key=key,
            kind=kind,
            label=self._label(kind, component),
            required=validate.get("required") is True,
            bind=self._bind(kind, properties),
            var=self._var(kind, properties),
            options=self._options(kind, component),
            rules=self._rules(kind, component, validate),
            hide=hide + self._hide(component),
            role=str(properties.get("role") or component.get("role") or ""),
            description=str(component.get("description") or ""),
            text=str(component.get("text") or ""),
            unit=str(properties.get("unit") or ""),
            default=component.get("defaultValue"),
            prefill=str(properties.get("prefill") or ""),
            readonly=component.get("readonly") is True or component.get("disabled") is True,
            wide=_flag(properties.get("wide")),
            columns=self._columns(kind, properties),
            fixed_rows=_flag(properties.get("fixed")),
            check=self._condition(properties.get("check")),
            check_message=str(properties.get("check_message") or ""),
            properties=dict(properties),
        )

    def _check_key(self, key: Any) -> None:
        if not isinstance(key, str) or not KEY.match(key):
            self._problem("key 须以字母开头，只含字母、数字和下划线，至多 60 字")
        elif key in self._seen:
            self._problem("key 重复")
        else:
            self._seen.add(key)

    def _label(self, kind: str, component: Mapping[str, Any]) -> str:
        label = component.get("label") or component.get("dateLabel") or component.get("timeLabel") or ""
        if kind in INPUT_KINDS and not str(label).strip():
            self._problem("缺少 label（人读的名称）")
        return str(label)

    def _bind(self, kind: str, properties: Mapping[str, Any]) -> str:
        bind = str(properties.get("bind") or "")
        if not bind:
            return ""
        if not BIND.fullmatch(bind):
            self._problem(f"bind “{bind}” 不是认识的去处（如 var.名、case.字段、sheet.表.字段、lines）")
            return ""
        root = bind.partition(".")[0]
        if root in BIND_KINDS and kind not in BIND_KINDS[root]:
            self._problem(f"bind “{bind}” 与组件类型“{kind}”不符")
        if kind in {"worklines"} and root not in {"lines", "sheet"}:
            self._problem(f"作业项目不能写入“{bind}”")
        return bind

    def _var(self, kind: str, properties: Mapping[str, Any]) -> str:
        name = str(properties.get("var") or "")
        if name and kind in FILE_KINDS:
            self._problem("签名和照片不能放进变量")
        if name and not KEY.match(name):
            self._problem(f"var “{name}” 不是有效的变量名")
            return ""
        return name

    def _options(self, kind: str, component: Mapping[str, Any]) -> tuple[Option, ...]:
        raw = component.get("values")
        if kind not in CHOICE_KINDS:
            return ()
        if not isinstance(raw, list) or not raw:
            self._problem("选择类组件须有 values 列表")
            return ()
        found: list[Option] = []
        for item in raw:
            if not isinstance(item, Mapping) or item.get("value") in (None, ""):
                self._problem("values 的每一项须有 value 和 label")
                continue
            found.append(Option(str(item["value"]), str(item.get("label") or item["value"])))
        if len({option.value for option in found}) != len(found):
            self._problem("values 中有重复的 value")
        return tuple(found)

    def _rules(self, kind: str, component: Mapping[str, Any], validate: Mapping[str, Any]) -> Rules:
        default_length = 2000 if kind == "textarea" else 200
        format_name = str(validate.get("validationType") or "")
        if format_name not in FORMATS and format_name != "custom":
            self._problem(f"不认识的 validationType“{format_name}”")
        pattern = str(validate.get("pattern") or "")
        if pattern:
            try:
                re.compile(pattern)
            except re.error as error:
                self._problem(f"pattern 写法有误：{error}")
                pattern = ""
        minimum, maximum = self._number("min", validate), self._number("max", validate)
        if minimum is not None and maximum is not None and minimum > maximum:
            self._problem("min 大于 max")
        digits = component.get("decimalDigits", validate.get("decimalDigits"))
        return Rules(
            minimum=minimum,
            maximum=maximum,
            digits=digits if isinstance(digits, int) and 0 <= digits <= 6 else None,
            min_length=self._count_rule("minLength", validate, 0),
            max_length=min(self._count_rule("maxLength", validate, default_length), 20_000),
            pattern=pattern,
            pattern_message=str(validate.get("pattern_message") or validate.get("patternMessage") or ""),
            format="" if format_name == "custom" else format_name,
            min_items=self._count_rule("minItems", validate, 0),
            max_items=min(self._count_rule("maxItems", validate, MOST_ITEMS.get(kind, 60)), 200),
            all_items=validate.get("all") is True,
            no_past=component.get("disallowPassedDates") is True or validate.get("noPast") is True,
        )

    def _number(self, name: str, validate: Mapping[str, Any]) -> Decimal | None:
        value = validate.get(name)
        if value is None or value == "":
            return None
        try:
            return Decimal(str(value))
        except InvalidOperation:
            self._problem(f"validate.{name} 须为数")
            return None

    def _count_rule(self, name: str, validate: Mapping[str, Any], default: int) -> int:
        value = validate.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            self._problem(f"validate.{name} 须为非负整数")
            return default
        return value

    def _hide(self, component: Mapping[str, Any]) -> tuple[Condition, ...]:
        conditional = component.get("conditional")
        if not isinstance(conditional, Mapping):
            return ()
        condition = self._condition(conditional.get("hide"))
        return (condition,) if condition is not None else ()

    def _condition(self, text: Any) -> Condition | None:
        if text is None or text == "":
            return None
        try:
            return compile_condition(str(text))
        except ConditionError as error:
            self._problem(str(error))
            return None

    def _columns(self, kind: str, properties: Mapping[str, Any]) -> tuple[str, ...]:
        if kind != "worklines":
            return ()
        given = properties.get("columns")
        if not given:
            return DEFAULT_LINE_COLUMNS
        names = given.replace(",", " ").split() if isinstance(given, str) else [str(name) for name in given]
        unknown = [name for name in names if name not in LINE_COLUMNS]
        if unknown:
            self._problem(f"不认识的列“{unknown[0]}”")
        return tuple(name for name in LINE_COLUMNS if name in names)

    def check_sentences_present(self) -> None:
        """A check must carry the sentence a person gets when it fails."""
        for field in self._all_fields():
            if field.check is not None and not field.check_message:
                self._where = f"组件 {field.key}"
                self._problem("有 check 时须有 check_message")

    def _all_fields(self) -> Iterator[Field]:
        for section in self.sections:
            yield from section.fields


def _kind_of(component: Mapping[str, Any]) -> str:
    kind = str(component.get("type") or "")
    if kind == "datetime":
        return {"date": "date", "time": "time"}.get(str(component.get("subtype") or ""), "datetime")
    return "radio" if kind == "radio-group" else kind


def _flag(value: Any) -> bool:
    return value is True or str(value).lower() in {"true", "1", "yes"}
