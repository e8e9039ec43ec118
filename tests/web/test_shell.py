"""The frame: menu by permission, site switch, headers, refusals, error pages, search and look-ups."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client, RequestFactory

from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, Conflict, NotAllowed, NotFound
from bihuan.notify.models import Notice
from bihuan.records.models import Customer, JobType, Part, Stock, Vehicle
from bihuan.web import wording
from bihuan.web.http import refusal
from bihuan.web.shell import errors
from bihuan.web.shell.menu import AREAS
from tests.cast import Cast

BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture
def as_advisor(cast: Cast, client: Client) -> Client:
    client.force_login(cast.user("advisor"), backend=BACKEND)
    return client


@pytest.mark.django_db
def test_every_page_forbids_inline_code_and_foreign_hosts(as_advisor: Client) -> None:
    answer = as_advisor.get("/notices")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    text = answer.content.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)
    assert not re.search(r"\s(style|on\w+)=\"", text)
    assert "http://" not in text.replace("http://www.w3.org", "")


@pytest.mark.django_db
@pytest.mark.covers("AUTO-33")
def test_the_menu_shows_only_what_the_role_may_open(cast: Cast, client: Client) -> None:
    for who in ("guard", "cashier", "parts_clerk", "site_manager"):
        actor = cast.actor(who)
        client.force_login(cast.user(who), backend=BACKEND)
        text = client.get("/notices").content.decode()
        for area in AREAS:
            allowed = not area.actions or any(actor.can(action) for action in area.actions)
            if f'title="{area.label}"' in text:
                assert allowed, (who, area.label)


@pytest.mark.django_db
def test_a_person_of_two_sites_switches_and_others_cannot(cast: Cast, client: Client) -> None:
    client.force_login(cast.user("group_manager"), backend=BACKEND)
    client.post("/site", {"site": cast.jw.pk})
    assert f'value="{cast.jw.pk}" aria-current="true"' in client.get("/notices").content.decode()
    client.force_login(cast.user("advisor"), backend=BACKEND)
    assert client.post("/site", {"site": cast.jw.pk}).status_code == 403
    assert client.post("/site", {"site": "x"}).status_code == 404


@pytest.mark.django_db
def test_the_bell_counts_unread_notices_of_this_person_only(cast: Cast, as_advisor: Client) -> None:
    Notice.objects.create(user=cast.user("advisor"), title="该迎接客户了", url="/notices")
    Notice.objects.create(user=cast.user("cashier"), title="别人的")
    text = as_advisor.get("/notices").content.decode()
    assert 'aria-label="1 条未读通知"' in text
    assert "别人的" not in text
    as_advisor.post("/notices/read")
    assert 'aria-label="通知"' in as_advisor.get("/notices").content.decode()


@pytest.mark.django_db
def test_the_theme_is_kept_on_the_device(as_advisor: Client) -> None:
    as_advisor.post("/theme", {"theme": "dark", "next": "/notices"})
    assert 'data-theme="dark"' in as_advisor.get("/notices").content.decode()
    as_advisor.post("/theme", {"theme": '"><script>', "next": "https://evil.example"})
    assert "data-theme" not in as_advisor.get("/notices").content.decode().split("<head>")[0]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotAllowed("请找服务经理处理"), 403),
        (NotFound("没有这张单据"), 404),
        (Conflict("李晓刚刚完成了这一步"), 409),
        (BusinessError("钥匙还没有交还"), 422),
    ],
)
def test_refusals_are_pages_with_their_reason_and_toasts_for_htmx(error: BusinessError, status: int) -> None:
    request = RequestFactory().get("/x")
    request.user = AnonymousUser()
    answer = refusal(request, error)
    assert answer.status_code == status
    assert error.message in answer.content.decode()
    part = refusal(RequestFactory().get("/x", headers={"HX-Request": "true"}), error)
    assert part.status_code == status
    assert json.loads(part.headers["HX-Trigger"])["toast"]["text"] == error.message


@pytest.mark.django_db
def test_error_pages_are_designed_and_say_what_was_kept(client: Client) -> None:
    answer = client.get("/no-such-page")
    assert answer.status_code == 404
    assert "找不到这个页面" in answer.content.decode()
    request = RequestFactory().get("/x")
    request.user = AnonymousUser()
    for status, (title, *_rest) in errors.TEXTS.items():
        answer = errors.error_page(request, status)
        assert answer.status_code == status
        assert title in answer.content.decode()


@pytest.mark.django_db
def test_a_stale_form_is_refused_kindly(cast: Cast) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(cast.user("advisor"), backend=BACKEND)
    answer = strict.post("/sign-out")
    assert answer.status_code == 403
    assert "页面已过期" in answer.content.decode()


@pytest.fixture
def car(cast: Cast) -> Vehicle:
    from_phone = Customer.objects.create(name="周建国", phone="13900001234", kind="person", salutation="先生")
    return Vehicle.objects.create(customer=from_phone, plate="示A12345", brand="远山", model_name="S3")


@pytest.mark.django_db
@pytest.mark.covers("AUTO-03")
@pytest.mark.parametrize("typed", ["示A12345", "12345", "1234", "13900001234", "周建国"])
def test_the_search_box_finds_by_plate_phone_tail_and_name(as_advisor: Client, car: Vehicle, typed: str) -> None:
    page = as_advisor.get("/search", {"q": typed}).content.decode()
    assert "示A·12345" in page
    assert "139****1234" in page
    assert typed == "13900001234" or "13900001234" not in page
    part = as_advisor.get("/search", {"q": typed}, headers={"HX-Request": "true"}).content.decode()
    assert "示A·12345" in part
    assert "<html" not in part


@pytest.mark.django_db
def test_searching_for_nothing_or_nonsense_is_calm(as_advisor: Client, cast: Cast) -> None:
    assert as_advisor.get("/search").status_code == 200
    assert "没有找到" in as_advisor.get("/search", {"q": "<script>'\";--" + "x" * 500}).content.decode()


@pytest.mark.django_db
def test_parts_are_found_with_price_and_stock_of_ones_own_site(cast: Cast, as_advisor: Client) -> None:
    part = Part.objects.create(code="JY-5W30", name="机油", unit="桶", price_yuan=Decimal("68.00"))
    Stock.objects.create(site=cast.jw, part=part, on_hand=Decimal(99), shelf="Z")
    Stock.objects.create(site=cast.yl, part=part, on_hand=Decimal(20), reserved=Decimal(2), shelf="A-03")
    row = as_advisor.get("/lookup/part", {"q": "jy"}).json()["results"][0]
    assert (row["id"], row["price_yuan"], row["available"]) == (part.pk, "68.00", "18.00")
    assert row["note"] == "货位 A-03，可用 18 桶，68.00 元/桶"


@pytest.mark.django_db
def test_jobs_are_those_of_the_site_with_hours_and_fee(cast: Cast, as_advisor: Client) -> None:
    for site in (cast.yl, cast.jw):
        JobType.objects.create(
            site=site, code="BY01", name="小保养", hours=Decimal("0.8"), rate_yuan_per_hour=Decimal(120)
        )
    rows = as_advisor.get("/lookup/job", {"q": "保养"}).json()["results"]
    assert [(row["hours"], row["labour_fee_yuan"]) for row in rows] == [("0.80", "96.00")]


@pytest.mark.django_db
def test_people_are_offered_by_role_at_the_site(cast: Cast, as_advisor: Client) -> None:
    rows = as_advisor.get("/lookup/person", {"q": "赵", "role": "technician"}).json()["results"]
    assert [row["label"] for row in rows] == ["赵强"]
    assert as_advisor.get("/lookup/person", {"q": "韩磊", "role": "technician"}).json()["results"] == []


@pytest.mark.django_db
def test_look_ups_refuse_strangers_and_unknown_kinds(cast: Cast, client: Client) -> None:
    assert client.get("/lookup/part", {"q": "a"}).status_code == 401
    client.force_login(cast.user("guard"), backend=BACKEND)
    assert client.get("/lookup/secrets", {"q": "a"}).status_code == 404


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (45, "仅剩 45 秒"),
        (12 * 60, "还剩 12 分"),
        (-200, "超时 3 分"),
        (7500, "还剩 2 时 5 分"),
        (266_400, "还剩 3 天 2 时"),
    ],
)
def test_time_left_reads_as_people_say_it(frozen_clock: datetime, seconds: int, text: str) -> None:
    assert wording.time_left(clock.now() + timedelta(seconds=seconds)) == text


def test_urgency_turns_at_the_warning_and_at_the_moment(frozen_clock: datetime) -> None:
    now = clock.now()
    assert wording.urgency(None) == "none"
    assert wording.urgency(now + timedelta(hours=1)) == "ok"
    assert wording.urgency(now + timedelta(hours=1), now) == "soon"
    assert wording.urgency(now + timedelta(minutes=9)) == "soon"
    assert wording.urgency(now - timedelta(seconds=1)) == "late"


def test_days_plates_phones_and_money_read_as_printed(frozen_clock: datetime) -> None:
    assert wording.day(clock.now()) == "11月24日 周二"
    assert wording.moment(clock.now()) == "今天 09:00"
    assert wording.moment(datetime(2025, 1, 1, 4, 5, tzinfo=UTC)) == "2025年1月1日 周三 12:05"
    assert wording.plate("示a12345") == "示A·12345"
    assert wording.masked_phone("13900001234") == "139****1234"
    assert wording.money(Decimal("1234.5")) == "¥1,234.50"
    assert wording.trim(Decimal("1.50")) == "1.5"
