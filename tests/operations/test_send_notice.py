"""A process tells people in the rule book's words."""

from __future__ import annotations

import pytest

from bihuan.forms.texts import publish_text
from bihuan.notify.models import Notice
from bihuan.operations.rules import NOTICE
from bihuan.operations.surroundings import surroundings
from bihuan.processes import engine_store
from bihuan.processes.models import Incident
from bihuan.processes.publishing import publish
from tests.processes.models import END, START, bpmn
from tests.web.visits import Centre

TELL = """<serviceTask id="tell" bihuan:service="send_notice"><extensionElements>
<bihuan:input source="{notice}" target="notice"/><bihuan:input source="{role}" target="to_role"/>
<bihuan:input source="true" target="urgent"/></extensionElements></serviceTask>"""


def run(centre: Centre, notice: str = '"car_ready"', role: str = '"advisor"') -> None:
    tell = TELL.format(notice=notice.replace('"', "&quot;"), role=role.replace('"', "&quot;"))
    publish(bpmn("ready", START, tell, END, flows="start>tell tell>end"), "ready")
    case = centre.arrive()
    Notice.objects.all().delete()
    engine_store.start_instance(
        "ready", site_id=case.site_id, actor=centre.cast.system, subject_kind="case", subject_id=case.pk,
        around=surroundings(),
    )  # fmt: skip


def test_the_words_of_the_case_fill_the_wording_of_the_rule_book(centre: Centre) -> None:
    publish_text(f"{NOTICE}car_ready", 'title = "{车牌} 可以交车"\nbody = "请通知 {称呼}，单号 {单号}。"')
    run(centre)
    notice = Notice.objects.get()
    assert (notice.user, notice.is_urgent) == (centre.cast.user("advisor"), True)
    assert notice.title == "示A70001 可以交车" and "周女士" in notice.body
    assert "电话" not in notice.words and notice.about_kind == "case"


@pytest.mark.parametrize(
    ("notice", "role", "said"),
    [
        ('"missing"', '"advisor"', "没有通知模板“missing”"),
        ('"car_ready"', '"nobody"', "没有收件人"),
        ("null", "null", "没有通知模板"),
    ],
)
def test_a_notice_that_cannot_be_sent_is_an_incident_not_silence(
    centre: Centre, notice: str, role: str, said: str
) -> None:
    publish_text(f"{NOTICE}car_ready", 'title = "可以交车"')
    run(centre, notice, role)
    assert said in Incident.unscoped.get().reason
    assert {item.title for item in Notice.objects.all()} == {"流程停住了：未命名"}
    assert {item.user for item in Notice.objects.all()} >= {centre.cast.user("admin")}
