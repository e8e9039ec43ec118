"""Regular expressions as XPath defines them, run in linear time.

Python's own `re` backtracks: one clumsy pattern in a rule book would hang a server. This engine walks all alternatives
at once, character by character, so its cost is bounded by pattern length times text length, and is counted.
"""

from __future__ import annotations

from bihuan.engine.feel.regex.machine import Match, Pattern, compile_pattern

__all__ = ["Match", "Pattern", "compile_pattern"]
