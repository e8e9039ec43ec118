"""The limits report and the lists of clocks: figures lead to their clocks, filters hold, exports are what is shown."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from openpyxl import load_workbook

from bihuan.kernel import clock, paging
from bihuan.kernel.errors import NotAllowed
from bihuan.limits.clocks import pause_clock, running_clocks
from bihuan.limits.models import Clock
from bihuan.limits.report import Share
from bihuan.operations.desk.answering import let_ring
from bihuan.operations.pages.clock_list import clock_list
from bihuan.operations.pages.clock_query import STATES, ClockQuery
from bihuan.operations.pages.limit_report import GROUPINGS, limit_report
from bihuan.processes.engine_store import claim_item
from tests.web.visits import Centre

QUERIES = 20


def later(**span: float) -> None:
    clock.move(clock.now() + timedelta(**span))


@pytest.fixture
def morning(centre: Centre) -> Centre:
    """One car greeted in time, one late, one waiting in time, one waiting late; nobody cancelled anything yet."""
    in_time, late = centre.arrive("示A70002"), centre.arrive("示A70003")
    centre.greet(in_time)
    later(seconds=90)
    centre.greet(late)
    centre.arrive("示A70004", bay="晚的")
    later(seconds=70)
    centre.arrive("示A70005", bay="早的")
    return centre


def sheet(client: Client, address: str) -> list[tuple[Any, ...]]:
    answer = client.get(address)
    assert answer.status_code == 200, answer.content.decode()
    return list(load_workbook(io.BytesIO(answer.content)).worksheets[0].iter_rows(values_only=True))


def plates(centre: Centre, who: str = "site_manager", **query: Any) -> list[str]:
    return [
        row.plate for row in clock_list(ClockQuery.of({"key": "greet", **query}), actor=centre.cast.actor(who)).rows
    ]


def test_the_report_counts_and_says_how(morning: Centre) -> None:
    shown = limit_report(ClockQuery(key="greet"), actor=morning.cast.actor("site_manager"))
    assert shown.total == Share(met=1, missed=2, running=1) and str(shown.total.percent) == "33.3"
    text = morning.client("site_manager").get("/reports/limits").content.decode()
    assert "及时率 = 按时 ÷（按时 + 超时）" in text and "撤销" in text and "10 秒内接听" in text


def test_every_figure_of_every_grouping_leads_to_exactly_its_clocks(morning: Centre) -> None:
    manager = morning.cast.actor("site_manager")
    for by in GROUPINGS:
        shown = limit_report(ClockQuery(by=by), actor=manager)
        followed = 0
        for line in shown.lines:
            for state in ("met", "missed", "running", "paused", "cancelled"):
                address = line.address(shown.period, state)
                if address:
                    found = clock_list(ClockQuery.of(dict(parse_qsl(address))), actor=manager)
                    assert found.part.total == getattr(line.share, state), (by, address)
                    followed += found.part.total
        assert followed, by


def test_limits_that_name_no_role_count_under_what_they_are_of(morning: Centre) -> None:
    manager = morning.cast.actor("site_manager")
    let_ring(actor=morning.cast.actor("front_desk"), phone="13900007001")
    Clock.unscoped.filter(key="greet").update(role="", subject_kind="case")
    labels = {line.label: line.share.started for line in limit_report(ClockQuery(by="role"), actor=manager).lines}
    assert (labels["整张单据"], labels["来电"]) == (4, 1) and "未指定角色" not in labels


def test_the_page_links_each_figure(morning: Centre) -> None:
    manager = morning.client("site_manager")
    text = manager.get("/reports/limits", {"by": "person"}).content.decode()
    found = re.search(r'href="(/clocks\?[^"]+)" aria-label="李晓，超时 1 次', text)
    assert found
    assert "示A·70003" in manager.get(found[1].replace("&amp;", "&")).content.decode()


def test_late_and_due_today_are_told_apart_and_the_most_urgent_comes_first(morning: Centre) -> None:
    assert plates(morning, state="late") == ["示A70004"]
    assert plates(morning, state="today") == ["示A70005"]
    text = morning.client("advisor").get("/clocks").content.decode()
    assert "countdown-late" in text and "alert-triangle" in text and "待领取" in text
    later(hours=9)
    assert plates(morning, state="late") == ["示A70004", "示A70005"]
    assert plates(morning, state="today") == []


def test_a_long_list_and_its_tabs_are_counted_as_far_as_its_pages_go(
    morning: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "COUNTED", 1)
    later(hours=9)
    found = clock_list(ClockQuery(state="late"), actor=morning.cast.actor("advisor"))
    assert (found.counts["late"], found.part.total, found.part.more, len(found.rows)) == (2, 1, True, 3)
    text = morning.client("advisor").get("/clocks", {"state": "late"}).content.decode()
    assert '<span class="count">1+</span>' in text and "超过 1 条" in text


def test_a_paused_limit_is_neither_late_nor_due_today_and_says_why(morning: Centre) -> None:
    case = clock_list(ClockQuery(state="today", key="greet"), actor=morning.cast.actor("advisor")).rows[0]
    assert case.item is not None
    (held,) = running_clocks("item", case.item.pk)
    pause_clock(held.pk, reason="等待客户", actor=morning.cast.actor("workshop_manager"))
    later(hours=1)
    assert plates(morning, state="today") == [] and plates(morning, state="paused") == ["示A70005"]
    text = morning.client("advisor").get("/clocks", {"state": "paused"}).content.decode()
    assert "countdown-paused" in text and "等待客户" in text


def test_lists_are_filtered_by_role_person_limit_and_site(morning: Centre) -> None:
    (row,) = clock_list(ClockQuery(key="greet"), actor=morning.cast.actor("advisor")).rows
    assert row.item is not None
    claim_item(row.item.pk, actor=morning.cast.actor("advisor"))
    lixiao, other = morning.cast.user("advisor").pk, morning.cast.user("technician").pk
    assert plates(morning, person=lixiao) == ["示A70004"] and plates(morning, person=other) == []
    assert plates(morning, role="advisor") == ["示A70004"] and plates(morning, role="technician") == []
    assert plates(morning, key="dispatch") == []
    assert plates(morning, who="group_manager", site="all") == ["示A70004"]
    assert plates(morning, who="group_manager", site=morning.cast.jw.pk) == []


def test_nobody_sees_the_clocks_of_a_site_that_is_not_theirs(morning: Centre) -> None:
    yl = str(morning.cast.yl.pk)
    for who, address in (("other_advisor", f"/clocks?site={yl}"), ("other_admin", f"/reports/limits?site={yl}")):
        assert morning.client(who).get(address).status_code == 403, address
    assert plates(morning, who="other_advisor", site="all") == []
    with pytest.raises(NotAllowed):
        limit_report(ClockQuery(site=yl), actor=morning.cast.actor("other_admin"))


def test_how_people_did_is_for_those_who_may_read_reports_and_exports_for_those_who_may_export(morning: Centre) -> None:
    assert morning.client("technician").get("/reports/limits").status_code == 403
    assert morning.client("technician").get("/clocks").status_code == 200
    for state in ("met", "missed", "cancelled"):
        assert morning.client("technician").get("/clocks", {"state": state}).status_code == 403
    assert morning.client("technician").get("/clocks/export").status_code == 403
    assert morning.client("without_position").get("/clocks").status_code in (403, 422)


def test_exports_are_exactly_the_view(morning: Centre) -> None:
    manager = morning.client("site_manager")
    rows = sheet(manager, "/clocks/export?state=missed&key=greet")
    assert [row[3] for row in rows[1:]] == ["示A70004", "示A70003"]
    assert rows[0][0] == "时限" and rows[2][6] == "李晓" and rows[2][-2] == 30 and rows[0][-1] == "到期说明"
    report = sheet(manager, "/reports/limits/export?key=greet")
    assert report[0] == ("时限", "按时", "超时", "进行中", "暂停中", "撤销", "及时率（%）")
    assert report[1][:4] == ("停车后迎接", 1, 2, 1) and report[2][0] == "合计" and "及时率 =" in report[3][0]


def test_nothing_found_and_a_period_that_makes_no_sense_are_told_kindly(centre: Centre) -> None:
    manager = centre.client("site_manager")
    assert "没有超时的工作" in manager.get("/clocks").content.decode()
    assert "今天没有要到期的工作" in manager.get("/clocks", {"state": "today"}).content.decode()
    assert "没有符合条件的时限" in manager.get("/clocks", {"role": "guard"}).content.decode()
    assert "这段时间没有计时" in manager.get("/reports/limits", {"until": "2020-01-31"}).content.decode()
    wrong = manager.get("/reports/limits", {"since": "2026-02-01", "until": "2026-01-01"})
    assert wrong.status_code == 422 and "开始日期不能晚于结束日期" in wrong.content.decode()
    assert manager.get("/clocks", {"state": "x", "site": "-1", "person": "9" * 30, "page": "0"}).status_code == 200


def test_longer_lists_need_no_more_queries(morning: Centre) -> None:
    manager = morning.client("site_manager")
    addresses = ("/clocks", "/clocks?state=missed", "/reports/limits", "/reports/limits?by=day")
    counts: dict[str, list[int]] = {address: [] for address in addresses}
    for number in range(2):
        for address in addresses:
            manager.get(address)
            with CaptureQueriesContext(connection) as seen:
                assert manager.get(address).status_code == 200
            counts[address].append(len(seen))
        for extra in range(3):
            morning.arrive(f"示A8{number}00{extra}")
        later(seconds=61)
    assert all(few == many <= QUERIES for few, many in counts.values()), counts


def test_every_state_has_its_page(morning: Centre) -> None:
    for state in STATES:
        assert morning.client("site_manager").get("/clocks", {"state": state}).status_code == 200
