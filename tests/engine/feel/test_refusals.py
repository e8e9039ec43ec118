"""What cannot be read, and where the message says the trouble is."""

from __future__ import annotations

import pytest

from bihuan.engine.feel import FeelSyntaxError, compile_expression, compile_unary_tests


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("", 1, "空的"),
        ("1 +", 4, "不完整"),
        ("1 + )", 5, "多余的"),
        ("(1 + 2", 7, "缺少对应的“)”"),
        ("[1, 2", 6, "缺少对应的“]”"),
        ("a[1", 4, "缺少对应的“]”"),
        ("{a: 1", 6, "对象的各项之间"),
        ("{a 1}", 5, "对象的键"),
        ("{a: 1, a: 2}", 9, "写了两次"),
        ('"abc', 1, "结尾的双引号"),
        ("'abc'", 1, "双引号"),
        ("/* x", 1, "注释"),
        ("a == 1", 3, "一个等号"),
        ("a => 1", 4, "不该出现"),
        ("a && b", 3, "and"),
        ("!a", 1, "not"),
        ("金额 >（1）", 5, "全角"),
        ("金额 ＞ 1", 4, "全角"),
        ("“a”", 1, "全角"),
        ("if a then b", 12, "else"),
        ("if a else b", 6, "then"),
        ("for x in [1] x", 14, "return"),
        ("for in [1] return 1", 5, "变量名"),
        ("some x in [1] return x", 15, "satisfies"),
        ("function(a, a) 1", 14, "重复"),
        ("function(a) external {}", 13, "外部函数"),
        ("function", 9, "function 后面"),
        ("1 between 2", 12, "between"),
        ("[1..2", 6, "区间缺少结尾"),
        ("a.", 3, "名称"),
        ("f(a: 1, 2)", 9, "都写名字"),
        ('@"2026-13-01"', 1, "没有"),
        ('@"x"', 1, "不是日期"),
        ("1 2", 3, "不该出现"),
        ("a; b", 2, "分号"),
        ("a\x00b", 2, "U+0000"),
        ("1e9999", 1, "数字太大"),
    ],
)
def test_the_message_names_the_column(text: str, column: int, words: str) -> None:
    with pytest.raises(FeelSyntaxError) as caught:
        compile_expression(text)
    assert words in caught.value.message
    assert caught.value.column == column


def test_the_line_in_the_file_is_counted_from_where_the_text_starts() -> None:
    with pytest.raises(FeelSyntaxError) as caught:
        compile_expression("a >\n  1 +\n )", line=40)
    assert (caught.value.line, caught.value.column) == (42, 2)
    assert str(caught.value).startswith("第 42 行第 2 列：")


def test_without_a_file_the_line_inside_a_long_text_is_told() -> None:
    with pytest.raises(FeelSyntaxError, match="第 2 行第 3 列"):
        compile_expression("1 +\n  )")


def test_a_cell_may_not_be_empty() -> None:
    with pytest.raises(FeelSyntaxError, match="请写 -"):
        compile_unary_tests("  ")
