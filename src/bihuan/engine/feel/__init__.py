"""FEEL, the expression language of DMN: gateway conditions, decision tables, form rules.

`compile_expression` reads a text once; the `Expression` then evaluates fast and within bounds, any number of times and
in any thread. See docs/feel.md for what the language covers and where it departs from the standard.
"""

from __future__ import annotations

from bihuan.engine.feel.errors import FeelError, FeelSyntaxError
from bihuan.engine.feel.expression import (
    Evaluation,
    Expression,
    UnaryTests,
    compile_expression,
    compile_unary_tests,
)
from bihuan.engine.feel.foreign import translate_juel
from bihuan.engine.feel.scripts import Statement, translate_script
from bihuan.engine.feel.values import FeelFunction, FeelRange, Value, YearMonthDuration
from bihuan.engine.feel.writing import feel_text, to_text
from bihuan.engine.feel.xpath import translate_xpath

__all__ = [
    "Evaluation",
    "Expression",
    "FeelError",
    "FeelFunction",
    "FeelRange",
    "FeelSyntaxError",
    "Statement",
    "UnaryTests",
    "Value",
    "YearMonthDuration",
    "compile_expression",
    "compile_unary_tests",
    "feel_text",
    "to_text",
    "translate_juel",
    "translate_script",
    "translate_xpath",
]
