"""Every built-in function: each row is a call and its value."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from bihuan.engine.feel import FeelRange, YearMonthDuration, compile_expression
from bihuan.engine.feel.builtins import BUILTINS

NOW = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)


def naive(*parts: int) -> datetime:
    return datetime(*parts)  # type: ignore[arg-type]


CONVERSION = [
    ('number("1 000,5", " ", ",")', Decimal("1000.5")),
    ('number("1,000.5", ",", ".")', Decimal("1000.5")),
    ('number("12")', 12),
    ('number("abc")', None),
    ('number("1e99999")', None),
    ("number(3)", 3),
    ("string(1.50)", "1.5"),
    ("string(100)", "100"),
    ("string(1e3)", "1000"),
    ('string("a")', "a"),
    ('string(["a", 1, null])', '["a", 1, null]'),
    ('string({a: 1, "b c": true, "1x": 2})', '{a: 1, b c: true, "1x": 2}'),
    ('string(@"2026-11-24T08:30:00.5+08:00")', "2026-11-24T08:30:00.5+08:00"),
    ('string(@"-P1DT2H")', "-P1DT2H"),
    ('string(@"P0M")', "P0M"),
    ('string(@"PT0S")', "PT0S"),
    ("string([1..3))", "[1..3)"),
    ("string(null)", None),
    ('date("2026-11-24")', date(2026, 11, 24)),
    ("date(2026, 11, 24)", date(2026, 11, 24)),
    ("date(2026, 2, 30)", None),
    ('date("2026-11-24T10:00:00")', None),
    ('date(date and time("2026-11-24T10:00:00"))', date(2026, 11, 24)),
    ('time("08:30:00")', time(8, 30)),
    ('time("25:00:00")', None),
    ("time(8, 30, 0)", time(8, 30)),
    ('time(8, 30, 0, @"PT8H")', time(8, 30, tzinfo=timezone(timedelta(hours=8)))),
    ('date and time("2026-11-24T08:30:00Z")', NOW),
    ('date and time("2026-11-24")', naive(2026, 11, 24)),
    ('date and time(@"2026-11-24", @"08:30:00")', naive(2026, 11, 24, 8, 30)),
    ("date and time(2026, 11, 24, 8, 30, 0)", naive(2026, 11, 24, 8, 30)),
    ('string(date and time(@"2026-11-24T08:30:00Z", "Asia/Shanghai"))', "2026-11-24T16:30:00@Asia/Shanghai"),
    ('date and time(from: "2026-11-24T08:30:00Z")', NOW),
    ('duration("P1DT2H3M4.5S")', timedelta(days=1, hours=2, minutes=3, seconds=4.5)),
    ('duration("P1Y2M")', YearMonthDuration(14)),
    ('duration("P")', None),
    ('duration("P1M1D")', None),
    ('years and months duration(@"2011-12-22", @"2013-08-24")', YearMonthDuration(20)),
    ('years and months duration(@"2013-08-24", @"2011-12-22")', YearMonthDuration(-20)),
    ('range("[18..21)")', FeelRange(Decimal(18), Decimal(21), True, False)),
    ('range("nonsense")', None),
    ('range("[1..]")', None),
    ('range("[3..1]")', None),
    ('range("(..5]")', FeelRange(None, Decimal(5), False, True)),
    ('date and time("2026-12-31T24:00:00")', naive(2027, 1, 1)),
    ("not(true)", False),
    ("not(null)", None),
    ("not(1)", None),
    ("is(1, 1.0)", True),
    ('is(@"10:00:00", @"10:00:00Z")', False),
    ("is defined(没有)", False),
    ("is defined(null)", True),
    ("is defined({a: null}.a)", True),
    ("is defined({a: 1}.b)", False),
    ("get or else(null, 1)", 1),
]

TEXT = [
    ('substring("foobar", 3)', "obar"),
    ('substring("foobar", 3, 3)', "oba"),
    ('substring("foobar", -2, 1)', "a"),
    ('substring("foobar", 0)', None),
    ('substring("foobar", 9)', ""),
    ('substring(string: "中文字", start position: 2)', "文字"),
    ('string length("中文😀")', 3),
    ('upper case("aé")', "AÉ"),
    ('lower case("ABC")', "abc"),
    ('trim("  a ")', "a"),
    ('is blank("  ")', True),
    ('substring before("foobar", "bar")', "foo"),
    ('substring before("foobar", "xyz")', ""),
    ('substring after("foobar", "ob")', "ar"),
    ('substring after("", "a")', ""),
    ('substring after("foobar", "z")', ""),
    ('substring before last("a-b-c", "-")', "a-b"),
    ('substring after last("a-b-c", "-")', "c"),
    ('contains("foobar", "oba")', True),
    ('contains("foobar", null)', None),
    ('starts with("foobar", "fo")', True),
    ('ends with("foobar", "r")', True),
    ('string join(["a", null, "c"], "_and_")', "a_and_c"),
    ('string join(["a", "b"])', "ab"),
    ('string join(["a", "b"], ", ", "[", "]")', "[a, b]"),
    ('string join(["a", 1])', None),
    (r'matches("示A12345", "^示[A-Z]\d{5}$")', True),
    ('matches("foobar", "^Fo*B", "i")', True),
    ('matches("a", "(")', None),
    ('replace("abcd", "(ab)|(a)", "[1=$1][2=$2]")', "[1=ab][2=]cd"),
    ('replace("aaa", "a", "b")', "bbb"),
    ('replace("abc", "x*", "-")', None),
    (r'split("John Doe", "\s")', ["John", "Doe"]),
    ('split("a;b;;c", ";")', ["a", "b", "", "c"]),
    (r'extract("a1b22", "[0-9]+")', ["1", "22"]),
    ('pad left("7", 3, "0")', "007"),
]

LISTS = [
    ("list contains([1, 2], 2)", True),
    ("list contains([1, null], null)", True),
    ("list contains([[1]], [1])", True),
    ("count([1, null])", 2),
    ("count([])", 0),
    ("min([3, 1, 2])", 1),
    ("max(1, 5, 2)", 5),
    ('max("a", "b")', "b"),
    ('max(@"2026-11-24", @"2025-01-01")', date(2026, 11, 24)),
    ("min([])", None),
    ("max([1, null])", None),
    ("sum([1, 2.5])", Decimal("3.5")),
    ('sum([@"PT1H", @"PT30M"])', timedelta(minutes=90)),
    ("sum([])", None),
    ('sum(["a"])', None),
    ("mean([1, 2, 3])", 2),
    ("median(8, 2, 5, 3, 4)", 4),
    ("median([6, 1, 2, 3])", Decimal("2.5")),
    ("stddev(2, 4, 7, 5)", Decimal("2.081665999466132735282297706979931")),
    ("mode([6, 3, 9, 6, 6])", [6]),
    ("mode([6, 1, 9, 6, 1])", [1, 6]),
    ("mode([])", []),
    ("product(2, 3, 4)", 24),
    ("all([true, null, false])", False),
    ("all([true, null])", None),
    ("all([])", True),
    ("any([false, null, true])", True),
    ("any([])", False),
    ("append([1], 2, 3)", [1, 2, 3]),
    ("concatenate([1], [2, 3])", [1, 2, 3]),
    ("insert before([1, 3], 1, 2)", [2, 1, 3]),
    ("insert before([1, 3], -1, 2)", [1, 2, 3]),
    ("insert before([1], 5, 2)", None),
    ("remove([1, 2, 3], 2)", [1, 3]),
    ("list replace([1, 2, 3], 2, 9)", [1, 9, 3]),
    ("list replace([2, 4, 7, 8], function(item, newItem) item < newItem, 5)", [5, 5, 7, 8]),
    ("list replace([1, 2], function(item, newItem) item, 5)", None),
    ("reverse([1, 2])", [2, 1]),
    ("index of([1, 2, 3, 2], 2)", [2, 4]),
    ("index of([1, null], null)", [2]),
    ("union([1, 2], [2, 3])", [1, 2, 3]),
    ("distinct values([1, 2, 3, 2, 1.0])", [1, 2, 3]),
    ("distinct values([[1], [1], {a: 1}, {a: 1}])", [[1], {"a": 1}]),
    ("duplicate values([1, 2, 1, 3, 2])", [1, 2]),
    ("flatten([[1, 2], [[3]], 4])", [1, 2, 3, 4]),
    ("sort([3, 1, 2])", [1, 2, 3]),
    ("sort([3, 1, 2], function(a, b) a > b)", [3, 2, 1]),
    ('sort(["b", 1])', None),
    ("sublist([1, 2, 3], 2)", [2, 3]),
    ("sublist([1, 2, 3], -2, 1)", [2]),
    ("sublist([1], 1, 5)", None),
    ("partition([1, 2, 3, 4, 5], 2)", [[1, 2], [3, 4], [5]]),
    ("partition([1], 0)", None),
    ("is empty([])", True),
]

NUMBERS = [
    ("decimal(1/3, 2)", Decimal("0.33")),
    ("decimal(2.5, 0)", 2),
    ("decimal(1234, -2)", 1200),
    ("floor(1.5)", 1),
    ("floor(-1.56, 1)", Decimal("-1.6")),
    ("ceiling(1.5)", 2),
    ("ceiling(-1.5)", -1),
    ("round up(5.5, 0)", 6),
    ("round up(-5.5, 0)", -6),
    ("round down(-5.5, 0)", -5),
    ("round half up(2.5, 0)", 3),
    ("round half up(-2.5, 0)", -3),
    ("round half down(2.5, 0)", 2),
    ("round half up(1.005, 2)", Decimal("1.01")),
    ("round up(1, 99999)", None),
    ("decimal(1, 6000)", 1),
    ("abs(-10)", 10),
    ('abs(@"-PT5H")', timedelta(hours=5)),
    ('abs(@"-P1M")', YearMonthDuration(1)),
    ("modulo(12, 5)", 2),
    ("modulo(-12, 5)", 3),
    ("modulo(12, -5)", -3),
    ("modulo(-10.1, 4.5)", Decimal("3.4")),
    ("modulo(1, 0)", None),
    ("sqrt(16)", 4),
    ("sqrt(-1)", None),
    ("decimal(log(10), 8)", Decimal("2.30258509")),
    ("log(0)", None),
    ("decimal(exp(5), 6)", Decimal("148.413159")),
    ("exp(999999)", None),
    ("odd(5)", True),
    ("odd(-5)", True),
    ("even(2.5)", False),
    ("even(0)", True),
]

CALENDAR = [
    ("now()", NOW),
    ("today()", date(2026, 11, 24)),
    ('day of week(@"2026-11-24")', "Tuesday"),
    ("day of year(date(2026, 2, 1))", 32),
    ("week of year(date(2026, 1, 1))", 1),
    ("month of year(date(2026, 11, 24))", "November"),
    ("last day of month(date(2024, 2, 1))", date(2024, 2, 29)),
]

CONTEXTS = [
    ('get value({a: 1}, "a")', 1),
    ('get value({a: 1}, "b")', None),
    ('get value({a: {b: 2}}, ["a", "b"])', 2),
    ("get entries({a: 1})", [{"key": "a", "value": 1}]),
    ('context put({a: 1}, "b", 2)', {"a": 1, "b": 2}),
    ('context put({a: {b: 1}}, ["a", "c"], 2)', {"a": {"b": 1, "c": 2}}),
    ("context merge([{a: 1, b: 1}, {b: 2}])", {"a": 1, "b": 2}),
    ('context([{key: "a", value: 1}])', {"a": 1}),
    ('context([{key: "a", value: 1}, {key: "a", value: 2}])', None),
]

RANGES = [
    ("before(1, 10)", True),
    ("before([1..10), 10)", True),
    ("before([1..10], [10..20])", False),
    ("after([11..20], [1..10])", True),
    ("meets([1..5], [5..10])", True),
    ("meets([1..5), [5..10])", False),
    ("met by([5..10], [1..5])", True),
    ("overlaps([1..5], [3..8])", True),
    ("overlaps([1..5], (5..8])", False),
    ("overlaps before([1..5], [3..8])", True),
    ("overlaps before([3..8], [1..5])", False),
    ("overlaps after([3..8], [1..5])", True),
    ("finishes(5, [1..5])", True),
    ("finishes([3..5], [1..5])", True),
    ("finished by([1..5], 5)", True),
    ("includes([1..10], 5)", True),
    ("includes([1..5), 5)", False),
    ("during(5, [1..10])", True),
    ("starts(1, [1..5])", True),
    ("started by([1..5], [1..3])", True),
    ("coincides([1..5], [1..5])", True),
    ("coincides(5, 5)", True),
    ("before((< 5), 6)", True),
    ("before(6, (< 5))", None),
]


@pytest.mark.parametrize(("text", "expected"), CONVERSION + TEXT + LISTS + NUMBERS + CALENDAR + CONTEXTS + RANGES)
def test_builtin(text: str, expected: Any) -> None:
    value = compile_expression(text).evaluate({}, now=NOW)
    assert value == expected
    assert isinstance(value, bool) == isinstance(expected, bool)


def test_every_builtin_is_in_the_tables() -> None:
    tables = " ".join(text for text, _ in CONVERSION + TEXT + LISTS + NUMBERS + CALENDAR + CONTEXTS + RANGES)
    assert [name for name in BUILTINS if f"{name}(" not in tables] == []


@pytest.mark.parametrize("call", ["substring()", "now(1)", "abs(1, 2)", 'contains("a")', "substring(text: 1)"])
def test_a_call_that_no_overload_takes_is_refused_when_it_is_read(call: str) -> None:
    with pytest.raises(Exception, match="用法"):
        compile_expression(call)
