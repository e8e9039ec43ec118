"""Names nobody can guess, for public links, QR codes and one-time keys."""

from __future__ import annotations

import secrets


def new_token() -> str:
    """A link token of 128 random bits, 22 characters, safe in an address."""
    return secrets.token_urlsafe(16)


def new_once_key() -> str:
    """The one-time key of a form: repeating a request with it returns the first result."""
    return secrets.token_hex(16)
