"""The only source of the present moment, so that scenarios and tests can move time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass
class _Frozen:
    at: datetime


# A context variable, not a module global: a simulation in one thread must not move the time of another.
_frozen: ContextVar[_Frozen | None] = ContextVar("bihuan_frozen_clock", default=None)


# How far the machine's clock is behind the one to go by.
_behind: ContextVar[timedelta] = ContextVar("bihuan_clock_behind", default=timedelta())


def as_utc(at: datetime) -> datetime:
    """The same moment in UTC; a moment without a zone is refused because it could mean two things."""
    if at.tzinfo is UTC:
        return at
    if at.tzinfo is None or at.utcoffset() is None:
        raise ValueError(f"moment without a time zone: {at.isoformat()}")
    return at.astimezone(UTC)


def now() -> datetime:
    """The present moment in UTC, or the moment set by `frozen`."""
    held = _frozen.get()
    return datetime.now(UTC) + _behind.get() if held is None else held.at


def whole_second(at: datetime) -> datetime:
    """The moment, what there is of a second counted as a whole one: the one rounding rule of everything that is timed.

    Starts, stops, pauses and calls are kept like this, so that lengths between them add up to the second on every
    screen; later than a whole second before is later after it.
    """
    return at if not at.microsecond else at.replace(microsecond=0) + timedelta(seconds=1)


def is_frozen() -> bool:
    """True inside `frozen`: time stands still until `move`."""
    return _frozen.get() is not None


@contextmanager
def corrected_by(difference: timedelta) -> Iterator[None]:
    """Go by another clock than the machine's in this thread: `now()` is so much later than it was; held time stays."""
    token = _behind.set(_behind.get() + difference)
    try:
        yield
    finally:
        _behind.reset(token)


@contextmanager
def frozen(at: datetime) -> Iterator[None]:
    """Hold the clock at one moment for this thread (and for contexts copied from it)."""
    token = _frozen.set(_Frozen(as_utc(at)))
    try:
        yield
    finally:
        _frozen.reset(token)


def move(to: datetime) -> None:
    """Set the held clock to another moment; only inside `frozen`."""
    held = _frozen.get()
    if held is None:
        raise RuntimeError("the clock moves only inside frozen()")
    held.at = as_utc(to)
