"""Refusals that a person can understand and act on.

Every message is Chinese, written for a clerk, and safe to show. Anything that is not one of these is a fault of ours.
"""

from __future__ import annotations


class BusinessError(Exception):
    """The request makes no sense as it stands; `field` names the form field to correct, if one is to blame."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field

    def __str__(self) -> str:
        return self.message


class NotAllowed(BusinessError):
    """The person may not do this here; the message says who can."""


class NotFound(BusinessError):
    """The thing does not exist, or not for this person: the two must look alike."""


class Conflict(BusinessError):
    """Somebody else was faster, or the thing has moved on since it was shown."""
