"""Versions on screen: what runs on each, holding them, moving what runs, and the report."""

from __future__ import annotations

import os
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from openpyxl import load_workbook
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from bihuan.operations.surroundings import surroundings
from bihuan.operations.sweeps import HANDLER
from bihuan.packs.layout import lay_out
from bihuan.processes import engine_store as store
from bihuan.processes.jobs import run_due
from bihuan.processes.models import Instance, Sweep, Version
from bihuan.processes.sweeping import SWEEP
from tests.processes.models import END, START, bpmn, task
from tests.web.processes.test_in_browser import PICTURES, STATIC
from tests.web.visits import Centre

FIRST = lay_out(bpmn(
    "polish", START, task("洗车", role="technician"), task("打蜡", role="technician"),
    task("交车", role="advisor"), END, flows="start>洗车 洗车>打蜡 打蜡>交车 交车>end",
).encode()).decode()  # fmt: skip
SECOND = FIRST.replace('"打蜡"', '"镀膜"').replace(
    'name="交车" bihuan:role="advisor"', 'name="交车验收" bihuan:role="front_desk"'
)  # fmt: skip
HERE = "/processes/polish"


def polished(centre: Centre, times: int) -> list[int]:
    """Cars at 洗车, all but the first washed already; then the second version is published."""
    store.publish(FIRST, "polish", name="漆面养护")
    cast, found = centre.cast, []
    for number in range(1, times + 1):
        started = store.start_instance(
            "polish", site_id=cast.yl.pk, actor=cast.actor("advisor"), title=f"示A·7000{number} 漆面养护",
            around=surroundings(),
        )  # fmt: skip
        found.append(started.instance_id)
        if number > 1:
            store.complete_item(started.opened[0].id, actor=cast.actor("technician"), around=surroundings())
    store.publish(SECOND, "polish", name="漆面养护")
    return found


def work() -> None:
    while run_due(handlers={SWEEP: HANDLER}).done:
        pass


def test_what_is_worth_a_look_is_told_before_moving_and_on_the_page_of_the_process(centre: Centre) -> None:
    polished(centre, 1)
    gates = [f"g{number}" for number in range(1, 6)]
    way = ["start", "wash", *gates, "coat", "hand", "end"]
    odd = bpmn(
        "polish", START, *(task(node, role="technician") for node in ("wash", "coat", "hand")),
        *(f'\n<parallelGateway id="{gate}" name="分流{gate}"/>' for gate in gates), END,
        flows=" ".join(f"{one}>{other}" for one, other in pairwise(way)),
    )  # fmt: skip
    store.publish(odd, "polish", name="漆面养护")
    browser = centre.client("admin")
    for page in (HERE, f"{HERE}/migrate?from=1&to=3"):
        text = browser.get(page).content.decode()
        assert "流程图的提醒" in text and "第 3 版，5 条，不影响运行" in text
        assert '<b>分流g1</b> <span class="row-note">第 2 行</span>' in text and "没有多个入口，也没有多个出口" in text
        assert "其余 2 条" in text, "the rest is folded"
    assert "流程图的提醒" not in browser.get("/processes/service_visit").content.decode()


def text(answer: Any) -> str:
    return str(answer.content.decode())


@pytest.mark.usefixtures("frozen_clock")
def test_what_runs_is_moved_after_a_look_and_the_report_names_every_one(centre: Centre) -> None:
    first, *washed = polished(centre, 3)
    browser = centre.client("admin")
    page = text(browser.get(f"{HERE}/migrate"))
    assert "新增" in page and "镀膜" in page and "交车验收（原名「交车」、谁做）" in page
    assert "新版本没有「打蜡」" in page and "迁移 1 件到第 2 版" in page
    page = text(browser.get(f"{HERE}/migrate", {"from": "1", "to": "2", "map-打蜡": "镀膜"}))
    assert "迁移 3 件到第 2 版" in page and "不能迁移的" not in page
    asked = {"from": "1", "to": "2"}
    assert browser.post(f"{HERE}/migrate", asked).status_code == 422
    assert centre.client("site_manager").post(f"{HERE}/migrate", {**asked, "reason": "新版"}).status_code == 403
    page = text(browser.post(f"{HERE}/migrate", {**asked, "reason": "改用镀膜"}, follow=True))
    assert "已处理" in page and "0 / 3" in page
    work()
    sweep = Sweep.objects.get()
    page = text(browser.get(f"/processes/sweeps/{sweep.pk}"))
    assert "完成 1 件；2 件没有处理" in page and "示A·70002 漆面养护" in page
    book = load_workbook(BytesIO(browser.get(f"/processes/sweeps/{sweep.pk}/report.xlsx").content))
    rows = [row[2:6] for row in book.worksheets[0].iter_rows(min_row=2, values_only=True)]
    assert ("示A·70001 漆面养护", 2, "已完成", None) in rows and len(rows) == 3
    browser.post(f"{HERE}/migrate", {**asked, "map-打蜡": "镀膜", "reason": "打蜡改镀膜"})
    work()
    assert set(Instance.unscoped.filter(pk__in=[first, *washed]).values_list("version__number", flat=True)) == {2}


@pytest.mark.usefixtures("frozen_clock")
def test_a_version_is_stopped_with_what_runs_on_it_and_all_goes_on_together(
    centre: Centre, django_assert_max_num_queries: Any
) -> None:
    polished(centre, 2)
    browser, version = centre.client("admin"), Version.objects.get(definition__key="polish", number=1)
    browser.post(f"{HERE}/versions", {"version": version.pk, "how": "hold", "reason": "漆面起泡，先停"})
    work()
    with django_assert_max_num_queries(18):
        page = text(browser.get(f"{HERE}/versions"))
    assert "挂起 2 件" in page and "恢复暂停的 2 件" in page and "完成 2 件" in page
    again = {"version": version.pk, "how": "resume", "reason": "已查明"}
    browser.post(f"{HERE}/versions", again)
    work()
    assert Instance.unscoped.filter(version=version, status="running").count() == 2
    assert "没有暂停着的流程" in text(browser.post(f"{HERE}/versions", again, follow=True))


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(not (STATIC / "app.js").exists(), reason="assets are not built")
def test_moving_fits_phones_and_desks_and_is_accessible(centre: Centre, page: Page, live_server: LiveServer) -> None:
    polished(centre, 5)
    browser = centre.client("admin")
    browser.post(f"{HERE}/migrate", {"from": "1", "to": "2", "reason": "改用镀膜"})
    work()
    sweep = Sweep.objects.get()
    session = browser.cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    places = {
        "versions": f"{HERE}/versions",
        "migrate": f"{HERE}/migrate",
        "mapped": f"{HERE}/migrate?from=1&to=2&map-打蜡=镀膜",
        "sweep": f"/processes/sweeps/{sweep.pk}",
    }
    for name, path in places.items():
        page.goto(live_server.url + path)
        if name == "migrate":
            _both_versions_show_their_differences(page)
        for width in (360, 1440):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
            if PICTURES:
                page.wait_for_timeout(400)
                page.screenshot(path=os.path.join(PICTURES, f"{name}-{width}.png"), full_page=True)
        found = Axe().run(page).response["violations"]
        assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == [], path


def _both_versions_show_their_differences(page: Page) -> None:
    """Each with a sign and a word besides the colour, the flows too."""
    before, after = page.locator("[data-diagram]").all()
    before.scroll_into_view_if_needed()
    for figure, word in ((before, "－去掉"), (after, "＋新增")):
        expect(figure.locator(".node-flag")).to_have_text([word, "≠去向", "≠原名「交车」、谁做"])
        expect(figure.locator(".djs-shape:is(.is-added, .is-removed)")).to_have_count(1)
        expect(figure.locator(".djs-connection:is(.is-added, .is-removed)")).to_have_count(2)


@pytest.mark.usefixtures("frozen_clock")
def test_processes_that_call_each_other_are_compared_and_told_apart(centre: Centre) -> None:
    fleet = (Path(__file__).parents[2] / "operations/people/fleet.bpmn").read_text()
    store.publish(fleet, "fleet", name="车队保养")
    cast = centre.cast
    started = store.start_instance("fleet", site_id=cast.yl.pk, actor=cast.actor("advisor"), title="十月车队保养")
    store.complete_item(started.opened[0].id, {"cars": ["示A10001", "示A10002"]}, actor=cast.actor("advisor"))
    first = Instance.unscoped.filter(parent__isnull=False).earliest("pk").items.get()
    store.complete_item(first.pk, {}, actor=cast.actor("technician"))
    store.publish(fleet.replace('"review"', '"final"').replace("复检", "终检"), "fleet", name="车队保养")
    page = text(centre.client("admin").get("/processes/fleet/migrate"))
    assert "环节没有不同" not in page and "终检" in page
    assert "十月车队保养（单车检查、示A10001）" in page and "十月车队保养（单车检查、示A10002）" in page
    centre.client("admin").post("/processes/fleet/migrate", {"from": "1", "to": "2", "reason": "终检"})
    work()
    report = text(centre.client("admin").get(f"/processes/sweeps/{Sweep.objects.get().pk}"))
    assert "十月车队保养（示A10001）" in report and "完成 0 件；3 件没有处理" in report
