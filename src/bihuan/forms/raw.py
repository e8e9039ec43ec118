"""One way to read what was sent, whether a browser posted it or a scenario wrote it down.

A browser sends flat names (`lines-0-quantity`); a scenario or the API sends plain values and lists of mappings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeGuard

ROW_NAME = re.compile(r"-(\d{1,4})-([a-z_]{1,40})\Z")
MAX_ROWS_READ = 200
MAX_JSON_LENGTH = 200_000


class MultiValues(Protocol):
    """What Django's QueryDict and MultiValueDict offer: several values under one name."""

    def getlist(self, key: str) -> list[Any]: ...


def _has_many(data: object) -> TypeGuard[MultiValues]:
    return hasattr(data, "getlist")


class Raw:
    """Reads one submission. `is_browser` tells flat posted names from plain structured values."""

    def __init__(self, data: Mapping[str, Any], files: Mapping[str, Any] | None = None) -> None:
        self._data = data
        self._files: Mapping[str, Any] = files if files is not None else {}
        self.is_browser = _has_many(data)

    def one(self, name: str) -> Any:
        """The (last) value under a name, None when nothing was sent."""
        return self._data.get(name)

    def many(self, name: str) -> list[Any]:
        """All values under a name; a plain single value counts as a list of one."""
        if _has_many(self._data):
            return list(self._data.getlist(name))
        value = self._data.get(name)
        if value is None:
            return []
        if isinstance(value, (list, tuple, set, frozenset)):
            return list(value)
        return [value]

    def uploads(self, name: str) -> list[Any]:
        """Uploaded files under a name (anything with `read`, `size` and `name`)."""
        if _has_many(self._files):
            found = list(self._files.getlist(name))
        else:
            value = self._files.get(name)
            found = list(value) if isinstance(value, (list, tuple)) else [value] if value is not None else []
        if not self.is_browser:
            found += [value for value in self.many(name) if hasattr(value, "read")]
        return found

    def rows(self, name: str) -> list[dict[str, Any]] | None:
        """Table rows under a name; None when what was sent is not a list of rows.

        Accepts a list of mappings, its JSON text, or posted names `<name>-<row>-<column>`; empty rows are dropped.
        """
        value = self._data.get(name)
        if isinstance(value, str) and value.strip():
            value = _from_json(value)
        if isinstance(value, Mapping):
            value = [value]
        if value is not None and value != "":
            if not isinstance(value, Sequence) or not all(isinstance(row, Mapping) for row in value):
                return None
            found = [{str(key): item for key, item in row.items()} for row in value]
        else:
            found = self._posted_rows(name)
        return [row for row in found if any(item not in (None, "", []) for item in row.values())]

    def _posted_rows(self, name: str) -> list[dict[str, Any]]:
        rows: dict[int, dict[str, Any]] = {}
        for key in self._data:
            if not key.startswith(name + "-"):
                continue
            match = ROW_NAME.fullmatch(key, len(name))
            if match is None:
                continue
            row = rows.setdefault(int(match[1]), {})
            row[match[2]] = self._data.get(key)
            if len(rows) > MAX_ROWS_READ:
                break
        return [rows[number] for number in sorted(rows)]


def _from_json(text: str) -> Any:
    if len(text) > MAX_JSON_LENGTH:
        return False
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return False
