"""What is wrong with a submission, at the field or at one cell of its rows."""

from __future__ import annotations


class FieldError(ValueError):
    """The whole field is at fault; the text is the Chinese message shown at it."""


class RowError(ValueError):
    """Cells of a table are at fault; `messages` maps the name of the input (`lines-0-quantity`) to its message."""

    def __init__(self, messages: dict[str, str]) -> None:
        super().__init__("；".join(messages.values()))
        self.messages = messages
