"""BPMN 2.0 files as immutable process definitions: `parse_bpmn`, `check_bpmn` and the data they give."""

from __future__ import annotations

from bihuan.engine.definition.model import Flow, Lane, Level, Model, Node, Participant, Process
from bihuan.engine.definition.parse import check_bpmn, parse_bpmn, review_bpmn
from bihuan.engine.definition.problems import DefinitionError, Problem
from bihuan.engine.definition.specs import (
    AdHocSpec,
    Assignment,
    CopyRule,
    EventSpec,
    Extension,
    IoMapping,
    LoopSpec,
    Span,
    TimerSpec,
)

__all__ = [
    "AdHocSpec",
    "Assignment",
    "CopyRule",
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
    "Span",
    "TimerSpec",
    "check_bpmn",
    "parse_bpmn",
    "review_bpmn",
]
