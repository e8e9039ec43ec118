"""The explanation behind a countdown."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bihuan.kernel import clock
from bihuan.limits.changes import Reopening, move_target, reopen_clock
from bihuan.limits.clocks import pause_clock, resume_clock, start_clock, stop_clock
from bihuan.limits.models import Clock
from bihuan.records.cases import open_case
from tests.cast import Cast


def browser(cast: Cast, who: str) -> Client:
    client = Client()
    client.force_login(cast.user(who))
    return client


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-{text}+08:00")


@pytest.fixture
def disputed(cast: Cast) -> Clock:
    """Four hours on the site's hours: paused, extended, stopped, reopened a day later, stopped again."""
    with clock.frozen(at("24T10:00")):
        case = open_case("complaint", actor=cast.system, title="答复慢")
        held = start_clock(
            subject_kind="case", subject_id=case.pk, key="complaint_answer", name="答复客户", site_id=cast.yl.pk,
            target_seconds=2 * 3600, calendar="site", role="customer_care",
        )  # fmt: skip
        clock.move(at("24T11:00"))
        pause_clock(held.pk, reason="等待客户发照片", actor=cast.actor("customer_care"))
        clock.move(at("24T11:30"))
        resume_clock(held.pk, actor=cast.actor("customer_care"))
        move_target(held.pk, target_seconds=4 * 3600, reason="客户同意延后", actor=cast.actor("site_manager"))
        clock.move(at("24T14:00"))
        stop_clock(subject_kind="case", subject_id=case.pk, key=held.key, person_id=cast.user("customer_care").pk)
        clock.move(at("25T09:00"))
        reopen_clock(held.pk, policy=Reopening.EXCLUDE, reason="客户又来电", actor=cast.actor("site_manager"))
        clock.move(at("25T11:00"))
        stop_clock(subject_kind="case", subject_id=case.pk, key=held.key, person_id=cast.user("customer_care").pk)
    return Clock.unscoped.get(pk=held.pk)


def test_a_dispute_is_settled_by_reading_the_page(cast: Cast, disputed: Clock) -> None:
    with clock.frozen(at("25T12:00")):
        shown = browser(cast, "site_manager").get(f"/clocks/{disputed.pk}").content.decode()
    # 10:00-11:00, 11:30-12:00, 13:00-14:00 and 09:00-11:00 next day are four and a half hours.
    assert "限 04:00:00，已用 04:30:00，超出 00:30:00" in shown
    for told in (
        "超时",
        "午休",
        "周敏暂停：等待客户发照片",
        "已关闭",
        "客户同意延后",
        "客户又来电",
        "停止以后不再计时",
    ):
        assert told in shown
    assert "2026 年节假日尚未确认" not in shown


def test_the_way_from_a_countdown_leads_there(cast: Cast, disputed: Clock) -> None:
    answer = browser(cast, "site_manager").get(f"/clocks/case/{disputed.subject_id}/complaint_answer")
    assert answer.headers["Location"] == f"/clocks/{disputed.pk}"


def test_the_page_costs_few_queries_and_is_for_those_who_see_the_case(cast: Cast, disputed: Clock) -> None:
    client = browser(cast, "site_manager")
    client.get("/")
    with CaptureQueriesContext(connection) as seen:
        assert client.get(f"/clocks/{disputed.pk}").status_code == 200
    assert len(seen) <= 18, [query["sql"][:90] for query in seen]
    assert browser(cast, "other_advisor").get(f"/clocks/{disputed.pk}").status_code == 404
    assert client.get("/clocks/999999").status_code == 404
    assert client.get("/clocks/item/999999").status_code == 404


def test_a_provisional_due_moment_is_marked(cast: Cast) -> None:
    with clock.frozen(at("24T10:00")):
        held = start_clock(
            subject_kind="case", subject_id=7, key="reply", name="答复", site_id=cast.yl.pk, target_seconds=60,
            calendar="site",
        )  # fmt: skip
        shown = browser(cast, "site_manager").get(f"/clocks/{held.pk}").content.decode()
    assert "依据的 2026 年节假日尚未确认" in shown


def test_the_workshop_manager_agrees_pauses_resumes_and_reopens_with_reasons(cast: Cast) -> None:
    with clock.frozen(at("24T10:00")):
        case = open_case("complaint", actor=cast.system, title="答复慢")
        held = start_clock(
            subject_kind="case", subject_id=case.pk, key="reply", name="答复", site_id=cast.yl.pk, target_seconds=3600
        )
        client = browser(cast, "workshop_manager")
        here = f"/clocks/{held.pk}"
        assert "商定新的时长" in client.get(here).content.decode()
        assert client.post(f"{here}/agree", {"hours": "两", "reason": "x"}).status_code == 422
        assert client.post(f"{here}/agree", {"hours": "2", "reason": " "}).status_code == 422
        assert client.post(f"{here}/agree", {"hours": "2.5", "reason": "客户同意"}).status_code == 302
        assert client.post(f"{here}/pause", {"reason": "等待客户"}).status_code == 302
        assert client.post(f"{here}/pause", {"reason": "等待客户"}).status_code == 422
        assert "正在暂停：等待客户" in client.get(here).content.decode()
        assert client.post(f"{here}/resume").status_code == 302
        assert Clock.unscoped.get(pk=held.pk).due_at == at("24T12:30")
        stop_clock(subject_kind="case", subject_id=case.pk, key="reply")
        assert client.post(f"{here}/reopen", {"reason": "客户又来电"}).status_code == 302
        assert client.post(f"{here}/abolish").status_code == 404


def test_a_promised_moment_is_moved_by_naming_another(cast: Cast) -> None:
    with clock.frozen(at("24T10:00")):
        held = start_clock(
            subject_kind="case", subject_id=7, key="reply", name="答复", site_id=cast.yl.pk, due_at=at("24T17:00")
        )
        client = browser(cast, "workshop_manager")
        assert client.post(f"/clocks/{held.pk}/agree", {"until": "soon", "reason": "x"}).status_code == 422
        moved = {"until": "2026-11-25T09:30", "reason": "客户改到明早"}
        assert client.post(f"/clocks/{held.pk}/agree", moved).status_code == 302
    assert Clock.unscoped.get(pk=held.pk).due_fixed_at == at("25T09:30")


def test_those_who_only_see_cases_decide_nothing(cast: Cast, disputed: Clock) -> None:
    client = browser(cast, "technician")
    assert "改变这个时限" not in client.get(f"/clocks/{disputed.pk}").content.decode()
    for deed in ("agree", "pause", "resume", "reopen"):
        answer = client.post(f"/clocks/{disputed.pk}/{deed}", {"hours": "9", "reason": "x"})
        assert answer.status_code == 403
