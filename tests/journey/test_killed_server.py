"""The server is killed again and again in the middle of a visit: nothing is lost, nothing is done twice."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from PIL import Image, ImageDraw

from bihuan.audit.models import Entry
from bihuan.audit.verification import verify
from bihuan.kernel import clock
from bihuan.processes.consistency import check_instances
from bihuan.processes.models import Instance, WorkItem
from bihuan.records.models import Case, Custody, Document, Payment, Settlement, Stock, WorkLine
from tests.cast import Cast
from tests.journey.served import Served
from tests.web.story import drive
from tests.web.visits import Centre, build_centre

pytestmark = pytest.mark.django_db(transaction=True)
Form = dict[str, str | list[str]]
# What is sent, by whom, from drawing the parts to the farewell.
STEPS = (
    ("draw_parts", "technician"), ("issue", "parts_clerk"), ("repair", "technician"), ("inspect", "technical_director"),
    ("report_done", "technician"), ("handover", "advisor"), ("customer_check", "advisor"), ("explain_bill", "advisor"),
    ("wash", "technician"), ("key_sign", "guard"), ("cashier", "cashier"), ("gate_check", "guard"),
    ("farewell", "advisor"),
)  # fmt: skip
# At which steps the power is cut, and how many seconds after the form was sent: spread over the tenth of a second
# that a step takes, so that some are cut before they are stored, some after it but before the answer, some later.
# tests/processes/test_killing.py cuts exactly inside a transaction.
CUTS = {"issue": 0.01, "inspect": 0.03, "explain_bill": 0.02, "cashier": 0.03, "gate_check": 0.015, "farewell": 0.08}


@pytest.fixture
def served() -> Iterator[Served]:
    server = Served()
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture
def centre(cast: Cast) -> Centre:
    return build_centre(cast)


def signature() -> str:
    picture = Image.new("RGB", (300, 100), "white")
    ImageDraw.Draw(picture).line([(20, 60), (90, 30), (150, 70), (260, 40)], fill="black", width=4)
    kept = io.BytesIO()
    picture.save(kept, "PNG")
    return "data:image/png;base64," + base64.b64encode(kept.getvalue()).decode()


def form_of(node: str, case: Case) -> Form:
    """What the person of the step fills in."""
    papers = dict(Document.unscoped.filter(case=case).values_list("kind", "number"))
    bill = Settlement.unscoped.filter(case=case).first()
    signed: Form = {"signature": signature(), "signature-signer": "周晓棠"}
    forms: dict[str, Form] = {
        "draw_parts": {**lines(case), "sheet_checked": "true", "yellow_handed": "true"},
        "issue": {**lines(case), "yellow_received": "true", "checked": "true"},
        "repair": {**lines(case), "all_done": "true", "old_parts_kept": "true", "note": "做完"},
        "inspect": {
            **lines(case, "inspected_ok"), "hours_checked": "true", "inspect_result": "pass",
            "road_test": "not_needed", **signed,
        },
        "report_done": {"advisor_called": "true"},
        "handover": {**lines(case, "old_part_present"), "steps": ["new_parts", "old_parts", "tidy"]},
        "customer_check": {"result_shown": "true", "old_parts": "left", "check_result": "ok"},
        "explain_bill": {"explained": "true", "objection": "none", **signed},
        "wash": {"washed": "washed", "parking": "临时车位", "key_to": "guard"},
        "key_sign": {"key_slot": "A3", "plate_checked": "true", **signed},
        "cashier": {
            "payments-0-method": "cash", "payments-0-amount_yuan": str(bill.total_yuan) if bill else "",
            "invoice": "none",
        },
        "gate_check": {
            "gate_pass_number": papers.get("gate_pass", ""), "settlement_number": bill.number if bill else "",
            "person_checked": "true",
        },
        "farewell": {
            "kit": ["removed"], "goodbye": ["card", "club", "app", "follow_up", "safety", "seen_off"],
            "next_service_km": "36000", "next_service_on": "2030-05-24", "next_told": "true",
        },
    }  # fmt: skip
    return {**forms[node], "once_key": node.ljust(32, "x")}


def lines(case: Case, ticked: str = "") -> Form:
    """The lines of the visit as the page sends them back, with one box of each ticked."""
    sent: Form = {}
    for number, line in enumerate(WorkLine.unscoped.filter(case=case).order_by("seq")):
        row = {"id": str(line.pk), "raised_by": line.raised_by, "description": line.description}
        row |= {"job_id": str(line.job_id or ""), "part_id": str(line.part_id or ""), "quantity": str(line.quantity)}
        sent |= {f"lines-{number}-{key}": value for key, value in row.items()}
        if ticked:
            sent[f"lines-{number}-{ticked}"] = "true"
    return sent


def test_a_visit_goes_on_to_its_end_through_one_power_cut_after_another(centre: Centre, served: Served) -> None:
    with clock.frozen(datetime.now(UTC) - timedelta(hours=6)):
        case = drive(centre, "领料")
    instance = Instance.unscoped.get(subject_kind="case", subject_id=case.pk)
    told = Entry.objects.filter(chain=f"case:{case.pk}", action="process.step").count()
    served.start()
    for node, who in STEPS:
        browser, item, form = centre.client(who), centre.item(case, node), form_of(node, case)
        path = f"/tasks/{item.pk}"
        if node in CUTS:
            with ThreadPoolExecutor(1) as pool:
                sent = pool.submit(served.post, path, form, browser)
                time.sleep(CUTS[node])  # the moment of the power cut is real time
                served.kill()
                assert sent.exception() is None or isinstance(sent.exception(), OSError)
            whole(case, instance, told)
            served.start()
        # The browser sends what it still has, with its key; then once more, by impatience.
        answers = [served.post(path, form, browser) for _ in range(2)]
        assert [status for status, _ in answers] == [302, 302], (node, answers)
        told += 1
        whole(case, instance, told)
    done = list(WorkItem.unscoped.filter(instance=instance, status="done").values_list("node_id", flat=True))
    assert [done.count(node) for node, _ in STEPS] == [1] * len(STEPS)
    what_remains(case)


def whole(case: Case, instance: Instance, told: int) -> None:
    """Nothing half done: the history is unbroken, tells the present state, and has each step at most once."""
    assert verify() == []
    assert list(check_instances()) == []
    steps = Entry.objects.filter(chain=f"case:{case.pk}", action="process.step").count()
    assert steps in (told, told + 1)
    done = list(WorkItem.unscoped.filter(instance=instance, status="done").values_list("node_id", flat=True))
    assert len(done) == len(set(done))


def what_remains(case: Case) -> None:
    case.refresh_from_db()
    assert (case.status, case.stamp) == ("closed", "blue")
    bill = Settlement.unscoped.get(case=case)
    assert [payment.amount_yuan for payment in Payment.unscoped.all()] == [bill.total_yuan]
    assert Document.unscoped.filter(case=case, kind="gate_pass").count() == 1
    assert Custody.unscoped.get(case=case, thing="key").moves.filter(to_kind="customer").count() == 1
    stock = Stock.unscoped.get(site=case.site, part__code="P-1001")
    assert (stock.on_hand, stock.reserved) == (6, 0), "two of eight were issued, once"
    assert Case.unscoped.filter(parent=case, kind="follow_up").count() == 1
