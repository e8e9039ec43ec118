"""How the events of people's operations change the state; `apply` holds the one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from bihuan.engine.runtime.events import Event
from bihuan.engine.runtime.people import events as e
from bihuan.engine.runtime.state import Asked, Record, Rework, State


def forget_token(state: State, token: int) -> None:
    """A token is gone, and with it what people had arranged about it."""
    state.reworks.pop(token, None)
    state.held.pop(token, None)
    if state.asks:
        state.asks = {ask.id: ask for ask in state.asks.values() if ask.token != token}


def forget_item(state: State, wait: int) -> None:
    """The item of somebody asked is closed: they are asked no more."""
    for ask in [ask for ask in state.asks.values() if ask.item == wait]:
        del state.asks[ask.id]


def _rework_begun(state: State, event: e.ReworkBegun) -> None:
    state.reworks[event.token] = Rework(event.token, event.wait, event.top, event.behind)


def _caller_awaited(state: State, event: e.CallerAwaited) -> None:
    state.awaiting.append(event.wait)


def _awaits_no_more(state: State, event: e.CallerReturned | e.CallerForsaken) -> None:
    state.awaiting.remove(event.wait)


def _person_asked(state: State, event: e.PersonAsked) -> None:
    state.asks[event.ask] = Asked(event.ask, event.token, event.wait, event.mode, event.person, event.asker)
    state.next_id = max(state.next_id, event.ask + 1)


def _ask_opened(state: State, event: e.AskOpened) -> None:
    state.asks[event.ask] = replace(state.asks[event.ask], item=event.item)


def _ask_dropped(state: State, event: e.AskDropped) -> None:
    del state.asks[event.ask]


def _results_held(state: State, event: e.ResultsHeld) -> None:
    state.held[event.token] = dict(event.values)


def _results_freed(state: State, event: e.ResultsFreed) -> None:
    del state.held[event.token]


def _signer_added(state: State, event: e.SignerAdded) -> None:
    scope = state.scopes[event.scope]
    scope.total += 1
    scope.items = [*(scope.items or [])]
    scope.items.insert(event.index - 1, event.item)
    if scope.results is not None:
        scope.results.insert(event.index - 1, None)


def _loop_recounted(state: State, event: e.LoopRecounted) -> None:
    scope = state.scopes[event.scope]
    scope.started, scope.done = event.started, event.done
    scope.results = None if event.results is None else [*event.results]


def _activities_counted(state: State, event: e.ActivitiesCounted) -> None:
    state.scopes[event.scope].items = [*event.begun] or None


def _suspended(state: State, event: e.InstanceSuspended) -> None:
    state.status, state.suspended_at = "suspended", event.at


def _resumed(state: State, _event: e.InstanceResumed) -> None:
    state.status, state.suspended_at = "running", None
    state.kept.clear()


def _message_kept(state: State, event: e.MessageKept) -> None:
    state.kept.append((event.wait, dict(event.values)))


def _record_dropped(state: State, event: e.RecordDropped) -> None:
    del state.records[event.record]


def _record_kept(state: State, event: e.RecordKept) -> None:
    record = Record(event.record, event.node, event.scope, event.within, event.by, dict(event.values))
    state.records[event.record] = record
    state.next_id = max(state.next_id, event.record + 1)


def _timer_moved(state: State, event: e.TimerMoved) -> None:
    state.waits[event.wait].due_at = event.due_at


def _woken(state: State, _event: e.InstanceWoken) -> None:
    state.status, state.outcome = "running", ""


PEOPLE_APPLIERS: Mapping[type[Event], Callable[[State, Any], None]] = {
    e.ReworkBegun: _rework_begun,
    e.CallerAwaited: _caller_awaited,
    e.CallerReturned: _awaits_no_more,
    e.CallerForsaken: _awaits_no_more,
    e.PersonAsked: _person_asked,
    e.AskOpened: _ask_opened,
    e.AskDropped: _ask_dropped,
    e.ResultsHeld: _results_held,
    e.ResultsFreed: _results_freed,
    e.SignerAdded: _signer_added,
    e.LoopRecounted: _loop_recounted,
    e.ActivitiesCounted: _activities_counted,
    e.InstanceSuspended: _suspended,
    e.InstanceResumed: _resumed,
    e.MessageKept: _message_kept,
    e.RecordDropped: _record_dropped,
    e.RecordKept: _record_kept,
    e.TimerMoved: _timer_moved,
    e.InstanceWoken: _woken,
}
