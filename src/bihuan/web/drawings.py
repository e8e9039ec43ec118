"""What the viewer of diagrams (`assets/src/js/bpmn.js`) is told besides the states of nodes."""

from __future__ import annotations

from collections.abc import Mapping


def returns_of(returns: Mapping[tuple[str, str], int]) -> list[dict[str, str | int]]:
    """What was sent back: from where, to where, how often; an arrow and a line of text each."""
    return [{"from": source, "to": target, "times": times} for (source, target), times in returns.items()]
