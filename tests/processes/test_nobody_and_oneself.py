"""Who does a step when nobody is found, when it would be who asked or the same person again, and in calls."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bihuan.audit.models import Entry
from bihuan.kernel import clock
from bihuan.org.duty.delegation import delegate_work
from bihuan.org.duty.standing import create_group
from bihuan.org.models import Position, PositionHolder
from bihuan.processes import engine_store as store
from bihuan.processes.models import Incident, Instance
from tests.processes.conftest import Desk
from tests.processes.models import END, START, bpmn, task
from tests.processes.test_assigning import approval, away, lines_of_command, opened, user, whose

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_clock")]


def test_nobody_found_waits_for_its_role_and_is_marked(desk: Desk) -> None:
    away(desk, "cashier")
    instance = opened(desk, who="position:收银员", role="cashier")
    item = desk.item(instance, "approve")
    assert (item.assignee_id, item.role, item.unattended_since) == (None, "cashier", clock.now())
    assert item.why == "没有找到任“收银员”岗位的在岗人员，已告知上级"


@pytest.mark.parametrize(
    ("nobody", "name"), [("superior", "孙立"), ("role:parts_clerk", "吴静"), ("person:zhengguo", "郑国")]
)
def test_nobody_found_goes_to_the_fallback(desk: Desk, nobody: str, name: str) -> None:
    lines_of_command(desk)
    instance = opened(desk, who="position:没有这个岗位", nobody=nobody)
    assert whose(desk, instance) == name
    assert "改由" in desk.item(instance, "approve").why


def test_nobody_found_can_stop_as_an_incident_that_opens_again_on_retry(desk: Desk) -> None:
    instance = opened(desk, who="group:reviewers", nobody="incident")
    assert desk.open_nodes(instance) == []
    incident = Incident.unscoped.get(resolved_at=None)
    assert (incident.node_id, incident.reason) == ("approve", "没有找到在用户组“reviewers”里的在岗人员")
    group = create_group("reviewers", name="评审小组", actor=desk.cast.system)
    group.members.add(desk.cast.user("guard"))
    store.retry_incident(incident.pk, actor=desk.cast.system)
    assert whose(desk, instance) == "陈安"


def test_who_started_it_does_not_approve_it(desk: Desk) -> None:
    lines_of_command(desk)
    rule = {"who": "role:advisor", "role": "advisor"}
    assert whose(desk, opened(desk, **rule)) == "李晓"
    assert whose(desk, opened(desk, **rule, starter="superior")) == "孙立"
    skipped = opened(desk, **rule, starter="skip", skipped='{result: "pass"}')
    assert desk.open_nodes(skipped) == ["file"]
    assert "跳过：办理人李晓就是发起人" in Entry.objects.filter(action="process.step").latest("id").data["notes"][0]


def test_who_started_it_does_not_approve_it_for_a_superior_who_is_away_either(desk: Desk) -> None:
    lines_of_command(desk)
    away(desk, "workshop_manager")
    delegate_work(
        to_user_id=user(desk, "advisor"), starts_at=clock.now(), ends_at=clock.now() + timedelta(hours=8),
        actor=desk.cast.actor("workshop_manager"),
    )  # fmt: skip
    instance = opened(desk, who="superior", starter="superior")
    assert desk.item(instance, "approve").why == "何平是发起人李晓的上级，李晓不审批自己的事项"
    assert desk.open_nodes(opened(desk, who="superior", starter="skip", nobody="incident")) == []


@pytest.mark.parametrize("who", ["superior", "head"])
def test_work_never_goes_to_somebody_of_another_site_who_could_not_open_it(desk: Desk, who: str) -> None:
    lines_of_command(desk)
    elsewhere = Position.objects.create(site=desk.cast.jw, name="督导")
    PositionHolder.objects.filter(user__in=[desk.cast.user("workshop_manager"), desk.cast.user("site_manager")]).update(
        position=elsewhere
    )
    instance = opened(desk, who=who)
    assert whose(desk, instance) == "technician"
    assert desk.item(instance, "approve").unattended_since == clock.now()


def test_a_vote_is_not_skipped_without_saying_which(desk: Desk) -> None:
    signed = task("approve", role="technician", who="=signer", starter="skip", signoff="all").replace(
        "/>", '><multiInstanceLoopCharacteristics bihuan:collection="signers" bihuan:item="signer"/></userTask>'
    )
    xml = bpmn("approval", START, signed, END, flows="start>approve approve>end")
    desk.start(xml, "approval", {"signers": ["lixiao", "heping"]}, actor=desk.cast.actor("advisor"))
    assert "会签要由 bihuan:skipped 给出同意或不同意" in Incident.unscoped.get(resolved_at=None).reason


def test_a_skipped_step_leaves_its_result(desk: Desk) -> None:
    instance = opened(desk, {"level": 3}, who="starter", starter="skip", skipped="{result: level + 1}")
    assert Instance.unscoped.get(pk=instance).variables["result"] == 4


def test_among_several_the_starter_is_left_out(desk: Desk) -> None:
    started = desk.start(approval(starter="skip", who="role"), "approval", actor=desk.cast.actor("technician"))
    desk.complete(started.instance_id, "ask", by="advisor")
    assert whose(desk, started.instance_id) == "钱进"


def test_the_same_person_twice_in_a_row_can_be_skipped(desk: Desk) -> None:
    rule = {"who": "done:ask"}
    assert whose(desk, opened(desk, **rule)) == "李晓"
    assert desk.open_nodes(opened(desk, **rule, again="skip")) == ["file"]


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        ({"who": "starter"}, "李晓"),
        ({"who": "superior"}, "孙立"),
        ({"who": '=["lixiao"]', "starter": "superior"}, "孙立"),
        ({"who": "done:ask"}, "李晓"),
        ({"who": "done:measure"}, "赵强"),
        ({"who": "done:measure", "again": "skip", "skipped": "{seen: true}"}, ""),
    ],
)
def test_a_called_process_knows_who_began_it_all_and_who_did_the_steps_of_its_caller(
    desk: Desk, rule: dict[str, str], name: str
) -> None:
    lines_of_command(desk)
    caller = bpmn(
        "request", START, task("ask", role="advisor"), task("measure", role="technician"),
        '<callActivity id="call" name="call" calledElement="review"/>', END,
        flows="start>ask ask>measure measure>call call>end",
    )  # fmt: skip
    called = bpmn("review", START, task("approve", role="technician", **rule), END, flows="start>approve approve>end")
    inner = called[called.index("<process") : called.index("</definitions>")].replace('id="start', 'id="r_start')
    inner = (
        inner.replace('id="end', 'id="r_end')
        .replace('Ref="start"', 'Ref="r_start"')
        .replace('Ref="end"', 'Ref="r_end"')
    )
    started = desk.start(caller.replace("</definitions>", inner + "</definitions>"), "request")
    desk.complete(started.instance_id, "ask", by="advisor")
    desk.complete(started.instance_id, "measure", by="technician")
    child = Instance.unscoped.get(parent_id=started.instance_id)
    assert (whose(desk, child.pk) if desk.open_nodes(child.pk) else "") == name
