"""DMN: decision tables and their requirements, read from files and evaluated."""

from __future__ import annotations

from bihuan.engine.dmn.decisions import Decided, DecisionModel
from bihuan.engine.dmn.model import DecisionError
from bihuan.engine.dmn.reading import check_dmn, namespace_in, parse_dmn

__all__ = ["Decided", "DecisionError", "DecisionModel", "check_dmn", "namespace_in", "parse_dmn"]
