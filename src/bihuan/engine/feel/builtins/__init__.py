"""FEEL's built-in functions, by subject."""

from __future__ import annotations

from bihuan.engine.feel.builtins import contexts, conversion, dates, lists, numeric, ranges, statistics, text
from bihuan.engine.feel.builtins.registry import BUILTINS, Builtin

SUBJECTS = (contexts, conversion, dates, lists, numeric, ranges, statistics, text)

__all__ = ["BUILTINS", "SUBJECTS", "Builtin"]
