"""The semantics of FEEL, form by form: each row is an expression and its value."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from bihuan.engine.feel import FeelFunction, FeelRange, YearMonthDuration, compile_expression

VARIABLES: Mapping[str, Any] = {
    "金额": 1200,
    "会员": True,
    "客户": {"姓名": "张三", "电话": ["1390000000", "0871"], "等级": None},
    "行": [{"件": "机油", "价": 80.5, "数": 2}, {"件": "滤芯", "价": 35, "数": 1}],
    "first-name": "Li",
    "terms and conditions": "agreed",
    "Monthly Salary": 10000,
    "空": None,
}
NOW = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)


def naive(*parts: int) -> datetime:
    return datetime(*parts)  # type: ignore[arg-type]


def value_of(text: str, variables: Mapping[str, Any] = VARIABLES) -> Any:
    return compile_expression(text).evaluate(variables, now=NOW)


def check(text: str, expected: Any) -> None:
    value = value_of(text)
    assert value == expected
    assert isinstance(value, bool) == isinstance(expected, bool)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", 1),
        ("-1.50", Decimal("-1.5")),
        (".5", Decimal("0.5")),
        ("1.2E3", 1200),
        ('"字"', "字"),
        (r'"a\"b\\c\n\t"', 'a"b\\c\n\t'),
        (r'"\u4e2d\U01F600"', "中😀"),
        (r'"\uD83D\uDE00"', "😀"),
        (r'"\d+"', r"\d+"),
        ("true", True),
        ("null", None),
        ("[1, [2]]", [1, [2]]),
        ('{a: 1, "b c": a + 1}', {"a": 1, "b c": 2}),
        ("{客户 姓名: 1, d-e: 2}", {"客户 姓名": 1, "d-e": 2}),
        ("[]", []),
        ("{}", {}),
        ('@"2026-11-24"', date(2026, 11, 24)),
        ('@"08:30:00"', time(8, 30)),
        ('@"2026-11-24T08:30:00Z"', NOW),
        ('@"PT1H30M"', timedelta(minutes=90)),
        ('@"-P1Y2M"', YearMonthDuration(-14)),
        ("1 // one\n + 1 /* two */", 2),
        ("[1..3]", FeelRange(Decimal(1), Decimal(3))),
        ("]1..3[", FeelRange(Decimal(1), Decimal(3), False, False)),
        ("(< 3)", FeelRange(None, Decimal(3), False, False)),
    ],
)
def test_literals(text: str, expected: Any) -> None:
    check(text, expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("10 - 4 - 3", 3),
        ("2 * 3 ** 2", 18),
        ("-3 ** 2", 9),
        ("2 ** -1", Decimal("0.5")),
        ("- -1", 1),
        ("0.1 + 0.2 = 0.3", True),
        ("1 / 3 * 3", Decimal("0.9999999999999999999999999999999999")),
        ("1 / 0", None),
        ("1 + null", None),
        ('1 + "a"', None),
        ('"a" + "b"', "ab"),
        ("10 ** 7000", None),
        ("2 ** 1000000", None),
        ('date("2026-11-24") + duration("P3D")', date(2026, 11, 27)),
        ('date("2026-01-31") + duration("P1M")', date(2026, 2, 28)),
        ('@"P1M" + @"2024-01-31"', date(2024, 2, 29)),
        ('@"2026-12-31" + @"P1Y1M"', date(2028, 1, 31)),
        ('@"9999-12-31" + @"P1M"', None),
        ('@"9999-12-31" + @"P1D"', None),
        ('@"2026-11-24T23:30:00" + @"PT1H"', naive(2026, 11, 25, 0, 30)),
        ('@"2026-11-24" - @"2026-11-01"', timedelta(days=23)),
        ('@"2026-11-24T10:00:00Z" - @"2026-11-24T10:00:00+08:00"', timedelta(hours=8)),
        ('@"10:00:00" - @"09:30:00"', timedelta(minutes=30)),
        ('@"23:30:00" + @"PT1H"', time(0, 30)),
        ('@"00:30:00" - @"PT1H"', time(23, 30)),
        ('@"PT1H" * 1.5', timedelta(minutes=90)),
        ('@"P1Y" / 2', YearMonthDuration(6)),
        ('@"P1D" / @"PT6H"', 4),
        ('@"P1Y" + @"P1M"', YearMonthDuration(13)),
        ('@"P1Y" + @"P1D"', None),
        ('-@"P1D"', timedelta(days=-1)),
        ("金额 * 0.8", 960),
    ],
)
def test_arithmetic(text: str, expected: Any) -> None:
    check(text, expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 = 1.0", True),
        ("null = null", True),
        ("空 = null", True),
        ("金额 != null", True),
        ('1 = "1"', None),
        ('1 != "1"', None),
        ("[1, 2] = [1, 2.0]", True),
        ("[1, 2] = [1]", False),
        ("{a: 1, b: 2} = {b: 2, a: 1}", True),
        ("[1..2] = [1..2]", True),
        ("[1..2] = (1..2]", False),
        ('range("[2..)") = >=2 and (<2) != <=2', True),
        ('"a" < "b"', True),
        ("1 < null", None),
        ('1 < "a"', None),
        ('@"2026-11-24" < @"2026-11-25"', True),
        ('@"2026-11-24T00:00:00Z" = @"2026-11-24T08:00:00+08:00"', True),
        ('@"2026-11-24T08:30:00" = now()', True),
        ('@"2026-11-24" < now()', True),
        ('@"08:30:00@Asia/Shanghai" = @"08:30:00@Asia/Shanghai"', True),
        ('@"08:30:00@Asia/Shanghai" = @"08:30:00@Europe/Paris"', False),
        ('@"08:30:00@Asia/Shanghai" < @"09:30:00@Europe/Paris"', None),
        ('@"P1D" = @"PT24H"', True),
        ('@"P12M" = @"P1Y"', True),
        ('@"P1M" < @"P30D"', None),
        ("5 between 1 and 5", True),
        ("5 between 6 and null", False),
        ("5 between 1 and null", None),
        ("1 < 2 and 2 < 3", True),
        ("true = (1 = 1)", True),
    ],
)
def test_comparison(text: str, expected: Any) -> None:
    check(text, expected)


@pytest.mark.parametrize("left", ["true", "false", "null", "1"])
@pytest.mark.parametrize("right", ["true", "false", "null", '"x"'])
def test_and_or_are_three_valued(left: str, right: str) -> None:
    truth = {"true": True, "false": False}
    first, second = truth.get(left), truth.get(right)
    conjunction = False if False in (first, second) else None if None in (first, second) else True
    disjunction = True if True in (first, second) else None if None in (first, second) else False
    assert value_of(f"{left} and {right}") is conjunction
    assert value_of(f"{left} or {right}") is disjunction


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5 in [1..5]", True),
        ("5 in [1..5)", False),
        ("5 in ]5..6]", False),
        ("5 in [1..5[", False),
        ("5 in (1..5]", True),
        ("5 in (1, 5)", True),
        ("5 in [1, 5]", True),
        ("5 in (< 3, > 4)", True),
        ("5 in > 4", True),
        ("5 in not_a_thing", False),
        ("5 in [[1..3], [4..6]]", True),
        ("[1, 2] in [[1, 2], [3]]", True),
        ('"b" in ["a".."c"]', True),
        ('@"2026-11-24" in [@"2026-11-01"..@"2026-11-30"]', True),
        ("5 in (? > 4 and ? < 6)", True),
        ("null in null", True),
        ("null in [1..10]", None),
        ("5 in [null..10]", None),
        ("5 in [1..null)", None),
        ("10 in (= 10)", True),
        ("10 in != 10", False),
        ("5 in 1..10", True),
        ("(5) in (5)", True),
        ("金额 in [1000..2000] and 会员 in (true)", True),
    ],
)
def test_in(text: str, expected: Any) -> None:
    check(text, expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("客户.姓名", "张三"),
        ("客户.电话[2]", "0871"),
        ("客户.不存在", None),
        ("没有.这个", None),
        ("行.价", [Decimal("80.5"), 35]),
        ('行[件 = "滤芯"].数', [1]),
        ("行[价 > 50][1].件", "机油"),
        ("行[item.价 > 50].件", ["机油"]),
        ("行[-1].件", "滤芯"),
        ("行[3]", None),
        ("行[0]", None),
        ("[1, 2, 3][item >= 2]", [2, 3]),
        ("[1, 2, 3][even(item)]", [2]),
        ("[][1]", None),
        ("[][item > 1]", []),
        ("7[1]", 7),
        ("7[item > 8]", []),
        ("null[item > 1]", []),
        ("[5, 6][金额 - 1199]", 5),
        ('@"2026-11-24".year', 2026),
        ('@"2026-11-24".weekday', 2),
        ('@"2026-11-24T08:30:15.25".second', Decimal("15.25")),
        ('@"2026-11-24T08:30:00+08:00".time offset', timedelta(hours=8)),
        ('@"2026-11-24T08:30:00@Asia/Shanghai".timezone', "Asia/Shanghai"),
        ('@"P2DT3H4M5S".hours', 3),
        ('@"-P14M".years', -1),
        ("[1..5].end", 5),
        ("[1..5].start included", True),
        ("sum(for x in 行 return x.价 * x.数)", 196),
        ("`first-name`", "Li"),
        ("Monthly Salary * 12", 120000),
        ("Monthly   Salary + 1", 10001),
        ("{a b: 1, c: a b + 1}.c", 2),
        ("{a-b: 5, c: a-b + 1}.c", 6),
    ],
)
def test_paths_filters_and_names(text: str, expected: Any) -> None:
    check(text, expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('if 金额 > 1000 then "大" else "小"', "大"),
        ("if null then 1 else 2", 2),
        ("if false then 1 else if true then 2 else 3", 2),
        ("for x in [1, 2] return x * 2", [2, 4]),
        ("for x in 1..3 return x", [1, 2, 3]),
        ("for x in 3..1 return x", [3, 2, 1]),
        ("for x in (1..4) return x", [2, 3]),
        ("for x in [1, 2], y in [x, 10] return x + y", [2, 11, 4, 12]),
        ("for i in 0..4 return if i = 0 then 1 else i * partial[-1]", [1, 1, 2, 6, 24]),
        ('count(for d in @"2026-11-01"..@"2026-11-30" return d)', 30),
        ("for x in 5 return x", None),
        ("for x in [] return x", []),
        ("some x in [1, 2] satisfies x > 1", True),
        ("every x in [1, 2] satisfies x > 1", False),
        ("every x in [] satisfies x > 1", True),
        ("some x in [1, 2], y in [2, 3] satisfies x = y", True),
        ("some x in [1, null] satisfies x > 1", None),
        ("(function(a, b) a - b)(5, 3)", 2),
        ("{f: function(a, b) a - b, r: f(b: 1, a: 3)}.r", 2),
        ('{f: function(a: number) a, r: f("x")}.r', None),
        ("{fact: function(n) if n <= 1 then 1 else n * fact(n - 1), r: fact(10)}.r", 3628800),
        ("(function(f) f([1, 5]))(max)", 5),
        ("{y: 1, f: function(x) x + y, g: f(2)}.g", 3),
        ("未知函数(1)", None),
    ],
)
def test_control_and_functions(text: str, expected: Any) -> None:
    check(text, expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 instance of number", True),
        ('"a" instance of number', False),
        ("null instance of Any", False),
        ("1 instance of whatever", None),
        ("[1, 2] instance of list<number>", True),
        ('[1, "a"] instance of list<number>', False),
        ("{a: 1} instance of context<a: number>", True),
        ("{a: 1} instance of context<a: string>", False),
        ("now() instance of date and time", True),
        ("today() instance of date", True),
        ('@"P1D" instance of days and time duration', True),
        ('@"P1M" instance of years and months duration', True),
        ("[1..2] instance of range<number>", True),
        ("(function(x) x) instance of function<number>->number", True),
        ("1 instance of number and true", True),
    ],
)
def test_instance_of(text: str, expected: Any) -> None:
    check(text, expected)


def test_names_that_look_like_operations_are_read_when_they_are_known() -> None:
    names = ("first-name", "terms and conditions", "4S店")
    assert compile_expression('first-name + "!"', names=names).evaluate(VARIABLES) == "Li!"
    assert compile_expression('terms and conditions = "agreed"', names=names).evaluate(VARIABLES) is True
    assert compile_expression("4S店 + 1", names=names).evaluate({"4S店": 4}) == 5
    assert compile_expression("first - name").evaluate({"first": 3, "name": 1}) == 2


def test_an_expression_tells_which_variables_it_needs() -> None:
    expression = compile_expression("金额 > 100 and 客户.等级 = x and some y in 列表 satisfies y > max(z)")
    assert expression.names == {"金额", "客户", "x", "列表", "z"}


def test_python_values_become_feel_values() -> None:
    variables = {"f": 0.1, "i": 3, "t": (1, 2), "deep": {"a": [{"b": 1}]}, "nan": float("nan"), "big": 10**50}
    assert value_of("f + 0.2", variables) == Decimal("0.3")
    assert value_of("t[2] + i", variables) == 5
    assert value_of("deep.a[1].b instance of number", variables) is True
    assert value_of("nan", variables) is None
    assert value_of("big > 1", variables) is True


def test_a_lazy_mapping_is_read_only_where_the_expression_looks() -> None:
    class View(Mapping[str, Any]):
        def __getitem__(self, key: str) -> Any:
            if key == "mileage":
                return 8000
            raise KeyError(key)

        def __iter__(self) -> Any:
            raise AssertionError("read in full")

        def __len__(self) -> int:
            raise AssertionError("read in full")

    assert value_of("vehicle.mileage + 1", {"vehicle": View()}) == 8001
    assert value_of("vehicle.colour", {"vehicle": View()}) is None
    assert value_of("is defined(vehicle.colour)", {"vehicle": {"x": 1}}) is False


def test_explain_gives_the_reasons_for_a_null() -> None:
    evaluation = compile_expression("余额 > 100").explain({})
    assert evaluation.value is None
    assert evaluation.warnings[0] == "没有名为“余额”的变量"


def test_functions_are_values() -> None:
    function = value_of("function(x) x + 1")
    assert isinstance(function, FeelFunction)
    assert value_of("f(2)", {"f": function}) == 3
