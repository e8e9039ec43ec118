"""Running a model in memory with prepared answers, without people, clock or database."""

from __future__ import annotations

from bihuan.engine.rehearsal.answers import AnswerError, Answers, read_answers
from bihuan.engine.rehearsal.outcome import Instance, Outcome
from bihuan.engine.rehearsal.runner import MAX_COMMANDS, rehearse

__all__ = ["MAX_COMMANDS", "AnswerError", "Answers", "Instance", "Outcome", "read_answers", "rehearse"]
