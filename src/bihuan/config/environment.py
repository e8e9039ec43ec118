"""Typed reading of environment variables; an odd value is an error, never a silent default."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

_YES = frozenset({"1", "true", "yes", "on"})
_NO = frozenset({"", "0", "false", "no", "off"})


def text(name: str, default: str = "") -> str:
    """The variable NAME, or the content of the file named by NAME_FILE (for secrets kept in files)."""
    if name in os.environ:
        return os.environ[name].strip()
    file = os.environ.get(f"{name}_FILE")
    if not file:
        return default
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{name}_FILE cannot be read: {error}") from error


def switch(name: str, default: bool = False) -> bool:
    """An on/off variable."""
    value = text(name, "1" if default else "0").lower()
    if value in _YES:
        return True
    if value in _NO:
        return False
    raise ImproperlyConfigured(f"{name} must be 1 or 0, not {value!r}")


def number(name: str, default: int, *, least: int = 0) -> int:
    """A whole number of at least `least`."""
    value = text(name, str(default))
    if not value.isdecimal() or int(value) < least:
        raise ImproperlyConfigured(f"{name} must be a whole number of at least {least}, not {value!r}")
    return int(value)


def words(name: str, default: str = "") -> list[str]:
    """A comma-separated list."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def address(name: str) -> str:
    """The address of a web server without a path, or nothing."""
    value = text(name).rstrip("/")
    if value and (not value.startswith(("https://", "http://")) or value.count("/") != 2 or " " in value):
        raise ImproperlyConfigured(f"{name} must look like https://service.example.com, not {value!r}")
    return value


def secret_key(folder: Path) -> str:
    """BIHUAN_SECRET_KEY, or one made at the first start and kept in the data folder, readable by its owner only."""
    given = text("BIHUAN_SECRET_KEY")
    if given:
        return given
    file = folder / "secret_key"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file.read_text(encoding="ascii").strip()
    made = secrets.token_urlsafe(48)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(made)
    return made
