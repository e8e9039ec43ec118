"""What is kept of an instance can be read by this program, and by no other's leave."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from bihuan.engine.runtime import State, event_from_json
from bihuan.engine.runtime.events import Event, ItemOpened, MessageThrown, NodeEntered, TimerSet, VariablesSet
from bihuan.engine.runtime.state import Asked, Incident, Record, Rework, Scope, Token, Wait

DUE = datetime(2026, 11, 27, 8, 30, tzinfo=UTC)
VALUES: dict[str, Any] = {"fee": Decimal("12.50"), "on": date(2026, 11, 27), "within": timedelta(hours=2), "$odd": [1]}


def test_a_state_comes_back_as_it_was() -> None:
    state = State(
        "suspended",
        next_id=9,
        tokens={1: Token(1, "work", flow="f1"), 2: Token(2, "many", local=4, loop=2)},
        scopes={
            0: Scope(0, variables=VALUES),
            4: Scope(4, 0, "many", 2, "multi", {}, 3, 2, 1, ["a"], [Decimal("0.5")]),
        },
        waits={3: Wait(3, "timer", "work", 1, due_at=DUE, left=None), 5: Wait(5, "item", "many", 2)},
        incidents={6: Incident(6, "work", 1, "enter")},
        asks={7: Asked(7, 1, 5, "before", 11, 12)},
        reworks={2: Rework(2, 5, 1, behind=8)},
        awaiting=[5],
        held={1: VALUES},
        suspended_at=DUE,
        kept=[(3, VALUES)],
        records={8: Record(8, "paid", 0, values=VALUES)},
        gateways={(0, "join"): ["f1", "f2"]},
    )

    assert State.from_json(state.to_text()) == State.from_json(state.to_json()) == state


def test_a_state_kept_by_an_earlier_release_is_read() -> None:
    kept = (
        '{"format":1,"status":"running","next":90,"tokens":[[87,"work",0,"f2"],[88,"late"]],'
        '"scopes":[{"id":0,"variables":{}}],'
        '"waits":[[89,"item","work",87],[90,"timer","late",88,0,"2026-11-27T08:30:00+00:00",null]]}'
    )

    state = State.from_json(kept)

    assert state.tokens == {87: Token(87, "work", 0, "f2"), 88: Token(88, "late")}
    assert state.waits[90] == Wait(90, "timer", "late", 88, due_at=DUE, left=None)
    assert state.scopes == {0: Scope(0)}


@pytest.mark.parametrize("text", ['{"format":2,"status":"running","next":1}', '{"format":1}', "[]", "nothing"])
def test_what_is_no_state_of_this_program_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        State.from_json(text)


@pytest.mark.parametrize(
    "event",
    [
        NodeEntered("work", 3, flow="f1"),
        VariablesSet(0, VALUES),
        VariablesSet(0, {}),
        ItemOpened(3, "work", 2, "试车", assignee=[11, "li"], variables={"price": Decimal("0.10")}),
        TimerSet(4, "late", 2, due_at=DUE, left=None),
        MessageThrown("send", "part.arrived", payload=VALUES),
    ],
)
def test_an_event_comes_back_as_it_was(event: Event) -> None:
    assert event_from_json(event.to_json()) == event


def test_what_an_event_does_not_say_takes_no_room() -> None:
    assert NodeEntered("work", 3).to_json() == {"type": "NodeEntered", "node": "work", "token": 3}
