"""The shipped forms of the car service centre refuse what its rule book forbids."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

import bihuan
from bihuan.forms import Form, load
from bihuan.forms.drawing import draw_form

FORMS = Path(bihuan.__file__).parent / "packs/auto_service/forms"


def form(key: str) -> Form:
    return load((FORMS / f"{key}.json").read_bytes())


@pytest.mark.covers("AUTO-13")
def test_the_waiting_mode_must_be_answered_and_leaving_needs_a_phone() -> None:
    waiting = form("waiting")
    assert set(waiting.clean({}).errors) == {"waiting_mode"}
    assert waiting.clean({"waiting_mode": "wait"}).ok
    assert set(waiting.clean({"waiting_mode": "leave"}).errors) == {"phone"}
    assert set(waiting.clean({"waiting_mode": "leave", "phone": "12"}).errors) == {"phone"}
    assert waiting.clean({"waiting_mode": "leave", "phone": "139 0000 1234"}).values["phone"] == "13900001234"


TALK = {"call_outcome": "reached", "may_continue": "yes", "condition": "一切正常"}


@pytest.mark.covers("AUTO-30")
@pytest.mark.parametrize("level", ["非常不满意", "比较不满意"])
def test_either_dissatisfied_level_demands_a_reason_in_writing_or_as_a_recording(level: str) -> None:
    follow_up = form("follow_up")
    answer: dict[str, Any] = {**TALK, "satisfaction": level}
    assert set(follow_up.clean(answer).errors) >= {"reason_kind"}
    assert set(follow_up.clean({**answer, "reason_kind": "written"}).errors) == {"reason"}
    assert follow_up.clean({**answer, "reason_kind": "written", "reason": "等太久"}).ok
    recorded = {**answer, "reason_kind": "recording"}
    assert set(follow_up.clean(recorded).errors) == {"recording"}
    sound = SimpleUploadedFile("a.mp3", b"ID3\x03" + b"0" * 200)
    assert follow_up.clean({**recorded, "recording": [sound]}).ok


@pytest.mark.covers("AUTO-30")
def test_a_satisfied_customer_is_not_asked_for_a_reason_and_permission_comes_first() -> None:
    follow_up = form("follow_up")
    assert follow_up.clean({**TALK, "satisfaction": 5, "praise": "顾问讲得清楚"}).ok
    assert set(follow_up.clean({"call_outcome": "reached"}).errors) == {"may_continue"}
    unreached = follow_up.clean({"call_outcome": "unreachable", "satisfaction": 1, "condition": "没说"})
    assert unreached.values == {"call_outcome": "unreachable"}


def test_every_condition_of_the_shipped_forms_works_in_the_browser_too() -> None:
    for path in sorted(FORMS.glob("*.json")):
        for drawn in draw_form(load(path.read_bytes())).fields:
            assert not drawn.field.hide or drawn.hide_json, (path.stem, drawn.name)
