"""Work lines, payments and damage marks: rows from the browser and from plain values."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.http import QueryDict

from bihuan.forms import FormContext, load


def form_of(kind: str, **properties: Any) -> Any:
    return load({"components": [{"type": kind, "key": "x", "label": "作业项目", "properties": properties}]})


def test_lines_are_read_alike_from_a_browser_and_from_plain_values() -> None:
    posted = QueryDict(
        "x-0-id=5&x-0-raised_by=customer&x-0-description=%E6%8D%A2%E6%9C%BA%E6%B2%B9&x-0-quantity=4"
        "&x-0-part_price_yuan=68.00&x-0-labour_hours=0.8&x-0-labour_fee_yuan=96&x-0-job_id=3&x-0-part=JY-5W30"
    )
    plain = [
        {
            "id": 5,
            "raised_by": "客户",
            "description": "换机油",
            "quantity": 4,
            "part_price_yuan": "68.00",
            "labour_hours": "0.8",
            "labour_fee_yuan": 96,
            "job": 3,
            "part": "JY-5W30",
        }
    ]
    browser, scenario = form_of("worklines").clean(posted), form_of("worklines").clean({"x": plain})
    assert browser.values == scenario.values
    line = browser.values["x"][0]
    assert (line["id"], line["raised_by"], line["quantity"]) == (5, "customer", Decimal(4))
    assert (line["job_id"], line["part_id"], line["part_code"]) == (3, None, "JY-5W30")


def test_a_row_with_nothing_but_preset_choices_is_no_row() -> None:
    posted = QueryDict("x-0-raised_by=advisor&x-1-raised_by=customer&x-1-description=a&x-2-raised_by=advisor")
    assert [line["description"] for line in form_of("worklines").clean(posted).values["x"]] == ["a"]


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("quantity", "很多", "数量须为 0 到 9,999 的数，至多 2 位小数"),
        ("quantity", "-1", "数量须为 0 到 9,999 的数，至多 2 位小数"),
        ("part_price_yuan", "1e9", "配件单价须为 0 到 1,000,000 的数，至多 2 位小数"),
        ("labour_hours", "1000", "工时须为 0 到 999 的数，至多 2 位小数"),
        ("labour_fee_yuan", "0.001", "工时费须为 0 到 1,000,000 的数，至多 2 位小数"),
        ("raised_by", "路人", "提出人须为客户、技师、顾问之一"),
    ],
)
def test_a_wrong_cell_is_named_by_row_and_limit(column: str, value: str, message: str) -> None:
    answer = form_of("worklines").clean({"x": [{"description": "好的"}, {"description": "坏的", column: value}]})
    assert answer.errors == {f"x-1-{column}": f"作业项目第 2 行：{message}"}


def test_an_unknown_job_code_is_told_by_name() -> None:
    context = FormContext(resolve=lambda kind, text: None)
    answer = form_of("worklines").clean({"x": [{"job": "ZZ99"}]}, context=context)
    assert answer.errors == {"x-0-job": "作业项目第 1 行：没有找到作业项目“ZZ99”"}


def test_a_picked_job_does_not_survive_a_changed_text() -> None:
    context = FormContext(resolve=lambda kind, text: 8 if text == "BY02" else None)
    posted = QueryDict("x-0-job_id=3&x-0-job_was=BY01&x-0-job=BY02")
    assert form_of("worklines").clean(posted, context=context).values["x"][0]["job_id"] == 8


@pytest.mark.parametrize("value", ["[", "7", [1, 2], {"a": 1}, [{"description": "x"}] * 61, "[" * 5000])
def test_what_is_no_list_of_lines_is_refused_whole(value: Any) -> None:
    answer = form_of("worklines").clean({"x": value})
    assert answer.errors or answer.values["x"] == []


def test_only_the_columns_the_form_offers_are_taken() -> None:
    form = form_of("worklines", columns=["description", "job"])
    line = form.clean({"x": [{"description": "a", "labour_fee_yuan": 1, "inspected_ok": True}]}).values["x"][0]
    assert set(line) == {"id", "description", "job_id", "job_code"}


def test_fixed_rows_take_verdicts_only() -> None:
    form = form_of("worklines", columns=["description", "quantity", "inspected_ok", "note"], fixed=True)
    posted = QueryDict("x-0-id=4&x-0-description=hacked&x-0-quantity=99&x-0-inspected_ok=true&x-1-id=5&x-1-note=ok")
    assert form.clean(posted).values["x"] == [
        {"id": 4, "inspected_ok": True, "note": ""},
        {"id": 5, "inspected_ok": False, "note": "ok"},
    ]


def test_payments_come_by_several_methods() -> None:
    answer = form_of("payments").clean(
        {"x": [{"method": "微信", "amount_yuan": "300"}, {"method": "cash", "amount_yuan": 656}]}
    )
    assert [(row["method"], row["amount_yuan"]) for row in answer.values["x"]] == [
        ("wechat", Decimal(300)),
        ("cash", Decimal(656)),
    ]


@pytest.mark.parametrize("amount", ["0", "-5", "1.234", "一百", "99999999"])
def test_a_payment_must_be_a_real_amount(amount: str) -> None:
    answer = form_of("payments").clean(QueryDict(f"x-0-method=cash&x-0-amount_yuan={amount}"))
    assert answer.errors == {"x-0-amount_yuan": "作业项目第 1 笔：金额须为 0.01 到 1,000,000 的数，至多 2 位小数"}


def test_damage_is_marked_by_place_or_by_region() -> None:
    form = form_of("damage")
    marks = form.clean(
        {"x": [{"x": 0.5, "y": "0.25", "kind": "scratch"}, {"region": "左前门", "kind": "凹陷"}]}
    ).values["x"]
    assert marks[0] == {"x": 0.5, "y": 0.25, "kind": "scratch", "note": "", "region": ""}
    assert (marks[1]["region"], marks[1]["kind"]) == ("left_front_door", "dent")


@pytest.mark.parametrize(
    "mark",
    [{"x": 1.2, "y": 0, "kind": "dent"}, {"x": "NaN", "y": 0, "kind": "dent"}, {"x": 0.1, "y": 0.1, "kind": "bomb"}],
)
def test_a_mark_off_the_outline_or_of_no_kind_is_refused(mark: dict[str, Any]) -> None:
    assert "第 1 处" in form_of("damage").clean({"x": [mark]}).errors["x"]
