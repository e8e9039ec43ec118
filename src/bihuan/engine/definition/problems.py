"""What is wrong with a process file, told with the place where it is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason why a BPMN file cannot be published, or (`advice`) one thing to look at although it can.

    `line` counts from 1 (0 if the place is unknown), `element` is the BPMN tag without prefix, `element_id` its id
    or "", `reason` a Chinese sentence for the process owner, `code` a stable English key for programs and tests.
    """

    source: str
    line: int
    element: str
    element_id: str
    reason: str
    code: str
    advice: bool = False

    def __str__(self) -> str:
        place = f"{self.source}:{self.line}" if self.source else f"第 {self.line} 行"
        what = f"{self.element} {self.element_id}".strip()
        return f"{place}: {what}: {self.reason}" if what else f"{place}: {self.reason}"

    def to_json(self) -> dict[str, str | int]:
        """A plain dictionary, for command line and API output."""
        return {
            "source": self.source,
            "line": self.line,
            "element": self.element,
            "element_id": self.element_id,
            "reason": self.reason,
            "code": self.code,
        }


class DefinitionError(Exception):
    """A process file was refused; `problems` holds every reason found, `advice` the rest, in the order of the file."""

    def __init__(self, problems: Iterable[Problem], advice: Iterable[Problem] = ()) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        self.advice: tuple[Problem, ...] = tuple(advice)
        super().__init__("\n".join(str(problem) for problem in self.problems))
