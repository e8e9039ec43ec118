"""抄送 and 已阅: by the diagram and by hand, the right to read exactly one case, reminders, and taking it back."""

from __future__ import annotations

from typing import Any

import pytest

from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, Conflict, NotAllowed, NotFound
from bihuan.notify.models import Notice
from bihuan.operations.duty.handover import hand_over_everything, holdings_of
from bihuan.operations.pages.copies import copies_on_diagram
from bihuan.operations.people.copying import copy_work, urge_reader
from bihuan.operations.surroundings import surroundings
from bihuan.operations.work import complete_task
from bihuan.processes import engine_store
from bihuan.records.access import access_case, read_case
from bihuan.records.copies import CASE, CopiedStep, confirm_copies, rename_copied_steps, send_copies, withdraw_copy
from bihuan.records.models import CarbonCopy, Case
from tests.processes.models import END, START, bpmn, task
from tests.web.visits import Centre

RULES = (
    "<bihuan:cc who='role:technical_director' confirm='true' remind='PT4H' note='请核对'/>"
    "<bihuan:cc who='=[&quot;jiangxin&quot;, &quot;zhengguo&quot;]'/>"
)
STEP = f"><extensionElements>{RULES}</extensionElements></userTask>"
PROCESS = bpmn(
    "told", START, task("核价", role="advisor").replace("/>", STEP), task("归档", role="advisor"), END,
    flows="start>核价 核价>归档 归档>end",
)  # fmt: skip


def told(centre: Centre) -> Case:
    """A case on which an advisor has just done a step that is copied."""
    case = centre.arrive()
    engine_store.publish(PROCESS, "told")
    engine_store.start_instance(
        "told", site_id=case.site_id, actor=centre.cast.actor("advisor"), subject_kind="case", subject_id=case.pk,
        title="核价单", around=surroundings(),
    )  # fmt: skip
    complete_task(centre.item(case, "核价").pk, {}, actor=centre.cast.actor("advisor"))
    return case


def step_of(case: Case, step: str) -> CopiedStep:
    return CopiedStep(case.site_id, case.chain, step, case.pk)


def copied(centre: Centre, who: str, *, confirm: bool = True) -> tuple[Case, CarbonCopy]:
    """A case whose step an advisor has copied to somebody by hand."""
    case = centre.arrive()
    user = centre.cast.user(who)
    copy_work(
        centre.item(case, "greet").pk, [user.pk], actor=centre.cast.actor("advisor"), note="请看", confirm=confirm
    )
    return case, CarbonCopy.unscoped.get(case=case, user=user)


def test_a_step_of_the_diagram_tells_each_person_once_and_asks_to_confirm_if_any_rule_does(centre: Centre) -> None:
    case = told(centre)
    director, other = centre.cast.user("technical_director"), centre.cast.user("other_advisor")
    rows = {copy.user_id: copy for copy in CarbonCopy.unscoped.filter(case=case)}
    assert {user: row.wants_confirmation for user, row in rows.items()} == {director.pk: True, other.pk: False}
    assert (rows[director.pk].step, rows[director.pk].on, rows[director.pk].note) == ("核价", "complete", "请核对")
    notice = Notice.objects.get(user=director, title="请阅：核价已办完")
    assert notice.url == f"/copies/{case.pk}/open"
    page = centre.client("advisor").get(f"/cases/{case.pk}").content.decode()
    assert "抄送郑国" in page


def test_whoever_is_copied_reads_that_one_case_and_nothing_else(centre: Centre) -> None:
    case = told(centre)
    another = centre.arrive("示A80001")
    browser, actor = centre.client("other_advisor"), centre.cast.actor("other_advisor")
    assert browser.get(f"/copies/{case.pk}/open").status_code == 302
    page = browser.get(f"/cases/{case.pk}?copied").content.decode()
    assert case.number in page and "只能看，不能办理" in page
    assert browser.get(f"/cases/{another.pk}").status_code == 404
    assert case.number not in browser.get("/cases").content.decode()
    for tab in ("lines", "papers", "custody", "money", "files", "notices", "copies", "diagram"):
        assert browser.get(f"/cases/{case.pk}?tab={tab}").status_code == 200, tab
    item = centre.item(case, "归档")
    for offered in ("/tasks/", "/customers/", "/vehicles/", "/limits/", "/progress-code", "/process/"):
        assert offered not in page.partition("<main")[2], offered
    assert browser.get(f"/tasks/{item.pk}").status_code == 404
    assert browser.post(f"/cases/{case.pk}/phone").status_code == 404
    assert browser.post(f"/cases/{case.pk}/cancel", {"reason": "x"}).status_code in (403, 404)
    with pytest.raises(NotFound):
        access_case(case.pk, actor=actor)
    with pytest.raises(NotFound):
        copy_work(item.pk, [centre.cast.user("cashier").pk], actor=actor)


def test_somebody_without_any_post_may_be_told_too(centre: Centre) -> None:
    case, _ = copied(centre, "without_position")
    browser = centre.client("without_position")
    assert case.number in browser.get("/copies").content.decode()
    assert browser.get(f"/cases/{case.pk}?copied").status_code == 200


def test_opening_is_noted_and_reading_is_confirmed_in_one_click(centre: Centre) -> None:
    case, copy = copied(centre, "other_advisor")
    browser = centre.client("other_advisor")
    assert "请确认已阅" in browser.get("/copies").content.decode()
    browser.get(f"/copies/{case.pk}/open")
    copy.refresh_from_db()
    assert copy.opened_at is not None and copy.unread
    browser.post(f"/copies/{case.pk}/confirm", {"remark": "同意"})
    browser.post(f"/copies/{case.pk}/confirm", {"remark": "再说一次"})
    copy.refresh_from_db()
    assert copy.confirmed_at == clock.now() and copy.remark == "同意" and not copy.unread
    assert "没有未阅的抄送" in browser.get("/copies").content.decode()
    assert case.number in browser.get("/copies?all=1").content.decode()
    shown = centre.client("advisor").get(f"/cases/{case.pk}?tab=copies").content.decode()
    assert "蒋欣" in shown and "已阅" in shown and "同意" in shown
    assert "意见：同意" in centre.client("advisor").get(f"/cases/{case.pk}").content.decode()


def test_what_needs_no_confirmation_is_read_by_opening_it(centre: Centre) -> None:
    case, copy = copied(centre, "cashier", confirm=False)
    centre.client("cashier").get(f"/copies/{case.pk}/open")
    copy.refresh_from_db()
    assert not copy.unread and copy.confirmed_at is None


def test_a_copy_is_taken_back_by_who_sent_it_or_manages_cases_and_the_right_goes_with_the_last(centre: Centre) -> None:
    case, copy = copied(centre, "other_advisor")
    user = centre.cast.user("other_advisor")
    [second] = send_copies(step_of(case, "核价"), {user.pk: ""}, on="complete", by=None)
    with pytest.raises(NotFound):
        withdraw_copy(copy.pk, actor=centre.cast.actor("other_technician"))
    with pytest.raises(NotAllowed):
        withdraw_copy(second, actor=centre.cast.actor("advisor"))
    withdraw_copy(copy.pk, actor=centre.cast.actor("advisor"))
    assert read_case(case.pk, actor=centre.cast.actor("other_advisor")).pk == case.pk
    withdraw_copy(second, actor=centre.cast.actor("site_manager"), reason="发错了")
    browser = centre.client("other_advisor")
    assert [browser.get(f"/cases/{case.pk}{way}").status_code for way in ("", "?copied")] == [404, 404]
    assert browser.get(f"/copies/{case.pk}/open").status_code == 404
    assert browser.post(f"/copies/{case.pk}/confirm").status_code == 404
    story = centre.client("advisor").get(f"/cases/{case.pk}").content.decode()
    assert "收回抄送给蒋欣" in story and "发错了" in story


def test_a_reader_is_reminded_by_hand_once_in_half_an_hour(centre: Centre) -> None:
    case, copy = copied(centre, "technical_director")
    manager = centre.cast.actor("site_manager")
    urge_reader(copy.pk, actor=manager)
    with pytest.raises(Conflict, match="半小时内已经催过"):
        urge_reader(copy.pk, actor=manager)
    told = Notice.objects.filter(user=centre.cast.user("technical_director"), title="何平催阅：迎接问候")
    assert told.count() == 1
    confirm_copies((CASE, case.pk), actor=centre.cast.actor("technical_director"))
    with pytest.raises(Conflict, match="已经看过"):
        urge_reader(copy.pk, actor=manager)


def test_copies_by_hand_are_checked(centre: Centre) -> None:
    item = centre.item(centre.arrive(), "greet")
    actor, cast = centre.cast.actor("advisor"), centre.cast
    for people, words in (([], "请选择"), ([cast.user("left").pk], "离职"), ([cast.user("advisor").pk], "自己")):
        with pytest.raises(BusinessError, match=words):
            copy_work(item.pk, people, actor=actor)
    with pytest.raises(NotFound):
        copy_work(item.pk, [cast.user("cashier").pk], actor=cast.actor("other_advisor"))


def test_names_may_be_typed_and_what_was_chosen_is_kept_when_one_is_wrong(centre: Centre) -> None:
    case = centre.arrive()
    address, browser = f"/tasks/{centre.item(case, 'greet').pk}/act/cc", centre.client("advisor")
    chosen = {"to": str(centre.cast.user("cashier").pk), "confirm": "true"}
    refused = browser.post(address, {**chosen, "to-text": "郑国、马骏"})
    page = refused.content.decode()
    assert refused.status_code == 422 and "没有找到同事“马骏”" in page
    assert 'aria-label="去掉冯玉"' in page and "郑国、马骏" in page
    browser.post(address, {**chosen, "to-text": "郑国、hanlei"})
    assert sorted(CarbonCopy.unscoped.filter(case=case).values_list("user__name", flat=True)) == [
        "冯玉",
        "郑国",
        "韩磊",
    ]


def test_colleagues_of_every_site_are_found_one_s_own_first(centre: Centre) -> None:
    found = centre.client("advisor").get("/lookup/colleague", {"q": "技师"}).json()["results"]
    assert [(one["label"], one["note"]) for one in found] == [
        ("赵强", "维修技师"), ("钱进", "维修技师"), ("韩磊", "江湾汽车服务中心 维修技师"),
    ]  # fmt: skip


def test_the_drawing_of_an_instance_says_how_many_were_told_and_have_read(centre: Centre) -> None:
    case = told(centre)
    number = centre.item(case, "归档").instance_id
    confirm_copies((CASE, case.pk), actor=centre.cast.actor("technical_director"))
    browser = centre.client("site_manager")
    for path in (f"/instances/{number}/diagram.json", f"/processes/instances/{number}/diagram.json"):
        assert browser.get(path).json()["copies"] == [{"node": "核价", "label": "1/2", "text": "抄送 2 人次，1 已阅"}]
    rename_copied_steps(number, {"核价": "定价", "归档": ""})
    assert set(copies_on_diagram(number)) == {"定价"}


def test_the_process_page_lists_what_is_copied_to_whom(centre: Centre) -> None:
    page = centre.client("site_manager").get("/processes/complaint").content.decode()
    assert "投诉受理，办完时" in page and "车间主管，要确认已阅；过了“投诉阅知”时限没看就提醒" in page
    assert "最多 2 次；过了 1 天还没看就上报本人的上级" in page
    assert 'data-copies="[{&#34;node&#34;: &#34;accept&#34;, &#34;label&#34;: &#34;1&#34;' in page


def test_what_a_leaver_was_to_read_goes_to_a_successor(centre: Centre) -> None:
    case, _ = copied(centre, "cashier")
    leaver, manager = centre.cast.user("cashier").pk, centre.cast.actor("admin")
    [part] = [part for part in holdings_of(leaver, actor=manager).parts if part.key == "copies"]
    assert part.count == 1 and case.number in part.samples[0]
    heir = centre.cast.user("front_desk").pk
    hand_over_everything(leaver, to={"copies": heir}, reason="离职", actor=manager)
    after = CarbonCopy.unscoped.get(case=case, user_id=heir)
    assert after.unread and after.wants_confirmation and after.why == "冯玉交接"
    assert CarbonCopy.unscoped.get(case=case, user_id=leaver).withdrawn_at is not None


def test_the_list_costs_the_same_whatever_its_length(centre: Centre, django_assert_max_num_queries: Any) -> None:
    user = centre.cast.user("cashier")
    for number in range(6):
        case = centre.arrive(f"示A8000{number}")
        send_copies(step_of(case, "迎接问候"), {user.pk: ""}, on="hand", by=centre.cast.user("advisor").pk)
    browser = centre.client("cashier")
    browser.get("/copies")
    with django_assert_max_num_queries(11):
        page = browser.get("/copies").content.decode()
    assert page.count("data-row") == 6
