"""Administrators connect channels, try them out, and look after what was not delivered."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bihuan.audit.models import Entry
from bihuan.kernel import clock
from bihuan.notify.models import Channel, Message
from bihuan.notify.notices import About, notify_people
from bihuan.notify.outbox import send_due
from bihuan.notify.planning import plan_notices
from bihuan.notify.sealing import opened, sealed
from tests.cast import Cast
from tests.notify.receivers import HttpReceiver, MailReceiver, http_receiver, mail_receiver
from tests.web.visits import Centre

LIST = "/admin/channels"
SECRET = "a-secret-of-the-robot-0123"
pytestmark = pytest.mark.django_db


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with http_receiver() as running:
        yield running


@pytest.fixture
def mailbox() -> Iterator[MailReceiver]:
    with mail_receiver() as running:
        yield running


@pytest.fixture
def admin(cast: Cast, client: Client) -> Client:
    client.force_login(cast.user("admin"))
    return client


def webhook(cast: Cast, url: str, **more: object) -> dict[str, object]:
    return {
        "name": "总部值班台", "site": cast.yl.pk, "is_active": "1", "set-url": url, "set-secret": SECRET, **more
    }  # fmt: skip


def connect(cast: Cast, admin: Client, url: str) -> Channel:
    assert admin.post(f"{LIST}/new/webhook", webhook(cast, url)).status_code == 302
    return Channel.objects.get()


def undelivered(cast: Cast, channel: Channel, receiver: HttpReceiver, titles: tuple[str, ...] = ("缺件",)) -> None:
    receiver.will_answer({}, status=404)
    for title in titles:
        notify_people([cast.user("advisor").pk], title, about=About(site_id=cast.yl.pk))
    plan_notices(clock.now())
    send_due()


def test_a_channel_is_connected_tried_out_and_its_secret_never_shown(
    cast: Cast, admin: Client, receiver: HttpReceiver
) -> None:
    channel = connect(cast, admin, f"{receiver.url}/hook")
    page = admin.get(f"{LIST}/{channel.pk}").content.decode()
    assert "已设置，留空不变" in page and SECRET not in page and channel.secrets["secret"] not in page
    assert SECRET not in str(channel.secrets) and opened(channel.secrets["secret"]) == SECRET
    assert admin.post(f"{LIST}/{channel.pk}/try").status_code == 302
    assert receiver.requests[0].json["title"] == "试发通知"
    assert "总部值班台" in admin.get(LIST).content.decode()
    log = [entry.data for entry in Entry.objects.filter(chain=f"channel:{channel.pk}")]
    assert len(log) == 2 and SECRET not in str(log) and channel.secrets["secret"] not in str(log)


def test_mail_is_tried_out_at_an_address(cast: Cast, admin: Client, mailbox: MailReceiver) -> None:
    form = {
        "name": "公司邮件", "site": cast.yl.pk, "is_active": "1", "set-host": mailbox.host, "set-port": mailbox.port,
        "set-security": "none", "set-sender": "闭环 <notice@yl.example>",
    }  # fmt: skip
    admin.post(f"{LIST}/new/mail", form)
    here = f"{LIST}/{Channel.objects.get().pk}"
    admin.post(f"{here}/try")
    assert "请填写试发的地址" in admin.get(here).content.decode()
    admin.post(f"{here}/try", {"address": "weiming@yl.example"})
    assert [recipient for recipient, _ in mailbox.mails] == ["weiming@yl.example"]


def test_a_refused_try_says_why(cast: Cast, admin: Client, receiver: HttpReceiver) -> None:
    channel = connect(cast, admin, receiver.url)
    receiver.will_answer({}, status=403)
    admin.post(f"{LIST}/{channel.pk}/try")
    assert "没有发出去：对方拒收（403）" in admin.get(f"{LIST}/{channel.pk}").content.decode()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": ""}, "请填写名称"),
        ({"set-url": ""}, "请填写接收地址"),
        ({"set-url": "ftp://x.example"}, "完整地址"),
        ({"set-secret": "short"}, "至少 16 个字符"),
        ({"set-secret": "env:BIHUAN_SECRET_KEY"}, "BIHUAN_NOTICE_"),
        ({"kinds": "nonsense"}, "没有这种通知"),
        ({"roles": "nonsense"}, "没有角色"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_their_field(
    cast: Cast, admin: Client, change: dict[str, str], said: str
) -> None:
    answer = admin.post(f"{LIST}/new/webhook", webhook(cast, "https://x.example", **change))
    assert answer.status_code == 422
    assert said in answer.content.decode() and SECRET not in answer.content.decode()
    assert not Channel.objects.exists()


def test_a_secret_is_not_sent_to_a_new_address_unasked(cast: Cast, admin: Client, receiver: HttpReceiver) -> None:
    channel = connect(cast, admin, receiver.url)
    here = f"{LIST}/{channel.pk}"
    moved = webhook(cast, "https://elsewhere.example", version=1, **{"set-secret": ""})
    answer = admin.post(here, moved)
    assert answer.status_code == 422 and "请重新填写签名密钥" in answer.content.decode()
    same = webhook(cast, receiver.url, version=1, **{"set-secret": "", "name": "新名字"})
    assert admin.post(here, same).status_code == 302
    channel.refresh_from_db()
    assert channel.name == "新名字" and opened(channel.secrets["secret"]) == SECRET


def test_two_who_change_the_same_channel_do_not_overwrite_each_other(
    cast: Cast, admin: Client, receiver: HttpReceiver
) -> None:
    channel = connect(cast, admin, receiver.url)
    assert admin.post(f"{LIST}/{channel.pk}", webhook(cast, receiver.url, version=1)).status_code == 302
    assert admin.post(f"{LIST}/{channel.pk}", webhook(cast, receiver.url, version=1)).status_code == 409


def test_what_was_not_delivered_is_listed_with_its_reason_and_sent_again(
    cast: Cast, admin: Client, receiver: HttpReceiver
) -> None:
    channel = connect(cast, admin, receiver.url)
    undelivered(cast, channel, receiver, ("缺件", "新派工"))
    page = admin.get(f"{LIST}/messages?status=failed").content.decode()
    assert "对方拒收（404）" in page and "新派工" in page and "李晓" in page
    receiver.will_answer({})
    chosen = [message.pk for message in Message.objects.all()]
    assert admin.post(f"{LIST}/messages/again", {"message": [*chosen, "x", "-1"]}).status_code == 302
    send_due()
    assert set(Message.objects.values_list("status", flat=True)) == {"delivered"}
    assert Entry.objects.filter(action="channel.send_again").count() == 1


def test_a_channel_switched_off_sends_nothing_that_waits(cast: Cast, admin: Client, receiver: HttpReceiver) -> None:
    channel = connect(cast, admin, receiver.url)
    notify_people([cast.user("advisor").pk], "缺件", about=About(site_id=cast.yl.pk))
    plan_notices(clock.now())
    admin.post(f"{LIST}/{channel.pk}", webhook(cast, receiver.url, version=1, is_active=""))
    send_due()
    assert receiver.requests == []
    assert Message.objects.get().last_error == "渠道已停用"


@pytest.mark.parametrize("path", ["", "/new/webhook", "/messages", "/{channel}"])
def test_only_administrators_of_the_site_get_in(cast: Cast, admin: Client, receiver: HttpReceiver, path: str) -> None:
    channel = connect(cast, admin, receiver.url)
    address = LIST + path.format(channel=channel.pk)
    assert admin.get(address).status_code == 200
    stranger = Client()
    stranger.force_login(cast.user("advisor"))
    assert stranger.get(address).status_code == 403
    assert stranger.post(f"{LIST}/{channel.pk}/try").status_code == 403
    assert receiver.requests == []


def test_an_administrator_of_another_site_sees_and_changes_nothing(
    cast: Cast, admin: Client, receiver: HttpReceiver
) -> None:
    channel = connect(cast, admin, receiver.url)
    undelivered(cast, channel, receiver)
    other = Client()
    other.force_login(cast.user("other_admin"))
    assert "总部值班台" not in other.get(LIST).content.decode()
    assert other.get(f"{LIST}/{channel.pk}").status_code == 404
    assert other.post(f"{LIST}/{channel.pk}/try").status_code == 404
    assert "缺件" not in other.get(f"{LIST}/messages").content.decode()
    other.post(f"{LIST}/messages/again", {"message": Message.objects.get().pk})
    assert Message.objects.get().status == "failed"
    assert other.post(f"{LIST}/new/webhook", webhook(cast, receiver.url)).status_code == 403


def test_an_unknown_kind_is_not_found(admin: Client) -> None:
    assert admin.get(f"{LIST}/new/pigeon").status_code == 404


def test_the_pages_need_no_more_queries_for_more_rows(cast: Cast, admin: Client, receiver: HttpReceiver) -> None:
    channel = connect(cast, admin, receiver.url)
    admin.get(LIST)

    def queries() -> list[int]:
        counts = []
        for path in (LIST, f"{LIST}/messages", f"{LIST}/{channel.pk}"):
            with CaptureQueriesContext(connection) as seen:
                assert admin.get(path).status_code == 200
            counts.append(len(seen))
        return counts

    undelivered(cast, channel, receiver)
    few = queries()
    undelivered(cast, channel, receiver, tuple(f"第 {number} 条" for number in range(35)))
    Channel.objects.create(site=cast.yl, kind="mail", name="邮件")
    assert queries() == few
    assert max(few) <= 14


def test_a_case_shows_who_was_told_by_which_channel_and_why_not(centre: Centre, receiver: HttpReceiver) -> None:
    cast = centre.cast
    Channel.objects.create(
        site=cast.yl, kind="webhook", name="车间群", settings={"url": receiver.url},
        secrets={"secret": sealed(SECRET, "secret")},
    )  # fmt: skip
    case = centre.arrive()
    receiver.will_answer({}, status=404)
    about = About(subject=("case", case.pk), site_id=cast.yl.pk, urgent=True)
    notify_people([cast.user("advisor").pk, cast.user("technician").pk], "缺件，请告知客户", about=about)
    plan_notices(clock.now())
    send_due()
    page = centre.client("site_manager").get(f"/cases/{case.pk}?tab=notices").content.decode()
    for said in ("缺件，请告知客户", "李晓", "赵强", "车间群", "没有送达", "对方拒收（404）", "站内"):
        assert said in page
