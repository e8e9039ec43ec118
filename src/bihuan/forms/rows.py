"""Fields that hold several rows: work lines, payments, damage marks on the vehicle outline."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from bihuan.forms.field import Field, FormContext
from bihuan.forms.problems import FieldError, RowError
from bihuan.forms.raw import Raw
from bihuan.forms.scalars import parse_decimal, plain_text, read_boolean
from bihuan.forms.wording import number_limit

MAX_MARKS = 60
MAX_PAYMENTS = 10
MAX_AMOUNT = Decimal(1_000_000)

RAISED_BY = MappingProxyType({"customer": "客户", "technician": "技师", "advisor": "顾问"})
DECISIONS = MappingProxyType({"agreed": "同意", "declined": "不做"})
PAYMENT_METHODS = MappingProxyType(
    {"cash": "现金", "card": "银行卡", "wechat": "微信", "alipay": "支付宝", "transfer": "转账"}
)
DAMAGE_KINDS = MappingProxyType(
    {"scratch": "划痕", "dent": "凹陷", "chip": "掉漆", "crack": "裂纹", "missing": "缺件", "other": "其他"}
)
PRESET_CELLS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "worklines": frozenset({"raised_by", "job_was", "part_was"}),
        "payments": frozenset({"method"}),
        "damage": frozenset({"kind"}),
    }
)
# Regions of the outline seen from above, nose to the left: key -> (label, x, y). The keyboard's way to mark damage.
DAMAGE_REGIONS: Mapping[str, tuple[str, float, float]] = MappingProxyType(
    {
        "front_bumper": ("前保险杠", 0.06, 0.50),
        "bonnet": ("发动机盖", 0.19, 0.50),
        "windscreen": ("前风挡", 0.33, 0.50),
        "roof": ("车顶", 0.52, 0.50),
        "rear_window": ("后风挡", 0.73, 0.50),
        "boot": ("后备箱盖", 0.86, 0.50),
        "rear_bumper": ("后保险杠", 0.95, 0.50),
        "left_front_wing": ("左前翼子板", 0.18, 0.86),
        "left_front_door": ("左前门", 0.42, 0.88),
        "left_rear_door": ("左后门", 0.60, 0.88),
        "left_rear_wing": ("左后翼子板", 0.82, 0.86),
        "right_front_wing": ("右前翼子板", 0.18, 0.14),
        "right_front_door": ("右前门", 0.42, 0.12),
        "right_rear_door": ("右后门", 0.60, 0.12),
        "right_rear_wing": ("右后翼子板", 0.82, 0.14),
        "left_mirror": ("左后视镜", 0.33, 0.96),
        "right_mirror": ("右后视镜", 0.33, 0.04),
    }
)
# Column -> (label, minimum, maximum, decimal places)
LINE_NUMBERS: Mapping[str, tuple[str, Decimal, Decimal, int]] = MappingProxyType(
    {
        "quantity": ("数量", Decimal(0), Decimal(9999), 2),
        "part_price_yuan": ("配件单价", Decimal(0), MAX_AMOUNT, 2),
        "labour_hours": ("工时", Decimal(0), Decimal(999), 2),
        "labour_fee_yuan": ("工时费", Decimal(0), MAX_AMOUNT, 2),
    }
)


def clean_worklines(field: Field, raw: Raw, context: FormContext) -> list[dict[str, Any]]:
    """Work lines: money in yuan, hours in hours, both Decimal; job and part as id (or as typed code when unresolved).

    A line keeps its `id` when it was there before. Only the columns the form offers are read.
    """
    rows = _rows(field, raw)
    cleaned: list[dict[str, Any]] = []
    errors: dict[str, str] = {}
    for number, row in enumerate(rows):
        cleaned.append(_line(field, number, row, context, errors))
    if errors:
        raise RowError(errors)
    return cleaned


def _line(
    field: Field, number: int, row: Mapping[str, Any], context: FormContext, errors: dict[str, str]
) -> dict[str, Any]:
    line: dict[str, Any] = {"id": _row_id(row)}

    def fault(column: str, message: str) -> None:
        errors[f"{field.key}-{number}-{column}"] = f"{field.label}第 {number + 1} 行：{message}"

    for column in field.editable_columns:
        if column in LINE_NUMBERS:
            line[column] = _cell_number(column, row.get(column), fault)
        elif column in {"job", "part"}:
            line[f"{column}_id"], line[f"{column}_code"] = _cell_record(column, row, context, fault)
        elif column == "raised_by":
            line[column] = _cell_choice(
                column, "提出人", row.get(column) or field.properties.get("raised_by") or "advisor", RAISED_BY, fault
            )
        elif column == "decision":
            line[column] = _cell_choice(column, "客户决定", row.get(column) or "", DECISIONS, fault)
        elif column in {"inspected_ok", "old_part_present"}:
            line[column] = read_boolean(row.get(column)) is True
        else:
            line[column] = _cell_text(column, row.get(column), fault)
    if line["id"] is None and field.fixed_rows and "description" in field.columns:
        # A form that was not drawn has no ids: the words say which line is meant.
        line["description"] = _cell_text("description", row.get("description"), fault)
    named = line.get("description") or line.get("job_id") or line.get("job_code") or line.get("part_id")
    if line["id"] is None and "description" in field.editable_columns and not (named or line.get("part_code")):
        fault("description", "请填写内容，或选择作业项目")
    return line


def _row_id(row: Mapping[str, Any]) -> int | None:
    text = str(row.get("id") or "")
    return int(text) if text.isdecimal() and len(text) <= 18 else None


def _cell_number(column: str, value: Any, fault: Any) -> Decimal | None:
    if value in (None, ""):
        return None
    label, minimum, maximum, digits = LINE_NUMBERS[column]
    number = parse_decimal(value)
    if number is None or not minimum <= number <= maximum or number != round(number, digits):
        fault(column, f"{label}{number_limit(minimum, maximum, digits)}")
        return None
    return number


def _cell_record(column: str, row: Mapping[str, Any], context: FormContext, fault: Any) -> tuple[int | None, str]:
    if f"{column}_was" in row and row.get(column) != row[f"{column}_was"]:
        # The text was changed by hand after something had been picked: the text counts, not the old choice.
        row = {column: row.get(column)}
    value = next((row[name] for name in (f"{column}_id", column, f"{column}_code") if row.get(name)), None)
    if value is None:
        return None, ""
    if isinstance(value, int) and not isinstance(value, bool):
        return value, ""
    text = (plain_text(value, multiline=False) or "")[:60]
    if row.get(f"{column}_id") and text.isdecimal() and len(text) <= 18:
        return int(text), ""
    if context.resolve is None:
        return (int(text), "") if text.isdecimal() and len(text) <= 18 else (None, text)
    found = context.resolve(column, text)
    if found is None:
        fault(column, f"没有找到{'作业项目' if column == 'job' else '配件'}“{text}”")
    return found, text


def _cell_choice(column: str, label: str, value: Any, choices: Mapping[str, str], fault: Any) -> str:
    text = str(value).strip()
    for key, name in choices.items():
        if text in (key, name):
            return key
    if text:
        fault(column, f"{label}须为{'、'.join(choices.values())}之一")
    return ""


def _cell_text(column: str, value: Any, fault: Any) -> str:
    text = plain_text(value, multiline=False)
    if text is None or len(text) > 200:
        fault(column, "文字至多 200 字")
        return ""
    return text


def clean_payments(field: Field, raw: Raw, context: FormContext) -> list[dict[str, Any]]:
    """Payments by one or more methods, each more than zero yuan (AUTO-26)."""
    rows = _rows(field, raw, MAX_PAYMENTS)
    errors: dict[str, str] = {}
    cleaned: list[dict[str, Any]] = []
    for number, row in enumerate(rows):
        start = f"{field.label}第 {number + 1} 笔："
        amount = parse_decimal(row.get("amount_yuan"))
        method = next((key for key, name in PAYMENT_METHODS.items() if str(row.get("method")) in (key, name)), "")
        reference = plain_text(row.get("reference"), multiline=False)
        if amount is None or not Decimal(0) < amount <= MAX_AMOUNT or amount != round(amount, 2):
            limit = number_limit(Decimal("0.01"), MAX_AMOUNT, 2)
            errors[f"{field.key}-{number}-amount_yuan"] = f"{start}金额{limit}"
        if not method:
            errors[f"{field.key}-{number}-method"] = f"{start}请选择收款方式：{'、'.join(PAYMENT_METHODS.values())}"
        if reference is None or len(reference) > 60:
            errors[f"{field.key}-{number}-reference"] = f"{start}凭证号至多 60 字"
        cleaned.append({"method": method, "amount_yuan": amount, "reference": reference or ""})
    if errors:
        raise RowError(errors)
    return cleaned


def clean_damage(field: Field, raw: Raw, context: FormContext) -> list[dict[str, Any]]:
    """Damage marks: x and y as shares (0 to 1) of the outline, a kind, a note, and the region when it was named."""
    marks: list[dict[str, Any]] = []
    for number, row in enumerate(_rows(field, raw, MAX_MARKS), 1):
        region = next(
            (key for key, (label, _x, _y) in DAMAGE_REGIONS.items() if str(row.get("region") or "") in (key, label)), ""
        )
        x, y = parse_decimal(row.get("x")), parse_decimal(row.get("y"))
        if region and x is None and y is None:
            x, y = Decimal(str(DAMAGE_REGIONS[region][1])), Decimal(str(DAMAGE_REGIONS[region][2]))
        kind = next((key for key, name in DAMAGE_KINDS.items() if str(row.get("kind") or "") in (key, name)), "")
        note = plain_text(row.get("note"), multiline=False)
        if x is None or y is None or not 0 <= x <= 1 or not 0 <= y <= 1:
            raise FieldError(f"{field.label}第 {number} 处：请在车身图上点出位置，或选择部位")
        if not kind:
            raise FieldError(f"{field.label}第 {number} 处：请选择{'、'.join(DAMAGE_KINDS.values())}之一")
        if note is None or len(note) > 100:
            raise FieldError(f"{field.label}第 {number} 处：说明至多 100 字")
        marks.append({"x": float(x), "y": float(y), "kind": kind, "note": note, "region": region})
    return marks


def entered_rows(field: Field, raw: Raw) -> list[dict[str, Any]] | None:
    """The rows somebody filled in: a row with nothing but preset choices counts as empty. None: no rows at all.

    Messages and the redrawn form number rows by this list.
    """
    rows = raw.rows(field.key)
    if rows is None:
        return None
    preset = PRESET_CELLS[field.kind]
    return [row for row in rows if any(row[name] not in (None, "", []) for name in row if name not in preset)]


def _rows(field: Field, raw: Raw, most: int | None = None) -> list[dict[str, Any]]:
    rows = entered_rows(field, raw)
    if rows is None:
        raise FieldError(f"{field.label}的内容无法识别，请重新填写")
    limit = min(most or field.rules.max_items, field.rules.max_items)
    if len(rows) > limit:
        raise FieldError(f"{field.label}至多 {limit} 行，现有 {len(rows)} 行")
    return rows
