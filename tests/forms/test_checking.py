"""Checking a submission: each kind of field, what clumsy and hostile people type, and the message they get."""

from __future__ import annotations

import base64
import io
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from PIL import Image, ImageDraw

from bihuan.forms import Cleaned, FormContext, SignatureInput, load

CHOICES = [{"value": "wait", "label": "店内等候"}, {"value": "leave", "label": "离店"}]


def one(component: dict[str, Any]) -> Any:
    return load({"components": [{"key": "x", "label": "栏目", **component}]})


def clean(component: dict[str, Any], value: Any, **more: Any) -> Cleaned:
    return one(component).clean({"x": value, **more})  # type: ignore[no-any-return]


def png(drawn: bool = True, size: tuple[int, int] = (300, 100)) -> bytes:
    image = Image.new("RGBA", size, (255, 255, 255, 0))
    if drawn:
        ImageDraw.Draw(image).line([(10, 80), (100, 10), (200, 90)], fill="black", width=4)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def data_url(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


@pytest.mark.parametrize(
    ("typed", "value"),
    [("12000", "12000"), ("12,000", "12000"), ("１２０００", "12000"), (" 7 ", "7"), (48210, "48210"), ("¥35", "35")],
)
def test_numbers_are_read_as_people_type_them(typed: Any, value: str) -> None:
    assert clean({"type": "number"}, typed).values["x"] == Decimal(value)


@pytest.mark.parametrize(
    "typed", ["-1", "2000001", "1.5", "1e3", "NaN", "Infinity", "十二", "1,2,3", True, [1], "9" * 40]
)
def test_a_wrong_number_is_told_the_field_and_its_limit(typed: Any) -> None:
    mileage = {
        "type": "number",
        "label": "里程",
        "decimalDigits": 0,
        "validate": {"min": 0, "max": 2000000},
        "properties": {"unit": "公里"},
    }
    assert clean(mileage, typed).errors == {"x": "里程（公里）须为 0 到 2,000,000 的整数"}


def test_decimal_places_are_limited() -> None:
    hours = {"type": "number", "decimalDigits": 1, "validate": {"min": 0, "max": 99}}
    assert clean(hours, "1.5").values["x"] == Decimal("1.5")
    assert clean(hours, "1.55").errors["x"] == "栏目须为 0 到 99 的数，至多 1 位小数"


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("textfield", "请填写栏目"),
        ("number", "请填写栏目"),
        ("checkbox", "请确认并勾选：栏目"),
        ("satisfaction", "请选择栏目"),
        ("signature", "栏目：请签名"),
        ("photos", "栏目：请至少拍一张照片"),
        ("worklines", "栏目至少填写一行"),
        ("vehicle", "请选择栏目"),
    ],
)
def test_an_empty_required_field_says_what_to_do(kind: str, message: str) -> None:
    form = one({"type": kind, "validate": {"required": True}})
    assert form.clean({}).errors == {"x": message}
    assert form.clean({"x": "" if kind != "worklines" else []}).errors == {"x": message}


def test_text_is_trimmed_and_loses_control_and_direction_characters() -> None:
    assert clean({"type": "textfield"}, "  张\u202e伟\x00  先生 ").values["x"] == "张伟 先生"
    assert clean({"type": "textarea"}, "一\r\n二\n").values["x"] == "一\n二"


def test_text_length_is_bounded_and_counted() -> None:
    assert (
        clean({"type": "textfield", "validate": {"maxLength": 5}}, "一二三四五六").errors["x"]
        == "栏目至多 5 字，现有 6 字"
    )


@pytest.mark.parametrize(
    ("kind", "typed", "kept"),
    [
        ("phone", "+86 139-0000-1234", "13900001234"),
        ("plate", "示a·12345", "示A12345"),
        ("vin", "lsvaa4182e2123456", "LSVAA4182E2123456"),
    ],
)
def test_phones_plates_and_vins_are_put_in_one_form(kind: str, typed: str, kept: str) -> None:
    assert clean({"type": "textfield", "validate": {"validationType": kind}}, typed).values["x"] == kept


def test_a_wrong_phone_is_told_the_format() -> None:
    answer = clean({"type": "textfield", "label": "电话", "validate": {"validationType": "phone"}}, "12345")
    assert answer.errors["x"] == "电话须为 11 位手机号，或带区号的座机号"


def test_choices_are_taken_by_value_or_by_label() -> None:
    assert clean({"type": "radio", "values": CHOICES}, "leave").values["x"] == "leave"
    assert clean({"type": "radio", "values": CHOICES}, "离店").values["x"] == "leave"
    assert clean({"type": "select", "values": CHOICES}, "别的").errors["x"] == "栏目须从所列选项中选择：店内等候、离店"


def test_a_checklist_that_must_be_whole_names_what_is_missing() -> None:
    kit = {"type": "checklist", "values": CHOICES, "validate": {"required": True, "all": True}}
    assert clean(kit, ["wait"]).errors["x"] == "栏目须逐项勾选，还差：离店"
    assert clean(kit, ["离店", "wait", "wait"]).values["x"] == ["wait", "leave"]
    assert one(kit).clean(QueryDict("x=wait&x=leave")).ok


@pytest.mark.parametrize("typed", ["2026-11-24", "2026/11/24", "2026年11月24日", date(2026, 11, 24)])
def test_days_are_read_in_the_usual_spellings(typed: Any) -> None:
    assert clean({"type": "datetime", "subtype": "date"}, typed).values["x"] == date(2026, 11, 24)


@pytest.mark.parametrize("typed", ["2026-02-30", "2026-13-01", "昨天", 20261124, "0001-01-01"])
def test_days_that_do_not_exist_are_refused(typed: Any) -> None:
    assert clean({"type": "date"}, typed).errors["x"] == "栏目须为日期，如 2026-11-24"


@pytest.mark.parametrize("typed", ["2026-11-24T14:30", "2026-11-24 14:30", datetime(2026, 11, 24, 14, 30)])
def test_a_moment_without_zone_is_meant_in_the_sites_zone(typed: Any) -> None:
    answer = one({"type": "datetime"}).clean({"x": typed}, context=FormContext(timezone="Asia/Shanghai"))
    assert answer.values["x"].astimezone(UTC) == datetime(2026, 11, 24, 6, 30, tzinfo=UTC)


def test_a_moment_in_the_past_is_refused_where_the_form_says_so() -> None:
    later = {"type": "datetime", "disallowPassedDates": True}
    context = FormContext(now=datetime(2026, 11, 24, 8, 0, tzinfo=UTC))
    assert one(later).clean({"x": "2026-11-24 15:00"}, context=context).errors["x"] == "栏目不能早于现在"


def test_a_time_survives_yaml_reading_it_as_minutes() -> None:
    assert clean({"type": "time"}, 870).values["x"] == time(14, 30)
    assert clean({"type": "time"}, "25:00").errors["x"] == "栏目须为时刻，如 14:30"


def test_satisfaction_has_five_levels() -> None:
    assert clean({"type": "satisfaction"}, "5").values["x"] == 5
    assert clean({"type": "satisfaction"}, "非常不满意").values["x"] == 1
    assert "非常满意" in clean({"type": "satisfaction"}, 6).errors["x"]


def test_leaving_needs_a_phone_and_waiting_does_not_keep_one() -> None:
    form = load(
        {
            "components": [
                {
                    "type": "radio",
                    "key": "mode",
                    "label": "等候方式",
                    "values": CHOICES,
                    "validate": {"required": True},
                },
                {
                    "type": "textfield",
                    "key": "phone",
                    "label": "电话",
                    "validate": {"required": True, "validationType": "phone"},
                    "conditional": {"hide": '=mode != "leave"'},
                },
            ]
        }
    )
    assert form.clean({}).errors == {"mode": "请选择等候方式"}
    assert form.clean({"mode": "leave"}).errors == {"phone": "请填写电话"}
    waiting = form.clean({"mode": "wait", "phone": "junk"})
    assert waiting.ok
    assert waiting.values == {"mode": "wait"}
    assert waiting.hidden == {"phone"}


def test_a_hidden_field_is_nothing_to_the_conditions_after_it() -> None:
    form = load(
        {
            "components": [
                {"type": "checkbox", "key": "a", "label": "甲"},
                {"type": "textfield", "key": "b", "label": "乙", "conditional": {"hide": "=a = false"}},
                {"type": "textfield", "key": "c", "label": "丙", "conditional": {"hide": "=b = null"}},
            ]
        }
    )
    assert form.clean({"b": "写了", "c": "也写了"}).values == {"a": False}


def test_a_check_across_fields_gives_its_own_sentence() -> None:
    form = one(
        {
            "type": "checklist",
            "values": CHOICES,
            "properties": {"check": '=list contains(x, "wait")', "check_message": "先收钥匙"},
        }
    )
    assert form.clean({"x": ["leave"]}).errors == {"x": "先收钥匙"}
    assert form.clean({"x": ["wait"]}).ok


def test_unknown_names_and_readonly_fields_are_ignored() -> None:
    form = load({"components": [{"type": "number", "key": "x", "label": "数", "readonly": True}]})
    assert form.clean({"x": "9", "is_admin": "1", "__class__": "y"}) == Cleaned({}, {}, frozenset())


def test_a_drawn_signature_is_checked_and_kept_with_its_signer() -> None:
    assert one({"type": "signature"}).clean(QueryDict("")).values["x"] is None
    posted = QueryDict(mutable=True)
    posted["x"], posted["x-signer"] = data_url(png()), "周建国"
    found = one({"type": "signature"}).clean(posted).values["x"]
    assert isinstance(found, SignatureInput)
    assert (found.signer, found.attested, found.png[:4]) == ("周建国", False, b"\x89PNG")


@pytest.mark.parametrize(
    "value",
    [
        "data:image/png;base64,AAAA",
        "data:image/svg+xml;base64,PHN2Zz48L3N2Zz4=",
        "data:image/png;base64,***",
        data_url(png(drawn=False)),
        data_url(png(size=(5000, 10))),
        data_url(b"GIF89a" + b"0" * 100),
        "周建国",
        "data:image/png;base64," + "A" * 900_000,
    ],
)
def test_a_browser_cannot_pass_off_something_else_as_a_signature(value: str) -> None:
    posted = QueryDict(mutable=True)
    posted["x"] = value
    assert "签名" in one({"type": "signature"}).clean(posted).errors["x"]


def test_a_scenario_may_name_the_signer_and_it_is_kept_as_attested() -> None:
    found = clean({"type": "signature"}, {"signer": "周建国"}).values["x"]
    assert (found.signer, found.attested) == ("周建国", True)


def test_a_paper_signature_may_be_uploaded_instead() -> None:
    files = MultiValueDict({"x-paper": [SimpleUploadedFile("a.jpg", png(), "image/jpeg")]})
    assert one({"type": "signature"}).clean(QueryDict(""), files).values["x"].png[:4] == b"\x89PNG"


def test_photos_are_known_by_their_bytes_and_counted() -> None:
    form = one({"type": "photos", "validate": {"maxItems": 2}})
    good = [SimpleUploadedFile(f"{n}.png", png()) for n in range(3)]
    assert len(form.clean(QueryDict(""), MultiValueDict({"x": good[:2]})).values["x"]) == 2
    assert form.clean(QueryDict(""), MultiValueDict({"x": good})).errors["x"] == "栏目至多 2 张，现有 3 张"
    bad = MultiValueDict({"x": [SimpleUploadedFile("evil.jpg", b"<svg onload=alert(1)>", "image/jpeg")]})
    assert form.clean(QueryDict(""), bad).errors["x"] == "栏目第 1 张：不是 JPEG、PNG 或 WebP 图片，或文件已损坏"


@pytest.mark.parametrize("kind", ["customer", "vehicle", "part", "job", "person"])
def test_pickers_take_an_id_or_resolve_what_was_typed(kind: str) -> None:
    def resolve(asked: str, text: str) -> int | None:
        return 7 if (asked, text) == (kind, "示A12345") else None

    context = FormContext(resolve=resolve)
    form = one({"type": kind})
    assert form.clean({"x": 3}, context=context).values["x"] == 3
    assert form.clean({"x": "示A12345"}, context=context).values["x"] == 7
    assert form.clean(QueryDict("x=&x-text=示A12345"), context=context).values["x"] == 7
    assert "没有找到" in form.clean(QueryDict("x-text=没有"), context=context).errors["x"]


def test_changing_the_text_after_picking_drops_the_old_choice() -> None:
    context = FormContext(resolve=lambda kind, text: 9 if text == "新的" else None)
    posted = QueryDict("x=3&x-was=旧的&x-text=新的")
    assert one({"type": "customer"}).clean(posted, context=context).values["x"] == 9
    assert one({"type": "customer"}).clean(QueryDict("x=3&x-was=旧的&x-text=旧的")).values["x"] == 3


def test_several_people_are_kept_in_their_order_once_each_and_within_their_number() -> None:
    known = FormContext(resolve=lambda kind, text: {"李强": 7, "周敏": 9}.get(text) if kind == "person" else None)
    form = one({"type": "people", "label": "会签人", "validate": {"minItems": 2, "maxItems": 3}})
    posted = QueryDict("x=9&x=4&x=9&x-text=李强")
    assert form.clean(posted, context=known).errors == {"x": "会签人至多选 3 人"}
    assert form.clean(QueryDict("x=9&x=4&x-text=李强"), context=known).values["x"] == [9, 4, 7]
    assert form.clean({"x": ["周敏", 4]}, context=known).values["x"] == [9, 4]
    assert form.clean({"x": "李强、 周敏"}, context=known).values["x"] == [7, 9]
    assert form.clean({"x": ["李强"]}, context=known).errors == {"x": "会签人至少选 2 人"}
    assert form.clean({"x": ["周", "李强"]}, context=known).errors == {"x": "会签人：没有找到人员“周”，请从列表中选择"}
    assert form.clean({}, context=known).values["x"] == [], "not asked for, not missing"
    huge = form.clean(QueryDict(f"x={'9' * 40}&x=4"), context=known)
    assert "没有找到人员" in huge.errors["x"]
