"""What the viewer of diagrams (`assets/src/js/bpmn.js`) is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import JsonResponse

from bihuan.operations.pages.copies import Counted


def drawn_state(
    nodes: Mapping[str, Mapping[str, Any]], returns: Mapping[tuple[str, str], int], copies: Mapping[str, Counted]
) -> JsonResponse:
    """How nodes stand; what was sent back (an arrow each); who was told (an envelope each, "" for the whole)."""
    state = {
        "nodes": nodes,
        "returns": [{"from": source, "to": target, "times": times} for (source, target), times in returns.items()],
        "copies": [
            {
                "node": node,
                "label": f"{count.read}/{count.sent}",
                "text": f"{'' if node else '整个流程：'}抄送 {count.sent} 人次，{count.read} 已阅",
            }
            for node, count in copies.items()
        ],
    }
    return JsonResponse(state, json_dumps_params={"ensure_ascii": False})
