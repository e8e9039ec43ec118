"""Compiled processes by content, kept in memory as long as they are in use."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

from bihuan.engine.definition import Model, Process, parse_bpmn
from bihuan.processes.models import Version

CAPACITY = 200


class CompiledModels:
    """Models by content, at most `capacity`, the least recently used leaving first. Versions never change."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.capacity = capacity
        self._models: OrderedDict[str, Model] = OrderedDict()
        self._lock = Lock()

    def get(self, sha256: str, read_xml: Callable[[], str]) -> Model:
        """The compiled model of this content; `read_xml` is asked only when it is not in memory."""
        with self._lock:
            model = self._models.get(sha256)
            if model is not None:
                self._models.move_to_end(sha256)
                return model
        # Compiled outside the lock: two threads may both do it, which costs time but never waits for a big model.
        model = parse_bpmn(read_xml(), published=True)
        with self._lock:
            self._models[sha256] = model
            self._models.move_to_end(sha256)
            while len(self._models) > self.capacity:
                self._models.popitem(last=False)
        return model

    def clear(self) -> None:
        with self._lock:
            self._models.clear()

    def __len__(self) -> int:
        return len(self._models)


MODELS = CompiledModels()


def compiled_process(version_id: int, sha256: str, process_id: str) -> Process:
    """The process of a version, ready to run."""
    model = MODELS.get(sha256, lambda: Version.objects.values_list("xml", flat=True).get(pk=version_id))
    return model.processes[process_id]


def compiled_model(version: Version) -> Model:
    """The whole file of a version, ready to run."""
    return MODELS.get(version.sha256, lambda: version.xml)


def process_of(version: Version) -> Process:
    """The main process of a version, ready to run."""
    return compiled_model(version).processes[version.process_id]
