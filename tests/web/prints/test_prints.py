"""The five papers of a visit as they come out of the printer."""

from __future__ import annotations

import re

import pytest
from django.test import RequestFactory

from bihuan.audit.models import Entry
from bihuan.operations.papers import read_paper
from bihuan.records.documents import void_document
from bihuan.records.models import Case, Document, Settlement, WorkLine
from bihuan.web.prints.views import paper_address
from tests.web.story import drive
from tests.web.visits import Centre


def paper(centre: Centre, case: Case, kind: str, who: str = "advisor") -> str:
    answer = centre.client(who).get(f"/print/case/{case.pk}/{kind}")
    assert answer.status_code == 200, answer.content.decode()[-2000:]
    return answer.content.decode()


@pytest.mark.covers("AUTO-11", "AUTO-12")
def test_precheck_and_estimate_go_line_by_line_with_signature_and_totals(centre: Centre) -> None:
    case = drive(centre, "安排确诊")
    precheck = paper(centre, case, "precheck", "technician")
    for text in ("预检单", "更换机油", "更换空气滤清器", "客户", "技师", "1 处损伤，已标记", "1/2", case.number):
        assert text in precheck, text
    estimate = paper(centre, case, "estimate")
    lines = WorkLine.unscoped.filter(case=case)
    parts, labour = sum(line.parts_fee_yuan for line in lines), sum(line.labour_fee_yuan for line in lines)
    for text in ("估价单", f"{parts:,.2f}", f"{labour:,.2f}", f"{parts + labour:,.2f}", "预计工时", "1 小时", "圆"):
        assert text in estimate or (text == "圆" and "元整" in estimate), text
    assert "data:image/png;base64," in estimate and "周晓棠的签名" in estimate
    assert "2026-11-24" in estimate and "139****7001" in estimate and "13900007001" not in estimate


@pytest.mark.covers("AUTO-18")
def test_the_pick_slip_comes_in_a_white_and_a_yellow_copy(centre: Centre) -> None:
    case = drive(centre, "发料核对")
    slip = paper(centre, case, "pick_slip", "parts_clerk")
    assert slip.count("<article") == 2
    assert "白联（车间留存）" in slip and "黄联（交配件员）" in slip and "paper-yellow" in slip
    assert "A-01" in slip and "P-1001" in slip and "配件员 ＿＿" in slip
    assert paper(centre, case, "pickslip", "parts_clerk").count("<article") == 2


@pytest.mark.covers("AUTO-20", "AUTO-23")
@pytest.mark.parametrize(("work", "colour", "other"), [("50m", "blue", "red"), ("80m", "red", "blue")])
def test_the_bill_is_stamped_by_the_agreed_hours(centre: Centre, work: str, colour: str, other: str) -> None:
    case = drive(centre, "放行核对", work=work)
    case.refresh_from_db()
    assert case.stamp == colour
    bill = paper(centre, case, "settlement", "cashier")
    found = Settlement.unscoped.get(case=case)
    for text in ("结算单", found.number, "更换机油", f"{found.total_yuan:,.2f}", "收款 现金", "技术总监"):
        assert text in bill, text
    assert f"stamp-{colour}" in bill and f"stamp-{other}" not in bill
    assert "<dt>合计</dt>" not in bill
    less = found.total_yuan - 10
    Settlement.unscoped.filter(case=case).update(discount_yuan=10, total_yuan=less, paid_yuan=less)
    sums = re.findall(r"<dt>(合计|优惠|应收|实收)</dt><dd>([^<]+)", paper(centre, case, "settlement", "cashier"))
    whole, rest = f"¥{found.total_yuan:,.2f}", f"¥{less:,.2f}"
    assert sums == [("合计", whole), ("优惠", "-¥10.00"), ("应收", rest), ("实收", rest)]


@pytest.mark.covers("AUTO-24", "AUTO-27")
def test_gate_pass_and_bill_carry_codes_that_end_in_their_tokens(centre: Centre) -> None:
    case = drive(centre, "放行核对")
    for kind in ("gate_pass", "settlement"):
        shown = paper(centre, case, kind, "cashier")
        document = Document.unscoped.get(case=case, kind=kind)
        assert "<svg" in shown and "qr-code" in shown and document.token not in shown
        printed = read_paper(case.pk, kind, actor=centre.cast.actor("cashier"))
        address = paper_address(RequestFactory().get("/"), printed)
        assert address == f"http://testserver/guard/paper/{document.token}"
    assert "准予放行" in paper(centre, case, "gate_pass", "cashier")


@pytest.mark.covers("AUTO-24")
def test_a_paper_not_issued_yet_and_a_paper_nobody_knows_are_refused(centre: Centre) -> None:
    case = centre.arrive()
    browser = centre.client("advisor")
    for kind, title in (("estimate", "估价单"), ("settlement", "结算单"), ("gate_pass", "出门证")):
        answer = browser.get(f"/print/case/{case.pk}/{kind}")
        assert answer.status_code == 422 and f"{title}还没有开具" in answer.content.decode(), kind
    assert browser.get(f"/print/case/{case.pk}/diploma").status_code == 404
    assert browser.get("/print/case/999999/precheck").status_code == 404
    assert "还没有项目" in browser.get(f"/print/case/{case.pk}/precheck").content.decode()


def test_a_void_paper_says_so(centre: Centre) -> None:
    case = drive(centre, "放行核对")
    assert "作废" not in paper(centre, case, "gate_pass", "cashier")
    document = Document.unscoped.get(case=case, kind="gate_pass")
    void_document(document.pk, actor=centre.cast.system, reason="打错了")
    assert '<p class="paper-void">作废</p>' in paper(centre, case, "gate_pass", "cashier")


def test_printing_is_written_down_with_person_and_paper(centre: Centre) -> None:
    case = drive(centre, "安排确诊")
    paper(centre, case, "estimate")
    entry = Entry.objects.filter(chain=f"case:{case.pk}", action="document.printed").latest("seq")
    assert entry.actor_id == centre.cast.user("advisor").pk
    assert entry.data["kind"] == "estimate" and re.fullmatch(r"YL-GJ-20261124-\d{4}", entry.data["number"])


def test_papers_stay_with_those_who_may_print_at_their_site(centre: Centre) -> None:
    case = drive(centre, "安排确诊")
    assert centre.client("other_advisor").get(f"/print/case/{case.pk}/precheck").status_code == 404
    assert centre.client("guard").get(f"/print/case/{case.pk}/precheck").status_code == 403
    assert centre.client("without_position").get(f"/print/case/{case.pk}/precheck").status_code in (403, 404)


def test_names_cannot_become_markup(centre: Centre) -> None:
    centre.customer.name = "<b>周</b>"
    centre.customer.save()
    case = drive(centre, "安排确诊")
    shown = paper(centre, case, "precheck", "technician")
    assert "<b>周</b>" not in shown
