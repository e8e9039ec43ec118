"""Where the time of a step goes: clocks around the parts, in a run of its own since clocks cost time too."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

from django.db import connections
from django.db.backends.utils import CursorWrapper

from bench.contenders import Contender
from bench.models import answers, our_model
from bihuan.audit import log
from bihuan.engine.definition import parse_bpmn
from bihuan.engine.runtime import CompleteItem, ItemOpened, Start, State, new_state, step
from bihuan.kernel import sql
from bihuan.processes import unit, writing

ROUNDS = 8


class Stopwatch:
    """Seconds by part. A part inside another counts for itself only."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}
        self._inner = [0.0]

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function with a clock around it."""

        def run(*args: Any, **kwargs: Any) -> Any:
            began = time.perf_counter()
            self._inner.append(0.0)
            try:
                return function(*args, **kwargs)
            finally:
                whole = time.perf_counter() - began
                own = whole - self._inner.pop()
                self._inner[-1] += whole
                self.spent[part] = self.spent.get(part, 0.0) + own

        return run


def profile(contender: Contender, count: int) -> dict[str, float]:
    """Shares of the time of a step in percent: engine, database (driver, server and commit), hashing, the rest."""
    contender.prepare(count, 20)
    watch = Stopwatch()
    with _clocks(watch):
        began = time.perf_counter()
        for _ in range(ROUNDS):
            for number in range(count):
                contender.step(number)
        whole = time.perf_counter() - began
    shares = {part: round(100 * spent / whole, 1) for part, spent in sorted(watch.spent.items())}
    shares["rest"] = round(100 - sum(shares.values()), 1)
    shares["microseconds_per_step"] = round(1e6 * whole / (ROUNDS * count), 1)
    return shares


@contextmanager
def _clocks(watch: Stopwatch) -> Iterator[None]:
    wrapper = type(connections["default"])
    parts: list[tuple[Any, str, str]] = [
        (unit, "step", "engine"),
        (State, "to_json", "engine"),
        (State, "from_json", "engine"),
        (sql, "run_on_driver", "database"),
        (CursorWrapper, "execute", "database"),
        (wrapper, "_commit", "database"),
        (sql, "begin_on_driver", "database"),
        (sql, "commit_on_driver", "database"),
        (wrapper, "_rollback", "database"),
        (wrapper, "_savepoint", "database"),
        (wrapper, "_savepoint_commit", "database"),
        (writing, "append_row", "hashing"),
        (log, "append_row", "hashing"),
    ]
    if connections["default"].vendor == "sqlite":
        parts.append((wrapper, "_start_transaction_under_autocommit", "database"))
    with ExitStack() as stack:
        for owner, name, part in parts:
            timed = watch.timed(part, getattr(owner, name))
            # A class method is bound already.
            stack.enter_context(patch.object(owner, name, staticmethod(timed) if name == "from_json" else timed))
        yield


def engine_alone(seconds: float = 1.0) -> float:
    """Steps per second without a database: read the state, step, write the state."""
    process = parse_bpmn(our_model("round")).processes["round"]
    now = datetime.now(UTC)
    state = new_state()
    events = step(process, state, Start(), now)
    began = time.perf_counter()
    steps = 0
    while time.perf_counter() - began < seconds:
        wait = next(event.wait for event in events if isinstance(event, ItemOpened))
        state = State.from_json(json.dumps(state.to_json()))
        steps += 1
        events = step(process, state, CompleteItem(wait, answers(steps)), now)
    return round(steps / (time.perf_counter() - began), 1)
