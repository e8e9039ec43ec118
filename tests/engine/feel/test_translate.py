"""Conditions of other products in FEEL's words."""

from __future__ import annotations

from typing import Any

import pytest

from bihuan.engine.feel import FeelSyntaxError, compile_expression, translate_juel, translate_xpath


@pytest.mark.parametrize(
    ("text", "feel"),
    [
        ("${amount > 100}", "amount > 100"),
        ("#{approved == true && amount <= 10}", "approved = true and amount <= 10"),
        ("${a != 'x' || !b}", 'a != "x" or not(b)'),
        ("${a eq 1 and b ne 2 or c lt 3}", "a = 1 and b != 2 or c < 3"),
        ("${(a or b) and c}", "(a or b) and c"),
        ("${a ? 1 : 2}", "if a then 1 else 2"),
        ("${order.lines[0].price}", "order.lines[1].price"),
        ("${order['net-price']}", 'get value(order, "net-price")'),
        ("${execution.getVariable('x') == 1}", "x = 1"),
        ("${name.equals('a')}", '(name = "a")'),
        ("${a - b - (c - d)}", "a - b - (c - d)"),
        ("${a % 2 == 0}", "modulo(a, 2) = 0"),
        ("approved == True", "approved = true"),
        ("x is not None and y is None", "x != null and y = null"),
        ("not (a and b)", "not((a and b))"),
        ("not x in [1, 2]", "not(x in [1, 2])"),
        ("x not in [1, 2]", "not(x in [1, 2])"),
        ("'yes' if ok else 'no'", 'if ok then "yes" else "no"'),
        ("len(items) > 0", "count(items) > 0"),
        ("${同意 == true}", "同意 = true"),
        ("Hello ${name}", '"Hello " + string(name)'),
        ("${for}", "`for`"),
        ("${loopCounter == 0 ? users[loopCounter] : x}", "if (loopCounter - 1) = 0 then users[loopCounter] else x"),
        ("loopCounter == 1", "loopCounter = 1"),
        ("${environment.variables.x > environment.output.y}", "x > y"),
        ("this.data.x > 1", "x > 1"),
    ],
)
def test_translation(text: str, feel: str) -> None:
    assert translate_juel(text) == feel


@pytest.mark.parametrize(
    ("text", "variables", "expected"),
    [
        ("${empty list}", {"list": []}, True),
        ("${empty list}", {"list": [1]}, False),
        ("${empty name}", {"name": ""}, True),
        ("${!empty name}", {"name": "a"}, True),
        ("${a == null || a > 5}", {"a": 6}, True),
        ("${a * 2 + 1 == 7}", {"a": 3}, True),
        ("${-a < 0}", {"a": 3}, True),
        ("${(a > 1) == (b > 1)}", {"a": 3, "b": 4}, True),
        ("${vars:get(a) == 3 && vars:exists('a') && !vars:exists(b)}", {"a": 3}, True),
        ("${variables:greaterThan(a, 2)}", {}, False),
        ("${var:getOrDefault(a, 2) + 1}", {}, 3),
        ("${vars:containsAny(a, 'x', 'y') and not vars:contains(a, 'x', 'z')}", {"a": ["x"]}, True),
        ("${vars:isEmpty(a) and vars:isNotEmpty(b)}", {"a": "", "b": [1]}, True),
        ('KieFunctions.equalsTo(a, "3") and KieFunctions.between(a, "1", "5")', {"a": 3}, True),
        ('!KieFunctions.isNull(a) && KieFunctions.startsWith(b, "x")', {"a": 3, "b": "xy"}, True),
    ],
)
def test_the_translation_means_the_same(text: str, variables: dict[str, Any], expected: Any) -> None:
    assert compile_expression(translate_juel(text)).evaluate(variables) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("${bean.check(order)}", "不支持方法“check"),
        ("${myFunction(x)}", "不支持函数“myFunction"),
        ("${fn:length(x)}", "不支持函数库"),
        ("${vars:base64(x)}", "不支持函数“base64"),
        ("${a = 1", "缺少结尾"),
        ("${}", "空的"),
        ("${a; b}", "看不懂"),
        ("${a b}", "看不懂"),
        ("lambda: 1", "看不懂"),
        ("__import__('os').system('x')", "不支持函数"),
        ("${x[y]}", "数字或文字"),
        ("${'a' ~ 1}", "看不懂"),
    ],
)
def test_what_has_no_counterpart_is_refused(text: str, words: str) -> None:
    with pytest.raises(FeelSyntaxError) as caught:
        translate_juel(text)
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("text", "feel"),
    [
        ("contains(plate, '示A')", 'contains(plate, "示A")'),
        ("starts-with($plate, '示') and not(paid = true())", 'starts with(plate, "示") and not((paid = true))'),
        ("string-length(name) > 3 or amount div 2 >= 10", "string length(name) > 3 or amount / 2 >= 10"),
        ("bpmn:getDataObject('order')/customer/@level != 'gold'", 'order.customer.level != "gold"'),
        ("'a/b' = $path", '"a/b" = path'),
    ],
)
def test_xpath(text: str, feel: str) -> None:
    assert translate_xpath(text) == feel


@pytest.mark.parametrize(
    "text", ["//order/line", "/order", "order[@id='1']", "document('x.xml')", "a | b", "for $x in y return 1"]
)
def test_xpath_that_walks_a_document_is_refused(text: str) -> None:
    with pytest.raises(FeelSyntaxError):
        translate_xpath(text)
