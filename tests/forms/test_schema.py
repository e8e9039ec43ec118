"""Reading schemas: what is wrong is named by component; every form of the shipped packs loads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import bihuan
from bihuan.forms import FormContext, FormSchemaError, check_schema, load
from bihuan.forms.drawing import draw_form

PACKS = Path(bihuan.__file__).parent / "packs"


@pytest.mark.parametrize(
    ("component", "reason"),
    [
        ({"type": "iframe", "key": "a"}, "组件 a：不认识的组件类型“iframe”"),
        ({"type": "textfield", "key": "1a", "label": "甲"}, "key 须以字母开头"),
        ({"type": "textfield", "key": "a"}, "缺少 label"),
        ({"type": "select", "key": "a", "label": "甲"}, "选择类组件须有 values 列表"),
        ({"type": "select", "key": "a", "label": "甲", "values": [{"value": "x"}, {"value": "x"}]}, "重复的 value"),
        ({"type": "textfield", "key": "a", "label": "甲", "properties": {"bind": "users.password"}}, "不是认识的去处"),
        ({"type": "textfield", "key": "a", "label": "甲", "properties": {"bind": "custody.x"}}, "不是认识的去处"),
        ({"type": "signature", "key": "a", "label": "甲", "properties": {"var": "a"}}, "签名和照片不能放进变量"),
        (
            {"type": "textfield", "key": "a", "label": "甲", "properties": {"bind": "lines"}},
            "与组件类型“textfield”不符",
        ),
        ({"type": "number", "key": "a", "label": "甲", "validate": {"min": 5, "max": 1}}, "min 大于 max"),
        ({"type": "number", "key": "a", "label": "甲", "validate": {"min": "x"}}, "validate.min 须为数"),
        ({"type": "textfield", "key": "a", "label": "甲", "validate": {"pattern": "("}}, "pattern 写法有误"),
        ({"type": "textfield", "key": "a", "label": "甲", "conditional": {"hide": "=1 +"}}, "写法有误"),
        ({"type": "worklines", "key": "a", "label": "甲", "properties": {"columns": ["secret"]}}, "不认识的列“secret”"),
        ({"type": "textfield", "key": "a", "label": "甲", "properties": {"check": "=a = 1"}}, "check_message"),
        ({"type": "group", "label": "组"}, "分组须有 components 列表"),
        ("nonsense", "须为 JSON 对象"),
    ],
)
def test_a_fault_is_named_with_its_component(component: Any, reason: str) -> None:
    problems = check_schema({"components": [component]})
    assert any(reason in str(problem) for problem in problems), problems


def test_a_key_used_twice_is_found_across_groups() -> None:
    field = {"type": "textfield", "key": "a", "label": "甲"}
    schema = {"components": [field, {"type": "group", "label": "组", "components": [field]}]}
    assert [str(problem) for problem in check_schema(schema)] == ["组件 a：key 重复"]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"components": 3}', "[" * 100_000, "x" * 500_000])
def test_what_is_no_schema_is_refused_without_breaking(text: str) -> None:
    assert check_schema(text)
    with pytest.raises(FormSchemaError):
        load(text)


def test_all_faults_are_reported_at_once() -> None:
    assert len(check_schema({"components": [{"type": "x", "key": "a"}, {"type": "y", "key": "b"}]})) == 2


@pytest.mark.parametrize("path", sorted(PACKS.glob("*/forms/*.json")), ids=lambda path: path.stem)
def test_every_shipped_form_loads_and_can_be_drawn(path: Path) -> None:
    form = load(path.read_bytes())
    assert form.fields or form.components
    drawn = draw_form(form)
    assert [item.name for item in drawn.fields if item.field.is_input] == [field.key for field in form.fields]


def test_simple_conditions_reach_the_browser_and_richer_ones_do_not() -> None:
    schema = {
        "components": [
            {"type": "textfield", "key": "a", "label": "甲"},
            {
                "type": "textfield",
                "key": "b",
                "label": "乙",
                "conditional": {"hide": '=a != "x" and not(state in ("p", "q"))'},
            },
            {"type": "textfield", "key": "c", "label": "丙", "conditional": {"hide": "=some v in [1] satisfies v = 1"}},
        ]
    }
    drawn = draw_form(load(schema), context=None)
    _a, b, c = drawn.fields
    assert b.hide_json == '[["and",["!=",["name","a"],"x"],["not",["in",["name","state"],["p","q"]]]]]'
    assert (c.hide_json, c.hidden) == ("", True)


def test_only_the_variables_that_conditions_read_leave_the_server() -> None:
    schema = {"components": [{"type": "textfield", "key": "b", "label": "乙", "conditional": {"hide": "=state = 1"}}]}
    from_server = {"state": 1, "secret": "x"}
    form = load(schema)
    assert form.hidden_keys({}, from_server) == {"b"}
    from_drawing = draw_form(form, context=FormContext(variables=from_server)).variables_json
    assert from_drawing == '{"state":1}'


def test_a_refused_form_is_drawn_with_what_was_typed_and_its_messages_in_order() -> None:
    form = load(
        {
            "components": [
                {"type": "number", "key": "km", "label": "里程", "validate": {"max": 9}},
                {"type": "worklines", "key": "lines", "label": "项目"},
            ]
        }
    )
    raw = {"km": "12x", "lines": [{"description": "a", "quantity": "z"}]}
    drawn = draw_form(form, values={"km": 5}, prefilled={"km"}, raw=raw, errors=form.clean(raw).errors)
    assert [name for name, _message in drawn.errors] == ["f-km", "f-lines-0-quantity"]
    km, lines = drawn.fields
    assert (km.value, km.prefilled, lines.value[0]["quantity"]) == ("12x", False, "z")
