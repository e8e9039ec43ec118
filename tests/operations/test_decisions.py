"""Decision tables answer business-rule tasks: the result routes, the history says which rule, gaps stop kindly."""

from __future__ import annotations

import pytest

from bihuan.audit.models import Entry
from bihuan.forms.texts import publish_text
from bihuan.kernel.errors import BusinessError, Conflict, NotAllowed
from bihuan.operations.cases import start_case
from bihuan.operations.decisions import publish_decisions
from bihuan.operations.pages.story import case_story
from bihuan.operations.repairs import resolve_incident
from bihuan.processes import engine_store
from bihuan.processes.models import Incident, Instance, WorkItem
from bihuan.records.models import Case
from tests.cast import Cast
from tests.processes.models import END, START, bpmn

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_clock")]

ASKING = bpmn(
    "complaint",
    START,
    '<businessRuleTask id="weigh" name="定轻重" bihuan:decision="weight" bihuan:result="weight"/>',
    '<userTask id="grave" name="上报" bihuan:role="advisor"/><userTask id="light" name="答复" bihuan:role="advisor"/>',
    '<exclusiveGateway id="which"/>',
    END,
    flows='start>weigh weigh>which which>grave[weight="grave"] which>light* grave>end light>end',
)


def tables(policy: str = "FIRST", first: str = "&gt; 3", decision: str = "weight") -> str:
    return f"""<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="投诉" namespace="urn:t">
    <decision id="{decision}" name="轻重"><decisionTable id="t" hitPolicy="{policy}">
      <input id="i" label="次数"><inputExpression><text>times</text></inputExpression></input>
      <output id="o" name="轻重"/>
      <rule><inputEntry><text>{first}</text></inputEntry><outputEntry><text>"grave"</text></outputEntry></rule>
      <rule><inputEntry><text>-</text></inputEntry><outputEntry><text>"light"</text></outputEntry></rule>
    </decisionTable></decision></definitions>"""


def begin(cast: Cast, times: int) -> Case:
    engine_store.publish(ASKING, "complaint")
    return start_case("complaint", actor=cast.actor("advisor"), site_id=cast.yl.pk, variables={"times": times})


def waiting(case: Case) -> list[str]:
    return list(WorkItem.unscoped.filter(instance__subject_id=case.pk, status="open").values_list("node_id", flat=True))


@pytest.mark.parametrize(("times", "node", "rules"), [(5, "grave", "1"), (1, "light", "2")])
def test_the_answer_routes_and_the_history_says_which_rules_applied(
    cast: Cast, times: int, node: str, rules: str
) -> None:
    publish_text("decision/complaints", tables())
    case = begin(cast, times)
    assert waiting(case) == [node]
    assert f"轻重第 {rules} 条" in [told.note for told in case_story(case.pk)]
    logged = Entry.objects.get(chain=Case.chain_of(case.pk), action="decision.made").data
    assert (logged["file"], logged["version"], logged["value"]) == ("complaints", 1, node)


def test_a_task_may_name_its_decision_as_people_do(cast: Cast) -> None:
    publish_text("decision/complaints", tables(decision="d_17").replace('name="轻重">', 'name="weight">'))
    assert waiting(begin(cast, 9)) == ["grave"]


def test_an_unknown_decision_stops_the_process_until_it_is_published(cast: Cast) -> None:
    case = begin(cast, 9)
    stuck = Incident.unscoped.get()
    assert stuck.reason == "规则书里没有决策“weight”，请流程负责人发布决策表后重试"
    assert waiting(case) == []
    publish_text("decision/complaints", tables())
    assert resolve_incident(stuck.pk, how="retry", actor=cast.actor("admin"))
    assert waiting(case) == ["grave"]


def test_rules_that_contradict_each_other_stop_the_process_and_are_named(cast: Cast) -> None:
    publish_text("decision/complaints", tables("UNIQUE"))
    begin(cast, 9)
    reason = Incident.unscoped.get().reason
    assert "1" in reason and "2" in reason
    assert Instance.unscoped.get().status == "running"


def test_work_goes_by_the_table_in_force_when_it_asks(cast: Cast) -> None:
    publish_text("decision/complaints", tables())
    assert (
        publish_decisions("complaints", tables(first="&gt; 100").encode(), expected=1, actor=cast.actor("admin")) == 2
    )
    assert waiting(begin(cast, 9)) == ["light"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<x/>", "不是 DMN"),
        (tables(first="&gt; (").encode(), "没有发布：第"),
        (tables(decision="other").encode(), "没有决策“轻重”"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "没有发布"),
    ],
)
def test_a_file_that_would_stop_processes_is_not_published(cast: Cast, content: bytes, reason: str) -> None:
    publish_text("decision/complaints", tables())
    with pytest.raises(BusinessError, match=reason):
        publish_decisions("complaints", content, expected=1, actor=cast.actor("admin"))
    with pytest.raises(Conflict):
        publish_decisions("complaints", tables().encode(), expected=7, actor=cast.actor("admin"))
    with pytest.raises(NotAllowed):
        publish_decisions("complaints", tables().encode(), expected=1, actor=cast.actor("advisor"))
