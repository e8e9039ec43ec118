"""One customer from the ringing telephone to the voucher; everybody does their part by clicking and typing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

import bihuan
from bihuan.audit.verification import verify
from bihuan.records.models import Case, Custody, Document, Feedback, Payment, Settlement, Signature, Stock, Voucher
from tests.journey.shop import Shop

STATIC = Path(bihuan.__file__).parent / "web/static/bihuan"
pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not (STATIC / "app.js").exists(), reason="assets are not built"),
]
PHONE, PLATE = "13900007001", "示A·70001"
CUSTOMER, ADVISOR, TECHNICIAN, GUARD = "周晓棠", "周启明", "钱进", "冯大山"


@pytest.fixture
def shop(opened_centre: None, page: Page, live_server: LiveServer) -> Shop:
    page.set_viewport_size({"width": 1440, "height": 1000})
    return Shop(page, live_server.url, PLATE)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    file = tmp_path / "car.jpg"
    Image.new("RGB", (640, 480), (90, 120, 150)).save(file)
    return file


@pytest.mark.covers(
    "AUTO-02", "AUTO-03", "AUTO-04", "AUTO-05", "AUTO-06", "AUTO-07", "AUTO-08", "AUTO-09", "AUTO-10", "AUTO-11",
    "AUTO-12", "AUTO-13", "AUTO-14", "AUTO-15", "AUTO-16", "AUTO-18", "AUTO-20", "AUTO-22", "AUTO-23", "AUTO-24",
    "AUTO-25", "AUTO-26", "AUTO-27", "AUTO-28", "AUTO-29", "AUTO-30", "AUTO-31",
)  # fmt: skip
def test_a_customer_from_the_first_call_to_the_voucher(shop: Shop, picture: Path) -> None:
    the_telephone_rings(shop)
    the_car_is_received(shop, picture)
    the_work_is_agreed(shop)
    the_fault_is_confirmed(shop)
    the_car_is_repaired(shop)
    the_bill_is_explained_and_paid(shop)
    the_car_leaves(shop)
    the_customer_is_called_and_thanked(shop)
    what_remains_is_whole()


def the_telephone_rings(shop: Shop) -> None:
    page = shop.page
    shop.become("苏晴", "/calls")
    page.fill("#simulate-phone", PHONE)
    page.get_by_role("button", name="响铃").click()
    expect(page.locator("#ringing")).to_contain_text(CUSTOMER)
    page.get_by_role("button", name="接听").click()
    page.fill("#talk-q", "")
    page.locator("#talk-q").press_sequentially("7001", delay=5)
    found = page.locator(".found-row", has_text=PLATE)
    found.get_by_role("button", name="登记预约").click()
    shop.open("登记预约")
    expect(page.locator("[name=customer-text]")).to_have_value(re.compile(CUSTOMER))
    shop.write("starts_at", "2026-11-24T09:00")
    shop.pick(shop.cell("jobs", 0, "job"), "J-101", "小保养")
    shop.person("technician", "qj", TECHNICIAN)
    shop.write("request", "旧件要看")
    shop.send("登记预约")
    shop.open("复述确认")
    expect(page.locator("main")).to_contain_text("小保养")
    shop.choose("readback_ok", "客户确认无误")
    shop.send("复述确认")
    page.goto(f"{shop.address}/calls")
    page.get_by_role("button", name="挂断", exact=True).click()
    expect(page.locator("#ringing")).to_contain_text("没有来电")
    page.goto(f"{shop.address}/appointments")
    card = page.locator(".booking", has_text=PLATE)
    expect(card).to_contain_text("09:00")
    expect(card).to_contain_text(TECHNICIAN)


def the_car_is_received(shop: Shop, picture: Path) -> None:
    page = shop.page
    shop.become("方蕾", "/appointments")
    page.get_by_role("button", name=re.compile("到店")).first.click()
    expect(page.locator(".toast").first).to_contain_text("到店")
    shop.become(ADVISOR)
    shop.open("迎接问候")
    shop.tick("greeting")
    shop.send("迎接问候")
    shop.open("记录客户需求")
    shop.choose("has_appointment", "有预约")
    shop.cell("requests", 0, "description").fill("更换机油")
    shop.send("记录客户需求")
    shop.open("熄火提醒与防污四件套")
    shop.tick("reminder", "kit")
    shop.send("熄火提醒与防污四件套")
    shop.open("环车检查")
    shop.mark_damage("旧划痕约 5 厘米")
    shop.choose("body_ok", "有损伤，已标记")
    shop.photograph("photos", picture)
    shop.write("mileage_km", "46560")
    shop.choose("fuel", "一半")
    shop.sign("signature", CUSTOMER)
    shop.send("环车检查")
    shop.become("方蕾")
    shop.open("前台登记")
    shop.choose("licence", "已核对，与车辆相符")
    shop.tick("phone_confirmed", "items_confirmed")
    shop.field("custody").locator("label", has_text="车钥匙").click()
    shop.send("前台登记")


def the_work_is_agreed(shop: Shop) -> None:
    page = shop.page
    shop.become(TECHNICIAN)
    shop.open("预检")
    shop.pick(shop.cell("lines", 0, "job"), "J-101", "小保养")
    shop.pick(shop.cell("lines", 0, "part"), "P-1001", "机油 5W-30")
    shop.cell("lines", 0, "quantity").fill("1")
    shop.add_row("lines")
    shop.cell("lines", 1, "description").fill("更换机油滤清器")
    shop.pick(shop.cell("lines", 1, "part"), "P-1003", "机油滤清器")
    shop.cell("lines", 1, "quantity").fill("1")
    shop.send("预检")
    shop.become(ADVISOR)
    shop.open("估价估时")
    expect(page.locator('[data-total="all"]')).to_have_text("¥402.00")
    shop.cell("lines", 0, "quantity").fill("2")
    expect(page.locator('[data-total="all"]')).to_have_text("¥670.00")
    shop.cell("lines", 0, "quantity").fill("1")
    shop.tick("explained")
    shop.choose("customer_answer", "同意")
    shop.sign("signature", CUSTOMER)
    shop.send("估价估时")
    shop.open("询问等待方式")
    shop.choose("waiting_mode", "在店里休息区等")
    shop.send("询问等待方式")
    shop.open("休息区安顿")
    expect(page.locator("main")).to_contain_text("服务顾问周启明")
    shop.tick("facilities", "introduced", "status_page")
    shop.choose("drink", "热茶")
    shop.send("休息区安顿")


def the_fault_is_confirmed(shop: Shop) -> None:
    shop.become("李国梁")
    shop.open("安排确诊")
    shop.person("technician", "qj", TECHNICIAN)
    shop.choose("bay", "快修 1 号工位")
    shop.send("安排确诊")
    shop.become(TECHNICIAN)
    shop.open("故障确诊")
    shop.choose("as_estimated", "是，与预估一致")
    shop.write("finding", "机油发黑，与预估一致")
    shop.send("故障确诊")
    shop.become(ADVISOR)
    shop.open("车旁确认")
    shop.tick("steps")
    shop.choose("customer_answer", "同意")
    shop.send("车旁确认")


def the_car_is_repaired(shop: Shop) -> None:
    page = shop.page
    shop.become("李国梁")
    shop.open("维修派工")
    shop.person("technician", "qj", TECHNICIAN)
    shop.choose("bay", "维修 1 号工位")
    shop.write("agreed_hours", "0.8")
    shop.send("维修派工")
    shop.become(TECHNICIAN)
    shop.open("领料")
    shop.tick("sheet_checked", "yellow_handed")
    shop.send("领料")
    shop.become("吴敏", "/parts")
    page.locator(".slip", has_text=PLATE).get_by_role("link", name="核对发料").click()
    shop.open("发料核对")
    shop.tick("yellow_received", "checked")
    shop.send("发料核对")
    shop.become(TECHNICIAN)
    shop.open("维修")
    shop.tick("all_done", "old_parts_kept")
    shop.write("note", "按预检单做完，试机正常")
    shop.send("维修")
    shop.become("郑卫东")
    shop.open("完工检验")
    shop.tick_rows("lines")
    shop.tick("hours_checked")
    shop.choose("inspect_result", "合格")
    shop.choose("road_test", "不需要")
    shop.sign("signature")
    shop.send("完工检验")
    assert Case.unscoped.get(kind="service_visit").stamp == "blue"
    shop.become(TECHNICIAN)
    shop.open("报完工通知")
    shop.tick("advisor_called")
    shop.send("报完工通知")


def the_bill_is_explained_and_paid(shop: Shop) -> None:
    page = shop.page
    shop.become(ADVISOR)
    shop.open("车间交接")
    shop.tick_rows("lines")
    shop.tick("steps")
    shop.send("车间交接")
    shop.open("客户验车")
    shop.tick("result_shown")
    shop.choose("old_parts", "客户查验后交店里处理")
    shop.choose("check_result", "认可，去结算")
    shop.send("客户验车")
    shop.open("结算说明")
    shop.tick("explained")
    shop.choose("objection", "没有异议")
    shop.sign("signature", CUSTOMER)
    shop.send("结算说明")
    shop.become("王珊", "/cashier")
    page.locator("tr", has_text=PLATE).get_by_role("link", name="收款").click()
    shop.open("收银")
    shop.page.locator('[name="payments-0-method"]').select_option("cash")
    shop.page.locator('[name="payments-0-amount_yuan"]').fill("200")
    shop.add_row("payments")
    second = page.locator("[data-payments] tbody [data-row]:visible").last
    second.locator("select").select_option("wechat")
    second.locator("[name$=-amount_yuan]").fill("202")
    shop.choose("invoice", "不开")
    shop.send("收银")


def the_car_leaves(shop: Shop) -> None:
    page = shop.page
    shop.become(TECHNICIAN)
    shop.open("洗车移车交钥匙")
    shop.choose("washed", "已洗干净")
    shop.write("parking", "大门外临时停车位 3 号")
    shop.choose("key_to", "值班室保安")
    shop.send("洗车移车交钥匙")
    shop.become(GUARD, "/guard")
    page.locator(".row", has_text=PLATE).get_by_role("link", name="签收", exact=True).click()
    shop.open("收钥匙签收")
    shop.write("key_slot", "3 号钩")
    shop.tick("plate_checked")
    shop.sign("signature")
    shop.send("收钥匙签收")
    case = Case.unscoped.get(kind="service_visit")
    papers = dict(Document.unscoped.filter(case=case, voided_at__isnull=True).values_list("kind", "number"))
    page.goto(f"{shop.address}/guard")
    page.fill("#gate-pass", papers["gate_pass"])
    page.fill("#gate-bill", papers["settlement"])
    page.get_by_role("button", name="核对").click()
    expect(page.locator(".verdict")).to_contain_text("单证相符，可以放行")
    page.get_by_role("button", name="人车相符，交出钥匙").click()
    expect(page.locator(".toast").first).to_be_visible()
    shop.become(ADVISOR)
    shop.open("送别")
    shop.tick("kit", "goodbye", "next_told")
    shop.write("next_service_km", "54000")
    shop.write("next_service_on", "2027-05-24")
    shop.send("送别")


def the_customer_is_called_and_thanked(shop: Shop) -> None:
    shop.become("苏晴")
    shop.open("回访通话")
    shop.choose("call_outcome", "接通")
    shop.choose("may_continue", "方便")
    shop.write("condition", "车况正常")
    shop.choose("satisfaction", "非常满意")
    shop.write("praise", "顾问讲得清楚")
    shop.write("suggestion", "休息区加个充电台")
    shop.send("回访通话")
    shop.become("陈立")
    shop.open("建议评议")
    shop.choose("suggestion_result", "采纳")
    shop.write("judge_reason", "好办又实用")
    shop.send("建议评议")
    shop.become("苏晴")
    shop.open("告知客户")
    expect(shop.page.locator("main")).to_contain_text("八折")
    shop.tick("told")
    shop.send("告知客户")


def what_remains_is_whole() -> None:
    visit = Case.unscoped.get(kind="service_visit")
    assert visit.status == "closed"
    assert str(Settlement.unscoped.get(case=visit).total_yuan) == "402.00"
    paid = Payment.unscoped.order_by("pk").values_list("method", "amount_yuan")
    assert [(method, str(amount)) for method, amount in paid] == [("cash", "200.00"), ("wechat", "202.00")]
    assert Custody.unscoped.get(case=visit, thing="key").holder_kind == "customer"
    signed = set(Signature.unscoped.filter(case=visit).values_list("kind", flat=True))
    assert signed == {"walkaround", "estimate", "inspection", "settlement", "key_guard"}
    left = Stock.unscoped.filter(site=visit.site, part__code__in=("P-1001", "P-1003"))
    assert sorted((row.on_hand, row.reserved) for row in left) == [(35, 0), (59, 0)]
    assert Feedback.unscoped.get(case__parent=visit).satisfaction == 5
    assert Voucher.objects.get().percent_off == 20
    assert not Case.unscoped.filter(status="open").exists()
    assert verify() == []
