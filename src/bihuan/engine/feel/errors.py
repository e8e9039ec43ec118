"""What can go wrong with an expression: it cannot be read, or reading it would cost too much."""

from __future__ import annotations


class FeelError(Exception):
    """An expression could not be evaluated within its bounds. The message is Chinese, for the person who wrote it."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class FeelSyntaxError(FeelError):
    """An expression that cannot be read.

    `column` counts characters from 1 in the line of the expression where the trouble is; `line` is the line in the
    file the expression stands in when the caller told where it starts, else the line inside a text of several lines.
    """

    def __init__(self, message: str, column: int, line: int | None = None) -> None:
        super().__init__(message)
        self.column = column
        self.line = line

    def __str__(self) -> str:
        place = f"第 {self.column} 列" if self.line is None else f"第 {self.line} 行第 {self.column} 列"
        return f"{place}：{self.message}"


class UnfitError(Exception):
    """Inside the evaluator: this operation has no value (FEEL's null); the reason becomes a warning, not an error."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
