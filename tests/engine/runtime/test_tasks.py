"""Tasks: what each kind asks for, what it hands out, and where its results go."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from bihuan.engine.runtime import (
    CallRequested,
    CommandRejected,
    CompleteItem,
    ItemClosed,
    ItemOpened,
    MessageThrown,
    ServiceRequested,
    Start,
    Subscribed,
    variables_at,
)
from tests.engine.runtime.story import Story


def test_a_user_task_opens_an_item_and_waits() -> None:
    title = "'\"接待 \" + 车牌'"
    story = Story(f"start s\nuser A name=接待 role=advisor form=f1 title={title} assignee=顾问\nend e\ns -> A -> e")
    story.start(车牌="示A12345", 顾问="li")
    [item] = story.happened(ItemOpened)
    assert (item.name, item.role, item.form, item.title, item.assignee) == (
        "接待", "advisor", "f1", "接待 示A12345", "li",
    )  # fmt: skip
    story.complete("A", 金额=Decimal("12.50"), 日期=date(2026, 12, 1), 名单=["甲", {"乙": 1}], 流水号=10**20 + 1)
    assert story.outcome == "completed"
    assert story.variables["金额"] == Decimal("12.50") and story.variables["名单"] == ["甲", {"乙": 1}]
    assert story.variables["流水号"] == 10**20 + 1


def test_a_manual_task_is_work_for_a_person_too() -> None:
    story = Story("start s\nmanual A\nend e\ns -> A -> e").start()
    assert story.open == ["A"]
    assert story.complete("A").outcome == "completed"


def test_a_task_without_a_type_passes() -> None:
    assert Story("start s\ntask A\nend e\ns -> A -> e").start().path() == ["s", "A", "e"]


def test_an_item_is_completed_once() -> None:
    story = Story("start s\nuser A\nuser B\nend e\ns -> A -> B -> e").start()
    wait = story.wait("A", "item")
    story.do(CompleteItem(wait))
    with pytest.raises(CommandRejected, match="办过"):
        story.do(CompleteItem(wait))
    assert story.open == ["B"]


def test_an_instance_starts_once_and_a_finished_one_takes_no_commands() -> None:
    story = Story("start s\nuser A\nend e\ns -> A -> e").start()
    with pytest.raises(CommandRejected, match="已经开始"):
        story.do(Start())
    story.complete("A")
    with pytest.raises(CommandRejected, match="已经结束"):
        story.do(CompleteItem(1))


def test_a_value_that_cannot_be_stored_is_refused_before_anything_happens() -> None:
    story = Story("start s\nuser A\nend e\ns -> A -> e").start()
    with pytest.raises(CommandRejected, match="不能作为流程变量"):
        story.complete("A", x=object())
    with pytest.raises(CommandRejected, match="无穷大"):
        story.complete("A", x=float("inf"))
    assert story.open == ["A"]


def test_a_service_task_asks_by_name_and_goes_on_when_finished() -> None:
    story = Story("start s\nservice S service=issue_parts\nend e\ns -> S -> e").start()
    [asked] = story.happened(ServiceRequested)
    assert asked.service == "issue_parts"
    story.finish("S", 库存=3)
    assert story.outcome == "completed" and story.variables == {"库存": 3}


def test_a_service_task_without_a_service_name_goes_by_its_own() -> None:
    story = Story("start s\nservice S name=发短信\nend e\ns -> S -> e").start()
    assert story.happened(ServiceRequested)[0].service == "发短信"


def test_a_failing_service_is_an_incident_that_can_be_retried() -> None:
    story = Story("start s\nservice S\nend e\ns -> S -> e").start()
    story.fail("S", "打印机没纸")
    assert story.last[-1].reason == "打印机没纸"
    assert story.open == []
    story.retry().finish("S")
    assert story.outcome == "completed"


def test_a_failing_service_can_be_skipped_with_the_results_it_should_have_had() -> None:
    story = Story("start s\nservice S\nuser A\nend e\ns -> S -> A -> e").start().fail("S").skip(单号="7")
    assert story.open == ["A"] and story.variables == {"单号": "7"}


def test_a_decision_is_asked_for_by_key_and_its_result_gets_the_variable() -> None:
    story = Story("start s\nrule R decision=discount result=折扣\nend e\ns -> R -> e").start()
    [asked] = story.happened(ServiceRequested)
    assert (asked.service, asked.decision) == ("decision", "discount")
    story.finish("R", result=Decimal("0.8"))
    assert story.variables == {"折扣": Decimal("0.8")}


def test_a_script_computes_variables() -> None:
    story = Story('start s\nscript C code="{总价: 单价 * 数量}"\nend e\ns -> C -> e').start(单价=20, 数量=3)
    assert story.outcome == "completed" and story.variables["总价"] == 60


def test_a_script_with_a_result_variable_stores_its_value_there() -> None:
    story = Story('start s\nscript C code="{a: 1}" result=r\nend e\ns -> C -> e').start()
    assert story.variables == {"r": {"a": 1}}


def test_sending_throws_the_message_and_goes_on() -> None:
    model = """
    start s
    send M message=通知 correlation=单号
    | <extensionElements><bihuan:input source="金额" target="款"/></extensionElements>
    end e
    s -> M -> e
    """
    story = Story(model).start(单号=12, 金额=5)
    assert story.happened(MessageThrown) == [MessageThrown("M", "通知", "12", {"款": 5})]
    assert story.outcome == "completed"


def test_receiving_waits_for_the_message_of_its_key() -> None:
    story = Story("start s\nreceive R message=到货 correlation=单号\nend e\ns -> R -> e").start(单号="7")
    [waiting] = story.happened(Subscribed)
    assert (waiting.kind, waiting.name, waiting.correlation) == ("message", "到货", "7")
    assert story.message("R", 数量=2).variables == {"单号": "7", "数量": 2}
    assert story.outcome == "completed"


def test_a_key_without_a_value_is_an_incident_not_an_empty_key() -> None:
    story = Story("start s\nreceive R message=到货 correlation=单号\nend e\ns -> R -> e").start()
    assert story.open == [] and len(story.state.incidents) == 1
    assert story.set(单号="7").retry().open == ["R"]


def test_a_call_passes_everything_in_and_takes_everything_out() -> None:
    story = Story("start s\ncall C called=sub\nend e\ns -> C -> e").start(a=1)
    [asked] = story.happened(CallRequested)
    assert (asked.called, asked.variables) == ("sub", {"a": 1})
    assert story.returned("C", b=2).variables == {"a": 1, "b": 2}


def test_a_call_with_mappings_passes_only_what_they_say() -> None:
    model = """
    start s
    call C called=sub
    | <extensionElements><camunda:in source="a" target="x"/><camunda:out source="y" target="b"/></extensionElements>
    end e
    s -> C -> e
    """
    story = Story(model).start(a=1, c=3)
    assert story.happened(CallRequested)[0].variables == {"x": 1}
    assert story.returned("C", y=2, z=4).variables == {"a": 1, "c": 3, "b": 2}


def test_a_call_may_compute_what_it_calls() -> None:
    story = Story('start s\ncall C called="=流程"\nend e\ns -> C -> e').start(流程="返修")
    assert story.happened(CallRequested)[0].called == "返修"


def test_a_failed_call_without_code_is_an_incident() -> None:
    story = Story("start s\ncall C called=x\nend e\ns -> C -> e").start().call_failed("C")
    assert story.retry().open == ["C"]


MAPPED = """
start s
user A
| <extensionElements><zeebe:ioMapping><zeebe:input source="=单价 * 2" target="报价"/>
| <zeebe:output source="=报价 + 加价" target="总价"/></zeebe:ioMapping></extensionElements>
end e
s -> A -> e
"""


def test_inputs_are_seen_only_inside_and_outputs_say_what_comes_out() -> None:
    story = Story(MAPPED).start(单价=10)
    assert story.happened(ItemOpened)[0].variables == {"报价": 20}
    assert variables_at(story.state, story.wait("A", "item")) == {"单价": 10, "报价": 20}
    assert story.complete("A", 加价=5, 备注="x").variables == {"单价": 10, "总价": 25}


def test_a_mapping_may_name_an_entry_inside_a_variable() -> None:
    model = """
    start s
    service A
    | <extensionElements><zeebe:ioMapping><zeebe:input source="POST" target="请求.方法"/>
    | <zeebe:input source="=号" target="请求.内容.车牌"/><zeebe:input source="" target="请求.备注"/>
    | <zeebe:output source="=结果" target="车.检查.结果"/><zeebe:output source="=结果 + 1" target="车.次"/>
    | </zeebe:ioMapping></extensionElements>
    end e
    s -> A -> e
    """
    story = Story(model).start(号="示A1", 车={"色": "白", "检查": {"人": "李"}})
    assert story.happened(ServiceRequested)[0].inputs == {
        "请求": {"方法": "POST", "内容": {"车牌": "示A1"}, "备注": ""}
    }
    story.finish("A", 结果=1)
    assert story.variables == {"号": "示A1", "车": {"色": "白", "检查": {"人": "李", "结果": 1}, "次": 2}}


def test_a_failing_output_keeps_the_results_for_the_retry() -> None:
    story = Story(MAPPED.replace("报价 + 加价", "count(for i in 1..大 return i) + 加价")).start(单价=10, 大=1_000_000)
    story.complete("A", 加价=5)
    assert story.happened(ItemClosed) and story.outcome == "" and len(story.state.incidents) == 1
    assert story.set(大=3).retry().variables["总价"] == 8


def test_a_wrong_assignee_is_an_incident_on_the_node() -> None:
    story = Story("start s\nuser A assignee=谁\nend e\ns -> A -> e").start(谁={"名": 1})
    assert story.open == []
    assert story.set(谁=7).retry().happened(ItemOpened)[0].assignee == 7


def test_a_result_goes_to_the_nearest_scope_that_knows_the_name() -> None:
    model = """
    start s
    sub P {
      start ps
      user A
      end pe
      ps -> A -> pe
    }
    | <extensionElements><bihuan:input source="1" target="内"/></extensionElements>
    end e
    s -> P -> e
    """
    story = Story(model).start(外=0).complete("A", 内=2, 外=3, 新=4)
    assert story.variables == {"外": 3, "新": 4}
