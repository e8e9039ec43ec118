"""Two people press the same button at the same moment, through HTTP, on whichever database the tests run on."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from bihuan.audit.models import Entry
from bihuan.audit.verification import verify
from bihuan.processes.models import WorkItem
from bihuan.records.models import Case, Custody, Document, Payment, Settlement, WorkLine
from bihuan.records.vehicles import create_vehicle
from tests.web.story import drive
from tests.web.visits import PLATE, Centre

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(browsers: Sequence[Client], path: str, forms: Sequence[dict[str, Any]]) -> list[Any]:
    """Every browser sends its form to one address; all begin together."""
    barrier = threading.Barrier(len(browsers))

    def one(number: int) -> Any:
        try:
            barrier.wait(timeout=20)
            return browsers[number].post(path, forms[number])
        finally:
            connection.close()

    with ThreadPoolExecutor(len(browsers)) as pool:
        return list(pool.map(one, range(len(browsers))))


def pre_checked(by: str) -> dict[str, str]:
    """The form of the pre-check as one technician fills it in."""
    return {"lines-0-raised_by": "technician", "lines-0-description": f"{by}查出漏油", "once_key": by.ljust(32, "0")}


def test_of_two_technicians_who_pre_check_one_car_one_wins_and_the_other_is_told_kindly(centre: Centre) -> None:
    for plate in (PLATE, "示A70011", "示A70012"):
        if plate != PLATE:
            create_vehicle(actor=centre.cast.system, customer_id=centre.customer.pk, plate=plate, brand="远山")
        case = drive(centre, "预检", plate=plate)
        item = centre.item(case, "precheck")
        forms = [pre_checked("zhaoqiang"), pre_checked("qianjin")]
        browsers = [centre.client("technician"), centre.client("second_technician")]
        before = Entry.objects.filter(chain=f"case:{case.pk}", action="process.step").count()
        answers = at_once(browsers, f"/tasks/{item.pk}", forms)
        assert sorted(answer.status_code for answer in answers) == [302, 409]
        winner = [answer.status_code for answer in answers].index(302)
        item.refresh_from_db()
        name = ("赵强", "钱进")[winner]
        assert item.completed_by is not None and item.completed_by.name == name
        told = answers[1 - winner].content.decode()
        assert f"“预检”已由{name}在 " in told and "您填写的内容没有保存" in told
        raised = WorkLine.unscoped.filter(case=case, raised_by="technician").values_list("description", flat=True)
        assert list(raised) == [f"{('zhaoqiang', 'qianjin')[winner]}查出漏油"]
        assert WorkItem.unscoped.filter(instance=item.instance, node_id="estimate").count() == 1
        assert Entry.objects.filter(chain=f"case:{case.pk}", action="process.step").count() == before + 1
    assert verify() == []


@pytest.mark.covers("AUTO-26")
def test_money_is_taken_once_however_often_the_button_is_pressed(centre: Centre) -> None:
    case = drive(centre, "收银")
    item, browser = centre.item(case, "cashier"), centre.client("cashier")
    owed = str(Settlement.unscoped.get(case=case).total_yuan)
    form = {
        "payments-0-method": "cash", "payments-0-amount_yuan": owed, "invoice": "none", "once_key": "k" * 32,
    }  # fmt: skip
    crowd = [browser, *(centre.client("cashier") for _ in range(3))]
    answers = at_once(crowd, f"/tasks/{item.pk}", [form] * len(crowd))
    assert {(answer.status_code, answer.headers["Location"]) for answer in answers} == {(302, "/")}
    # Once more, much later: still the first result.
    again = browser.post(f"/tasks/{item.pk}", form)
    assert (again.status_code, again.headers["Location"]) == (302, "/")
    # The same form opened anew has another key: it is told that the money is there already.
    late = browser.post(f"/tasks/{item.pk}", {**form, "once_key": "n" * 32})
    assert late.status_code == 409 and "已经完成了“收银”" in late.content.decode()
    assert [str(one.amount_yuan) for one in Payment.unscoped.all()] == [owed]
    assert Document.unscoped.filter(case=case, kind="gate_pass").count() == 1
    assert verify() == []


@pytest.mark.covers("AUTO-27")
def test_two_guards_give_one_key_once(centre: Centre) -> None:
    case = drive(centre, "放行核对")
    form = {
        "pass": Document.unscoped.get(case=case, kind="gate_pass").number,
        "settlement": Settlement.unscoped.get(case=case).number,
    }
    browsers = [centre.client("guard"), centre.client("guard")]
    forms = [{**form, "once_key": letter * 32} for letter in "ab"]
    answers = at_once(browsers, "/guard/release", forms)
    codes = sorted(answer.status_code for answer in answers)
    assert codes[0] == 302 and codes[1] in (409, 422), codes
    key = Custody.unscoped.get(case=case, thing="key")
    assert key.moves.filter(to_kind="customer").count() == 1
    assert Case.unscoped.get(pk=case.pk).status == "open"
    assert verify() == []
