"""Variables as a person reads and writes them: in FEEL."""

from __future__ import annotations

from typing import Any

from bihuan.engine.feel import FeelError, compile_expression, feel_text

_ITSELF = compile_expression("value")


def written(value: Any) -> str:
    """A variable as one would write it in FEEL: `1200`, `"文字"`, `[true, date("2026-11-24")]`; `…` past the bound."""
    try:
        return feel_text(_ITSELF.evaluate({"value": value}))
    except FeelError:
        return "…"
