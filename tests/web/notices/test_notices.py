"""The notice centre, the bell that looks by itself, and one's own choices."""

from __future__ import annotations

import json
from datetime import time

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bihuan.audit.models import Entry
from bihuan.notify.kinds import Medium, NoticeKind
from bihuan.notify.models import Channel, Contact, Notice, Preference
from bihuan.notify.notices import About, notify_people
from tests.cast import Cast

LIVE = "/notices/live"
FORM = {
    "mail": "lixiao@yl.example", "phone": "139-0000 0102", "quiet_from": "21:30", "quiet_until": "06:30",
    "digest_at": "18:00",
}  # fmt: skip


@pytest.fixture
def advisor(cast: Cast, client: Client) -> Client:
    client.force_login(cast.user("advisor"))
    return client


def tell(
    cast: Cast, title: str, kind: NoticeKind = NoticeKind.CASE, *, urgent: bool = False, who: str = "advisor"
) -> None:
    notify_people([cast.user(who).pk], title, "示A70001", "/?from=notice", About(kind, urgent=urgent))


def text_of(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_notices_are_found_by_kind_and_by_being_unread(cast: Cast, advisor: Client) -> None:
    tell(cast, "缺件")
    tell(cast, "已超时", NoticeKind.BREACH, urgent=True)
    tell(cast, "别人的", who="cashier")
    everything = text_of(advisor, "/notices")
    assert "缺件" in everything and "已超时" in everything and "别人的" not in everything
    only = text_of(advisor, "/notices?kind=breach")
    assert "已超时" in only and "缺件" not in only
    advisor.get(f"/notices/{Notice.objects.get(title='已超时').pk}")
    assert "没有符合的通知" in text_of(advisor, "/notices?kind=breach&unread=1")
    assert text_of(advisor, "/notices?kind=nonsense&page=-1&unread=x").count("data-row") == 2


def test_opening_a_notice_reads_it_and_leads_to_its_place(cast: Cast, advisor: Client) -> None:
    tell(cast, "缺件")
    notice = Notice.objects.get()
    assert advisor.get(f"/notices/{notice.pk}").headers["Location"] == "/?from=notice"
    notice.refresh_from_db()
    assert notice.read_at is not None


def test_nobody_opens_the_notice_of_another(cast: Cast, advisor: Client) -> None:
    tell(cast, "别人的", who="cashier")
    assert advisor.get(f"/notices/{Notice.objects.get().pk}").status_code == 404
    assert Notice.objects.get().read_at is None


def test_a_long_list_is_paged_and_needs_no_more_queries(cast: Cast, advisor: Client) -> None:
    advisor.get("/notices")

    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            text_of(advisor, "/notices")
        return len(seen)

    tell(cast, "第一条")
    few = queries()
    for number in range(65):
        tell(cast, f"第 {number} 条")
    assert queries() == few <= 9
    assert "第 1 / 3 页" in text_of(advisor, "/notices")
    assert text_of(advisor, "/notices?page=3").count("data-row") == 6
    assert "第 3 / 3 页" in text_of(advisor, "/notices?page=99")


def test_the_bell_asks_cheaply_and_is_told_only_what_is_new(cast: Cast, advisor: Client) -> None:
    with CaptureQueriesContext(connection) as seen:
        assert advisor.get(LIVE, {"seen": "0-0-0"}).status_code == 204
    assert len(seen) <= 3
    tell(cast, "缺件")
    answer = advisor.get(LIVE, {"seen": "0-0-0"})
    newest = Notice.objects.get().pk
    assert f"seen=0-1-{newest}" in answer.content.decode() and 'aria-label="1 条未读通知"' in answer.content.decode()
    assert "HX-Trigger" not in answer.headers
    assert advisor.get(LIVE, {"seen": f"0-1-{newest}"}).status_code == 204


def test_an_urgent_notice_shows_at_once_and_only_once(cast: Cast, advisor: Client) -> None:
    tell(cast, "早先的", urgent=True)
    seen = f"0-1-{Notice.objects.get().pk}"
    tell(cast, "等候车辆超过一台", urgent=True)
    answer = advisor.get(LIVE, {"seen": seen})
    assert json.loads(answer.headers["HX-Trigger"])["toast"] == {"text": "等候车辆超过一台", "tone": "urgent"}
    assert advisor.get(LIVE, {"seen": f"0-2-{Notice.objects.latest('pk').pk}"}).status_code == 204


@pytest.mark.parametrize("seen", ["", "x", "1-", "-" * 50, "1-99999999999999999999", "1-²"])
def test_an_odd_mark_is_answered_with_the_bell(cast: Cast, advisor: Client, seen: str) -> None:
    tell(cast, "缺件", urgent=True)
    assert advisor.get(LIVE, {"seen": seen}).status_code == 200


def test_whoever_was_signed_out_stays_on_the_page(cast: Cast, client: Client) -> None:
    answer = client.get(LIVE, {"seen": "0-0-0"}, headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Reswap"]) == (286, "none")
    assert "HX-Redirect" not in answer.headers


def test_a_bell_counts_no_further_than_a_hundred(cast: Cast, advisor: Client) -> None:
    Notice.objects.bulk_create([Notice(user=cast.user("advisor"), title="x") for _ in range(130)])
    assert "99+" in advisor.get(LIVE).content.decode()


def test_choices_are_kept_shown_again_and_audited(cast: Cast, advisor: Client) -> None:
    before = text_of(advisor, "/notices/settings")
    assert "还没有接通" in before and 'value="22:00"' in before
    answer = advisor.post("/notices/settings", {**FORM, "breach-mail": "off", "task-sms": "now"})
    assert answer.status_code == 302
    contact = Contact.objects.get(user=cast.user("advisor"))
    assert (contact.mail, contact.phone) == ("lixiao@yl.example", "13900000102")
    assert (contact.quiet_from, contact.quiet_until, contact.digest_at) == (time(21, 30), time(6, 30), time(18))
    chosen = dict(Preference.objects.filter(medium=Medium.MAIL).values_list("kind", "when"))
    assert chosen["breach"] == "off" and chosen["people"] == "now"
    after = text_of(advisor, "/notices/settings")
    assert 'value="lixiao@yl.example"' in after and '<option value="off" selected>' in after
    assert Entry.objects.get(action="notice.choose").data["after"]["mail"] == "lixiao@yl.example"
    advisor.post("/notices/settings", {**FORM, "quiet_from": "", "quiet_until": ""})
    contact.refresh_from_db()
    assert contact.quiet_from is None and contact.quiet_until is None


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("mail", "lixiao", "邮箱写法不对"),
        ("mail", "a@b.example\r\nBcc: c@d.example", "邮箱写法不对"),
        ("phone", "请打座机", "只能有数字"),
        ("quiet_from", "25:00", "时间写法不对"),
        ("quiet_until", "", "要么都填"),
        ("digest_at", "", "请填写汇总时间"),
        ("task-mail", "hourly", "没有这种通知方式"),
        ("task-sms", "digest", "没有这种通知方式"),
    ],
)
def test_odd_choices_are_refused_at_their_field_and_nothing_is_kept(
    cast: Cast, advisor: Client, field: str, value: str, said: str
) -> None:
    answer = advisor.post("/notices/settings", {**FORM, field: value})
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not Contact.objects.exists() and not Preference.objects.exists()


def test_the_settings_say_what_is_connected_at_my_site(cast: Cast, advisor: Client) -> None:
    Channel.objects.create(site=cast.jw, kind="sms", name="江湾短信")
    assert "本店还没有接通：邮件、短信、群里@我" in text_of(advisor, "/notices/settings")
    Channel.objects.create(site=cast.group, kind="mail", name="集团邮件")
    Channel.objects.create(site=cast.yl, kind="dingtalk", name="车间群", is_active=False)
    assert "本店还没有接通：短信、群里@我" in text_of(advisor, "/notices/settings")
