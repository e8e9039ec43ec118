"""Customers are told by what they agreed to; when that fails or may not be, a colleague telephones, and it is seen."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bihuan.audit.models import Entry
from bihuan.kernel import clock
from bihuan.notify.models import Channel, Message, Notice
from bihuan.operations.background import send_notices
from bihuan.operations.customer_notices import plan_to_tell
from bihuan.records.consents import consents_of, set_consent
from bihuan.records.customers import change_customer
from bihuan.records.models import Case, CustomerNotice
from tests.notify.receivers import HttpReceiver, MailReceiver, http_receiver, mail_receiver
from tests.notify.sending import at, mail_at
from tests.web.visits import Centre


@pytest.fixture
def gateway() -> Iterator[HttpReceiver]:
    with http_receiver() as running:
        running.will_answer({"code": 0})
        yield running


@pytest.fixture
def mailbox() -> Iterator[MailReceiver]:
    with mail_receiver() as running:
        yield running


def sms_at(centre: Centre, gateway: HttpReceiver) -> None:
    settings = {"url": gateway.url, "fields": "mobile = {phone}\ntext = {text}\nref = {id}", "success": "code = 0"}
    Channel.objects.create(site=centre.cast.yl, kind="sms", name="短信", settings=settings)


def agree(centre: Centre, *media: str) -> None:
    for medium in media:
        set_consent(centre.customer.pk, medium, given=True, actor=centre.cast.actor("advisor"))


def ready(centre: Centre) -> Case:
    """A visit whose car is ready, with the advisor to telephone if need be; a few rounds of the worker."""
    case = centre.arrive()
    Case.unscoped.filter(pk=case.pk).update(customer=centre.customer, phone="13900007009")
    case.refresh_from_db()
    plan_to_tell(case, "car_ready", send_at=clock.now(), caller_id=centre.cast.user("advisor").pk)
    work()
    return case


def work() -> None:
    while send_notices(clock.now()) is not None:
        pass


def told(case: Case) -> str:
    return CustomerNotice.unscoped.get(case=case).get_state_display()


def test_a_message_goes_once_to_the_number_given_for_the_visit(centre: Centre, gateway: HttpReceiver) -> None:
    sms_at(centre, gateway)
    agree(centre, "sms")
    case = ready(centre)
    plan_to_tell(case, "car_ready", send_at=clock.now())
    work()
    [request] = gateway.requests
    assert request.json["mobile"] == "13900007009"
    assert request.json["text"].startswith("车已修好：周女士您好，您的 示A70001 已修好")
    page = centre.client("guard").get(f"/cases/{case.pk}?tab=notices").content.decode()
    assert "已送达" in page and "139****7009" in page and "13900007009" not in page


def test_what_the_gateway_refuses_becomes_a_call_by_the_advisor(centre: Centre, gateway: HttpReceiver) -> None:
    sms_at(centre, gateway)
    agree(centre, "sms")
    gateway.will_answer({"code": 7})
    case = ready(centre)
    assert told(case) == "请电话告知"
    bell = Notice.objects.get(user=centre.cast.user("advisor"), title="请电话告知客户：车已修好")
    assert "短信网关拒收" in bell.body and bell.url == f"/cases/{case.pk}?tab=notices"
    task, called = f"/tasks/{centre.item(case, 'greet').pk}", CustomerNotice.unscoped.get(case=case)
    advisor = centre.client("advisor")
    assert "请电话告知客户：车已修好" in advisor.get(task).content.decode()
    gone = centre.client("technician").post(f"/customer-notices/{called.pk}/called")
    assert gone.status_code == 403
    answer = advisor.post(f"/customer-notices/{called.pk}/called", {"back": task})
    assert answer.headers["Location"] == task
    bell.refresh_from_db()
    assert told(case) == "已电话告知" and bell.read_at is not None
    assert "请电话告知客户" not in advisor.get(task).content.decode()
    assert Entry.objects.filter(action="customer.called", chain=case.chain).count() == 1


def test_another_attempt_does_not_fall_into_the_quiet_hours(centre: Centre, gateway: HttpReceiver) -> None:
    sms_at(centre, gateway)
    agree(centre, "sms")
    gateway.will_answer({}, status=503)
    clock.move(at(20, 59))
    case = ready(centre)
    gateway.will_answer({"code": 0})
    clock.move(at(22))
    work()
    assert len(gateway.requests) == 1
    clock.move(at(8, day=25))
    work()
    assert (len(gateway.requests), told(case)) == (2, "已送达")


def test_consent_taken_back_stops_what_waits(centre: Centre, gateway: HttpReceiver) -> None:
    sms_at(centre, gateway)
    agree(centre, "sms")
    gateway.will_answer({}, status=503)
    case = ready(centre)
    assert told(case) == "正在发送"
    set_consent(centre.customer.pk, "sms", given=False, actor=centre.cast.actor("front_desk"))
    work()
    notice = CustomerNotice.unscoped.get(case=case)
    assert (told(case), notice.reason) == ("请电话告知", "没有送达：客户改为不接收")
    assert len(gateway.requests) == 1


def test_without_sms_the_mail_goes_to_whoever_agreed_to_mail(centre: Centre, mailbox: MailReceiver) -> None:
    mail_at(centre.cast.yl, mailbox)
    change_customer(centre.customer.pk, actor=centre.cast.actor("advisor"), mail="zhou@example.com")
    agree(centre, "sms", "mail")
    case = ready(centre)
    assert told(case) == "已送达"
    assert Message.objects.get().address == "zhou@example.com" and Message.objects.get().user is None


def test_consent_is_given_and_taken_back_on_the_page_of_the_customer(centre: Centre, gateway: HttpReceiver) -> None:
    sms_at(centre, gateway)
    page, front = f"/customers/{centre.customer.pk}", centre.client("front_desk")
    assert "没有问过" in front.get(page).content.decode()
    front.post(f"{page}/consent", {"medium": "sms", "given": "yes"})
    assert "同意接收" in front.get(page).content.decode()
    assert centre.client("cashier").post(f"{page}/consent", {"medium": "sms", "given": "no"}).status_code == 403
    front.post(f"{page}/consent", {"medium": "sms", "given": "no"})
    assert not consents_of(centre.customer.pk)["sms"].is_given
    said = Entry.objects.filter(action="customer.consent").order_by("pk").values_list("data", flat=True)
    assert [one["after"] for one in said] == [{"sms": True}, {"sms": False}]
    assert told(ready(centre)) == "请电话告知"
    assert gateway.requests == []
