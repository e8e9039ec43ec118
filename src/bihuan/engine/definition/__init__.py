"""BPMN 2.0 files as immutable process definitions: `parse_bpmn`, `check_bpmn` and the data they give."""

from __future__ import annotations

from bihuan.engine.definition.model import (
    AdHocSpec,
    Assignment,
    EventSpec,
    Extension,
    Flow,
    IoMapping,
    Lane,
    Level,
    LoopSpec,
    Model,
    Node,
    Participant,
    Process,
    TimerSpec,
)
from bihuan.engine.definition.parse import check_bpmn, parse_bpmn, review_bpmn
from bihuan.engine.definition.problems import DefinitionError, Problem

__all__ = [
    "AdHocSpec",
    "Assignment",
    "DefinitionError",
    "EventSpec",
    "Extension",
    "Flow",
    "IoMapping",
    "Lane",
    "Level",
    "LoopSpec",
    "Model",
    "Node",
    "Participant",
    "Problem",
    "Process",
    "TimerSpec",
    "check_bpmn",
    "parse_bpmn",
    "review_bpmn",
]
