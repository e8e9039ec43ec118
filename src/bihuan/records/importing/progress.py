"""How far an import is, told while its transaction is still open and its rows are seen by nobody: in a small file.

Each telling is a file of its own with the next number, and then the one before it goes: whoever reads always finds a
whole one. The files lie in the storage of the uploads, which every node of an installation shares.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

TELL_EVERY_SECONDS = 0.3


@dataclass(frozen=True)
class Progress:
    """Rows through, rows in all (0 while the file is being read), and the sheet in hand."""

    done: int
    total: int
    sheet: str


class Teller:
    """Tells how far one import is, a few times a second at most; begins by taking away what an earlier try told."""

    def __init__(self, run_id: int) -> None:
        self.run_id = run_id
        self._number = 0
        self._told_at = 0.0
        forget(run_id)
        self._tell(Progress(0, 0, ""))

    def __call__(self, done: int, total: int, sheet: str) -> None:
        """The next piece of rows is through."""
        if done == total or time.monotonic() - self._told_at >= TELL_EVERY_SECONDS:
            self._tell(Progress(done, total, sheet))

    def _tell(self, progress: Progress) -> None:
        self._told_at = time.monotonic()
        self._number += 1
        content = ContentFile(json.dumps(asdict(progress)).encode())
        default_storage.save(f"{_folder(self.run_id)}/{self._number}.json", content)
        if self._number > 1:
            default_storage.delete(f"{_folder(self.run_id)}/{self._number - 1}.json")


def read_progress(run_id: int) -> Progress | None:
    """What was told last; None when no worker has begun."""
    for name in reversed(_told(run_id)):
        try:
            with default_storage.open(f"{_folder(run_id)}/{name}") as file:
                return Progress(**json.loads(file.read()))
        except (OSError, ValueError):
            continue  # Just taken away, or just being written.
    return None


def forget(run_id: int) -> None:
    """Take away what was told."""
    for name in _told(run_id):
        default_storage.delete(f"{_folder(run_id)}/{name}")


def _told(run_id: int) -> list[str]:
    try:
        names = default_storage.listdir(_folder(run_id))[1]
    except OSError:
        return []
    return sorted((name for name in names if name.partition(".")[0].isdecimal()), key=lambda name: int(name[:-5]))


def _folder(run_id: int) -> str:
    return f"imports/{run_id}"
