"""The door for telephone systems."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from bihuan.kernel import clock
from bihuan.notify.models import Notice
from bihuan.records.models import CallLog
from tests.web.visits import Centre

SECRET = "not-a-real-secret"


@pytest.fixture(autouse=True)
def secret(settings: Any) -> None:
    settings.BIHUAN_CALL_SECRETS = {"YL": SECRET}


def tell(told: Any, secret: str = SECRET) -> Any:
    body = told if isinstance(told, (bytes, str)) else json.dumps(told)
    client = Client(enforce_csrf_checks=True)
    return client.post(
        "/hooks/calls", body, content_type="application/json", headers={"Authorization": f"Bearer {secret}"}
    )


@pytest.mark.covers("AUTO-02")
def test_a_telephone_system_tells_of_a_call(centre: Centre, frozen_clock: Any) -> None:
    told = {"site": "YL", "id": "a-1"}
    at = clock.now()
    assert (
        tell({**told, "event": "ringing", "phone": "13900007001", "at": at.isoformat()}).json()["outcome"] == "ringing"
    )
    clock.move(at + timedelta(seconds=6))
    assert tell({**told, "event": "answered", "user": "lixiao"}).json()["outcome"] == "answered"
    clock.move(at + timedelta(seconds=60))
    assert tell({**told, "event": "ended"}).json()["outcome"] == "done"
    call = CallLog.unscoped.get()
    assert (call.phone, call.user, call.customer) == ("13900007001", centre.cast.user("advisor"), centre.customer)
    assert call.answered_at == at + timedelta(seconds=6) and call.ended_at == at + timedelta(seconds=60)


def test_told_twice_nothing_changes(centre: Centre) -> None:
    for event in ("ringing", "ringing", "answered", "answered", "ended", "ended"):
        assert tell({"site": "YL", "id": "a-1", "event": event, "user": "lixiao"}).status_code == 200
    assert CallLog.unscoped.count() == 1


@pytest.mark.covers("AUTO-02")
def test_a_call_nobody_took_is_told_once_to_those_who_answer_the_telephone(centre: Centre) -> None:
    for event in ("ringing", "ended", "ended"):
        tell({"site": "YL", "id": "a-1", "event": event, "phone": "13900007001"})
    told = Notice.objects.filter(title="未接来电，尾号 7001")
    assert {notice.user for notice in told} >= {centre.cast.user("customer_care"), centre.cast.user("front_desk")}
    assert not told.filter(user__in=[centre.cast.user("technician"), centre.cast.user("other_advisor")]).exists()
    assert told.count() == len({notice.user_id for notice in told})
    assert "13900007001" not in str(list(Notice.objects.values()))


def test_who_is_unknown_or_of_another_site_is_not_named(centre: Centre) -> None:
    for number, user in enumerate(("nobody", "jiangxin", "zhuqing", "chenan")):
        told = {"site": "YL", "id": f"a-{number}", "user": user}
        assert tell({**told, "event": "ringing"}).status_code == 200
        assert tell({**told, "event": "answered"}).status_code == 200
    assert not CallLog.unscoped.filter(user__isnull=False).exists()


@pytest.mark.parametrize(
    ("told", "given", "status"),
    [
        ({"site": "YL", "id": "1", "event": "ringing"}, "wrong", 401),
        ({"site": "YL", "id": "1", "event": "ringing"}, "", 401),
        ({"site": "YL", "id": "1", "event": "ringing"}, "错", 401),
        ({"site": "JW", "id": "1", "event": "ringing"}, SECRET, 401),
        ({"site": "", "id": "1", "event": "ringing"}, "", 401),
        ("not json", SECRET, 400),
        ("[1]", SECRET, 400),
        (b"\xff\xfe", SECRET, 400),
        (" " * 9000, SECRET, 400),
        ({"site": "YL", "id": "1", "event": "sung"}, SECRET, 422),
        ({"site": "YL", "id": " ", "event": "ringing"}, SECRET, 422),
        ({"site": "YL", "id": "1", "event": "ringing", "at": "yesterday"}, SECRET, 422),
        ({"site": "YL", "id": "1", "event": "ringing", "at": "2026-11-24T09:00:00"}, SECRET, 422),
        ({"site": "YL", "id": "1", "event": "ringing", "at": "2020-01-01T00:00:00+08:00"}, SECRET, 422),
        ({"site": "YL", "id": "1", "event": "ended"}, SECRET, 404),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_kept(centre: Centre, told: Any, given: str, status: int) -> None:
    assert tell(told, given).status_code == status
    assert not CallLog.unscoped.exists()


def test_it_takes_only_posts(db: None) -> None:
    assert Client().get("/hooks/calls").status_code == 405
