"""What the browser adds, clicked through on the style guide: every component at three widths in both themes."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect
from pytest_django.live_server_helper import LiveServer

import bihuan
from tests.cast import Cast

STATIC = Path(bihuan.__file__).parent / "web/static/bihuan"
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not (STATIC / "app.js").exists(), reason="assets are not built"),
]
Open = Callable[..., Page]


@pytest.fixture
def opened(cast: Cast, page: Page, live_server: LiveServer) -> Open:
    """Signs in as the site manager by one click and opens a page."""
    user = cast.user("site_manager")
    user.is_demo = True
    user.save(update_fields=["is_demo"])

    def go(path: str = "/styleguide", width: int = 1440, theme: str = "light") -> Page:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
        page.goto(f"{live_server.url}/sign-in?next={path}")
        page.get_by_role("button", name=re.compile("何平")).click()
        page.wait_for_url(f"{live_server.url}{path}")
        return page

    return go


def serious(page: Page) -> list[str]:
    """What axe finds serious or critical."""
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['target']}" for one in found if one["impact"] in ("serious", "critical")]


# A theme changes colours and never the layout: each of both is looked at, and each width once.
@pytest.mark.parametrize(("width", "theme"), [(360, "light"), (768, "dark"), (1440, "light")])
def test_every_component_fits_and_is_accessible(opened: Open, width: int, theme: str) -> None:
    page = opened(width=width, theme=theme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert serious(page) == []
    # Of a query container in a fieldset Chromium may draw nothing when the page comes in pieces.
    assert page.evaluate(
        "[...document.querySelectorAll('fieldset *')].every((one) => getComputedStyle(one).containerType === 'normal')"
    )


def test_at_twice_the_size_nothing_is_cut_off(opened: Open) -> None:
    """A desk screen of 1440 pixels zoomed to 200 % lays out as 720."""
    page = opened(width=720)
    assert page.evaluate("document.documentElement.scrollWidth") <= 720
    assert serious(page) == []


@pytest.mark.parametrize("width", [360, 1440])
def test_the_sign_in_page_fits_and_is_accessible(cast: Cast, page: Page, live_server: LiveServer, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"{live_server.url}/sign-in")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert serious(page) == []


def test_no_page_breaks_its_own_security_policy(opened: Open, page: Page) -> None:
    complaints: list[str] = []
    page.on("console", lambda line: complaints.append(line.text) if "Security Policy" in line.text else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    opened()
    page.get_by_role("button", name="点此签名").click()
    assert complaints == []


def test_a_work_page_sends_little_script() -> None:
    htmx = Path(__import__("django_htmx").__file__).parent / "static/django_htmx/htmx-2.min.js"
    names = ("early.js", "app.js", "signature.js", "damage.js", "worklines.js")
    sent = sum(len(gzip.compress(path.read_bytes())) for path in [htmx, *(STATIC / name for name in names)])
    assert sent <= 60 * 1024


def test_totals_follow_what_is_typed(opened: Open) -> None:
    page = opened()
    lines = page.locator('[data-key="lines"]')
    expect(lines.locator('[data-total="all"]')).to_have_text("¥956.00")
    lines.locator('[name="lines-0-quantity"]').fill("5")
    expect(lines.locator('[data-total="all"]')).to_have_text("¥1,024.00")
    lines.get_by_role("button", name="加一行").click()
    lines.locator('[name="lines-2-labour_fee_yuan"], [name="lines-4-labour_fee_yuan"]').fill("0.10")
    expect(lines.locator('[data-total="labour"]')).to_have_text("¥264.10")
    lines.get_by_role("button", name="删除这一行").last.click()
    expect(lines.locator('[data-total="labour"]')).to_have_text("¥264.00")


def test_a_tap_on_the_outline_marks_damage_and_names_the_region(opened: Open) -> None:
    page = opened()
    outline = page.locator("[data-outline]")
    outline.scroll_into_view_if_needed()
    box = outline.bounding_box()
    assert box
    outline.click(position={"x": box["width"] * 0.52, "y": box["height"] * 0.5})
    rows = page.locator("[data-damage-row]")
    expect(rows).to_have_count(2)
    expect(rows.nth(1).get_by_label("部位")).to_have_value("roof")
    rows.nth(1).get_by_label("部位").select_option("boot")
    expect(rows.nth(1).locator("[data-x]")).to_have_value("0.86")
    rows.nth(0).get_by_role("button", name="删除这处标记").click()
    expect(outline.locator(".outline-mark")).to_have_count(1)


def test_signing_shows_the_sums_and_refuses_an_empty_pad(opened: Open) -> None:
    page = opened(width=360)
    page.locator('[name="signature-signer"]').fill("周建国")
    page.get_by_role("button", name="点此签名").click()
    dialog = page.locator(".signature-dialog")
    expect(dialog).to_contain_text("¥956.00")
    expect(dialog).to_contain_text("签名人：周建国")
    dialog.get_by_role("button", name="确认签名").click()
    expect(dialog).to_be_visible()
    box = dialog.locator("canvas").bounding_box()
    assert box
    page.mouse.move(box["x"] + 40, box["y"] + 60)
    page.mouse.down()
    for step in range(1, 12):
        page.mouse.move(box["x"] + 40 + step * 14, box["y"] + 60 + (step % 3) * 24)
    page.mouse.up()
    dialog.get_by_role("button", name="确认签名").click()
    expect(dialog).to_be_hidden()
    assert page.locator('[name="signature"]').input_value().startswith("data:image/png;base64,")
    expect(page.locator("[data-signature-who]")).to_have_text("周建国")


def test_a_dissatisfied_level_asks_for_the_reason(opened: Open) -> None:
    page = opened()
    reason = page.get_by_label("不满意的原因")
    expect(reason).to_be_hidden()
    page.get_by_label("比较不满意").check()
    expect(reason).to_be_visible()
    page.get_by_label("非常满意").check()
    expect(reason).to_be_hidden()


def test_what_was_typed_survives_leaving_the_page(opened: Open) -> None:
    page = opened("/styleguide?fresh")
    page.get_by_label("客户原话").fill("右前轮有异响")
    page.locator('[name="lines-1-description"]').fill("改过的内容")
    lines = page.locator('[data-key="lines"]')
    lines.get_by_role("button", name="加一行").click()
    lines.locator('[data-row] [name$="-description"]').last.fill("新加的一行")
    page.wait_for_function("() => Object.values(localStorage).some(text => text.includes('新加的一行'))")
    page.goto(page.url.replace("/styleguide?fresh", "/notices"))
    page.go_back()
    expect(page.locator(".draft-note")).to_contain_text("已恢复上次没有提交的内容")
    expect(page.get_by_label("客户原话")).to_have_value("右前轮有异响")
    expect(lines.locator('[name="lines-1-description"]')).to_have_value("改过的内容")
    expect(lines.locator('[data-row] [name$="-description"]').last).to_have_value("新加的一行")
    lines.get_by_role("button", name="删除这一行").first.click()
    page.wait_for_function(
        """() => Object.entries(localStorage).filter(([key]) => key.startsWith("bihuan:draft:"))
            .every(([, text]) => JSON.parse(text).entries.every(([name]) => name !== "lines-0-description"))"""
    )
    page.reload()
    expect(lines.locator("[data-row]")).to_have_count(2)
    expect(lines.locator('[data-row] [name$="-description"]').first).to_have_value("改过的内容")
    page.get_by_role("button", name="放弃，用系统内容").click()
    expect(page.get_by_label("客户原话")).to_have_value("")
    expect(lines.locator('[data-row] [name$="-description"]').first).to_have_value("更换机油机滤")
    assert page.evaluate("Object.keys(localStorage).filter(key => key.startsWith('bihuan:draft:')).length") == 0


def test_what_was_typed_before_the_scripts_had_come_is_kept(opened: Open, page: Page) -> None:
    opened("/styleguide?fresh")
    page.get_by_label("客户原话").fill("昨天写的")
    page.locator('[name="lines-0-description"]').fill("昨天改的")
    page.wait_for_function("() => Object.values(localStorage).some(text => text.includes('昨天改的'))")
    held: list[Route] = []
    page.route(re.compile(r"/app\b[^/]*\.js"), lambda route: held.append(route))
    for name, level in (("先写的", "非常满意"), ("又写的", "一般")):
        page.reload(wait_until="commit")
        page.get_by_label("客户原话").fill(name)
        page.get_by_label(level, exact=True).check()
        expect(page.locator("[data-draft-ready]")).to_have_count(0)
        held.pop().continue_()
        expect(page.locator("[data-draft-ready]")).not_to_have_count(0)
        expect(page.get_by_label("客户原话")).to_have_value(name)
        expect(page.get_by_label(level, exact=True)).to_be_checked()
        expect(page.locator('[name="lines-0-description"]')).to_have_value("昨天改的")
    page.unroute_all()
    page.reload()
    expect(page.get_by_label("客户原话")).to_have_value("又写的")
    expect(page.get_by_label("一般", exact=True)).to_be_checked()


def test_the_keyboard_searches_walks_and_opens(opened: Open) -> None:
    page = opened()
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    expect(page.locator("[data-row]").first).to_be_focused()
    page.keyboard.press("j")
    expect(page.locator("[data-row]").nth(1)).to_be_focused()
    page.keyboard.press("k")
    expect(page.locator("[data-row]").first).to_be_focused()
    page.keyboard.press("Shift+?")
    expect(page.locator("#shortcuts")).to_be_visible()


def test_menus_open_and_close_by_keyboard(opened: Open) -> None:
    page = opened()
    menu = page.locator(".page-actions details")
    menu.locator("summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    expect(menu.get_by_role("button", name=re.compile("退回"))).to_be_focused()
    page.keyboard.press("Escape")
    expect(menu.locator(".menu-list")).to_be_hidden()
    expect(menu.locator("summary")).to_be_focused()


def test_a_countdown_turns_from_time_left_to_late(opened: Open) -> None:
    page = opened()
    page.evaluate(
        """() => {
            const one = document.querySelector("time.countdown-ok");
            one.id = "watched";
            one.dataset.due = new Date(Date.now() - 61000).toISOString();
        }"""
    )
    expect(page.locator("#watched")).to_contain_text("超时 1 分")
    expect(page.locator("#watched")).to_have_class(re.compile("countdown-late"))


DIAGRAM = """() => {
    document.getElementById("main").innerHTML = `
        <figure class="diagram" data-diagram data-xml="/sample.bpmn" data-state="/sample.json"
            data-script="/static/bihuan/bpmn.js" data-style="/static/bihuan/bpmn.css">
            <div class="diagram-canvas" data-canvas></div>
        </figure>`;
    document.dispatchEvent(new Event("htmx:afterSettle"));
}"""


@pytest.mark.parametrize("width", [360, 1440])
def test_a_diagram_opens_at_the_present_node_with_the_mark_of_its_makers(opened: Open, page: Page, width: int) -> None:
    model = (Path(bihuan.__file__).parent / "packs/auto_service/processes/service_visit.bpmn").read_text("utf-8")
    first, second = re.findall(r'userTask id="([^"]+)"', model)[4:6]
    nodes = {first: {"state": "done", "who": "李晓", "at": "10:21"}, second: {"state": "late", "note": "超时 3 分"}}
    page.route("**/sample.bpmn", lambda route: route.fulfill(body=model, content_type="application/xml"))
    page.route("**/sample.json", lambda route: route.fulfill(json={"nodes": nodes}))
    opened(width=width)
    page.evaluate(DIAGRAM)
    present = page.locator(f'[data-element-id="{second}"]')
    expect(present).to_have_class(re.compile("is-late"))
    expect(page.get_by_text("超时 3 分").last).to_be_visible()
    canvas, node, mark = (
        page.locator(one).bounding_box()
        for one in (".diagram-canvas", f'[data-element-id="{second}"] .djs-visual', ".bjs-powered-by")
    )
    assert canvas and node and mark
    for box in (node, mark):
        assert canvas["x"] <= box["x"] and box["x"] + box["width"] <= canvas["x"] + canvas["width"]
        assert canvas["y"] <= box["y"] and box["y"] + box["height"] <= canvas["y"] + canvas["height"]
    expect(page.locator(".bjs-powered-by")).to_have_css("opacity", "1")


def test_the_form_can_be_read_without_javascript(cast: Cast, browser: object, live_server: LiveServer) -> None:
    context = browser.new_context(java_script_enabled=False)  # type: ignore[attr-defined]
    user = cast.user("site_manager")
    user.is_demo = True
    user.save(update_fields=["is_demo"])
    page = context.new_page()
    page.goto(f"{live_server.url}/sign-in?next=/styleguide")
    page.get_by_role("button", name=re.compile("何平")).click()
    expect(page.locator('[name="lines-2-description"]')).to_be_visible()
    expect(page.get_by_text("不便在屏幕上签")).to_be_visible()
    expect(page.locator('[name="damage-1-region"]')).to_be_visible()
    expect(page.get_by_label("不满意的原因")).to_be_visible()
    context.close()
