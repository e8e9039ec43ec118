"""A running instance moves to another version of its process: what goes along, what begins anew, what cannot move."""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bihuan.engine.definition import Process, parse_bpmn
from bihuan.engine.runtime import (
    CommandRejected,
    CompleteItem,
    ItemRenewed,
    MappingRefused,
    Migrate,
    Resume,
    Suspend,
    TimerMoved,
    compatible_nodes,
    obstacles,
    plan_migration,
)
from tests.engine.runtime.blocks import Shape, case_of, expected, shapes
from tests.engine.runtime.models import build, xml_of
from tests.engine.runtime.story import Story
from tests.engine.runtime.test_data import flow, process
from tests.engine.runtime.test_properties import SLOWLY


def move(story: Story, to: str | Process, **mapping: str) -> Story:
    """Migrate the instance of a story; refused, it stays where it is."""
    old = story.process
    story.process = build(to) if isinstance(to, str) else to
    try:
        story.do(Migrate(plan_migration(old, story.process, mapping)))
    except CommandRejected:
        story.process = old
        raise
    return story


def refusal(story: Story, to: str | Process, **mapping: str) -> str:
    """The words in which a migration is refused."""
    with pytest.raises(CommandRejected) as refused:
        move(story, to, **mapping)
    return refused.value.reason


LINE = """
    start s
    user 填写
    user 审批 role=经理
    end e
    s -> 填写 -> 审批 -> e
"""
FORK = """
    start s
    and 分
    user 洗车
    user 结算
    and 合
    user 交车
    end e
    s -> 分 -> 洗车 -> 合
    分 -> 结算 -> 合
    合 -> 交车 -> e
"""


def test_a_step_that_was_added_later_on_the_way_is_done_too() -> None:
    longer = LINE.replace("s -> 填写 -> 审批 -> e", "user 复核\ns -> 填写 -> 审批 -> 复核 -> e")
    story = move(Story(LINE).start().complete("填写"), longer).complete("审批").complete("复核")
    assert story.outcome == "completed"


def test_a_renamed_step_is_named_and_its_open_item_goes_along() -> None:
    story = Story(LINE).start(金额=3).complete("填写")
    before = story.wait("审批", "item")
    move(story, LINE.replace("审批", "核准"), 审批="核准")
    assert story.wait("核准", "item") == before and story.variables == {"金额": 3}
    [told] = story.happened(ItemRenewed)
    assert (told.wait, told.name, told.role) == (before, "核准", "经理")


def test_a_step_without_a_place_is_told_by_name() -> None:
    story = Story(LINE).start().complete("填写")
    assert refusal(story, LINE.replace("审批", "核准")) == "新版本没有「审批」，也没有指定由哪个环节接着办"
    assert story.complete("审批").outcome == "completed"


def test_a_mapping_is_checked_before_any_instance() -> None:
    other = LINE.replace("user 审批 role=经理", "service 审批")
    with pytest.raises(MappingRefused) as refused:
        plan_migration(build(LINE), build(other), {"没有": "填写", "填写": "没有", "审批": "审批"})
    assert refused.value.reasons == (
        "原版本没有环节「没有」", "新版本没有环节「没有」", "「审批」是人工任务，「审批」是服务任务",
    )  # fmt: skip
    fit = compatible_nodes(build(LINE), build(LINE.replace("审批", "核准")), "审批")
    assert [node.id for node in fit] == ["填写", "核准"]


def test_what_became_another_kind_of_step_is_told() -> None:
    story = Story(LINE).start().complete("填写")
    reason = "「审批」是人工任务，「审批」是服务任务"
    assert refusal(story, LINE.replace("user 审批 role=经理", "service 审批")) == reason


def test_only_what_people_read_differently_is_described_anew() -> None:
    story = move(Story(LINE).start().complete("填写"), LINE.replace("user 填写", "user 填写 role=前台"))
    assert not story.happened(ItemRenewed)
    move(story, LINE.replace("role=经理", "role=店长"))
    assert [told.role for told in story.happened(ItemRenewed)] == ["店长"]


def test_a_step_that_moved_into_a_sub_process_cannot_take_its_work_along() -> None:
    inside = "start s\nuser 填写\nsub 里 {\nstart a\nuser 审批\nend b\na -> 审批 -> b\n}\nend e\ns -> 填写 -> 里 -> e"
    assert refusal(Story(LINE).start().complete("填写"), inside) == "「审批」在新版本里移进了「里」"
    emptied = (
        inside.replace("user 审批\n", "user 别的\n").replace("a -> 审批", "a -> 别的").replace("审批 -> b", "别的 -> b")
    )
    emptied = emptied.replace("user 填写", "user 填写\nuser 审批").replace("里 -> e", "里 -> 审批 -> e")
    assert refusal(Story(inside).start().complete("填写"), emptied) == "「审批」在新版本里移出了子流程"


def test_branches_that_have_come_to_a_join_stay_counted() -> None:
    renamed = FORK.replace("洗车", "精洗").replace("合", "汇合")
    story = move(Story(FORK).start().complete("洗车"), renamed, 洗车="精洗", 合="汇合")
    assert story.complete("结算").complete("交车").outcome == "completed"


def test_a_branch_that_became_longer_or_shorter_is_still_that_branch() -> None:
    longer = FORK.replace("分 -> 洗车 -> 合", "分 -> 洗车 -> 擦干 -> 合").replace("user 交车", "user 交车\nuser 擦干")
    story = move(Story(FORK).start().complete("洗车"), longer).complete("结算")
    assert story.items == ["交车"]
    back = move(Story(longer).start().complete("洗车").complete("擦干"), FORK).complete("结算")
    assert back.items == ["交车"]


def test_a_join_that_no_longer_needs_a_branch_lets_go() -> None:
    model = FORK.replace("分 -> 结算 -> 合", "分 -> 结算 -> f\n分 -> 问 -> x\nx -> 合 : 要\nx -> f : else")
    model = model.replace("end e", "end e\nend f\nuser 问\nxor x")
    story = Story(model).start().complete("洗车").complete("问", 要=False)
    assert story.items == ["结算"]
    assert move(story, model.replace("x -> 合 : 要", "x -> f : 要")).items == ["交车", "结算"]


WIDER = FORK.replace("分 -> 结算 -> 合", "分 -> 结算 -> 合\n分 -> 开票 -> 合").replace(
    "user 交车", "user 交车\nuser 开票"
)


def test_nobody_is_left_waiting_for_a_branch_that_was_never_begun() -> None:
    reason = refusal(Story(FORK).start().complete("洗车"), WIDER)
    assert reason == "新版本的「合」要等另一条分支，这件已经走过了分叉，那条分支不会再来"
    assert move(Story(FORK).start().complete("洗车").complete("结算"), WIDER).items == ["交车"]


def test_steps_that_ran_side_by_side_do_not_come_one_after_the_other() -> None:
    row = "start s\nuser 洗车\nuser 结算\nuser 交车\nend e\ns -> 洗车 -> 结算 -> 交车 -> e"
    reason = refusal(Story(FORK).start(), row)
    assert reason == "「洗车」和「结算」原来同时办，新版本里先后办，「结算」会办两遍"


def test_an_inclusive_join_goes_on_if_nobody_comes_any_more() -> None:
    either = FORK.replace("and 分", "or 分").replace("and 合", "or 合")
    apart = either.replace("分 -> 结算 -> 合", "分 -> 结算 -> f").replace("end e", "end e\nend f")
    story = move(Story(either).start().complete("洗车"), apart)
    assert story.items == ["交车", "结算"]


TIMED = LINE.replace(
    "user 审批 role=经理", "user 审批\nboundary 晚 on=审批 after=PT4H nonint\nuser 催\nend e2\n晚 -> 催 -> e2"
)


def test_a_timer_that_is_the_same_keeps_its_moment_one_that_changed_begins_anew() -> None:
    story = Story(TIMED).start().complete("填写").later(hours=1)
    due = story.state.waits[story.wait("晚", "timer")].due_at
    move(story, TIMED.replace("role=经理", "").replace("user 填写", "user 填写 role=前台"))
    assert story.state.waits[story.wait("晚", "timer")].due_at == due
    move(story, TIMED.replace("PT4H", "PT8H"))
    assert story.state.waits[story.wait("晚", "timer")].due_at == story.now + timedelta(hours=8)
    assert story.fire("晚").items == ["催", "审批"]


def test_an_event_that_was_added_listens_one_that_was_taken_away_does_not() -> None:
    story = move(Story(LINE).start().complete("填写"), TIMED)
    assert story.open == ["审批", "晚"]
    assert move(story, LINE).open == ["审批"]


def test_an_event_that_has_happened_does_not_listen_again() -> None:
    story = Story(TIMED).start().complete("填写").fire("晚")
    assert move(story, TIMED.replace("user 填写", "user 填写 role=前台")).open == ["催", "审批"]


def test_a_message_with_another_key_is_waited_for_anew() -> None:
    model = "start s\nreceive 收 message=付款 correlation=单号\nend e\ns -> 收 -> e"
    story = Story(model).start(单号="A1", 车号="B2")
    first = story.wait("收", "message")
    move(story, model)
    assert story.wait("收", "message") == first
    move(story, model.replace("correlation=单号", "correlation=车号"))
    assert story.wait("收", "message") != first
    assert [event.correlation for event in story.last if hasattr(event, "correlation")] == ["B2"]
    assert story.message("收").outcome == "completed"


def test_an_event_whose_new_moment_cannot_be_told_is_an_incident_to_be_tried_again() -> None:
    model = "start s\ncatch 等 after=PT1H\nuser 后\nend e\ns -> 等 -> 后 -> e"
    story = move(Story(model).start(), model.replace("PT1H", "=久"))
    assert not story.open and story.state.incidents
    story.set(久="PT2H")
    assert story.retry().fire("等").items == ["后"]


def test_an_event_gateway_listens_to_what_was_added() -> None:
    model = "start s\nevent g\ncatch 付款 message=付款\ncatch 过期 after=P1D\nend e\ns -> g -> 付款 -> e\n"
    model += "g -> 过期 -> e"
    story = move(Story(model).start(), model + "\ncatch 取消 signal=取消\ng -> 取消 -> e")
    assert story.open == ["付款", "取消", "过期"]
    assert story.signal("取消").outcome == "completed"


def test_an_event_sub_process_that_was_added_listens() -> None:
    added = LINE + "sub 来电 byevent {\nstart 铃 message=来电 nonint\nuser 接\nend x\n铃 -> 接 -> x\n}"
    story = move(Story(LINE).start(), added)
    assert story.message("铃").items == ["填写", "接"]
    assert move(story, added.replace("user 审批", "manual 审批")).items == ["填写", "接"]


def test_repetitions_go_along_with_their_results() -> None:
    model = "start s\nuser 看 each=人 item=谁 out=意见 value=意 sequential\nuser 后\nend e\ns -> 看 -> 后 -> e"
    story = Story(model).start(人=["甲", "乙", "丙"]).complete("看", 意="好")
    move(story, model.replace("看", "会看"), 看="会看")
    story.complete("会看", 意="行").complete("会看", 意="可")
    assert story.variables["意见"] == ["好", "行", "可"]
    fresh = Story(model).start(人=["甲", "乙"])
    assert refusal(fresh, model.replace(" sequential", "")) == "「看」逐个、多人或循环办理的方式变了"


def test_a_called_process_runs_on_and_returns_to_the_new_version() -> None:
    model = "start s\ncall 调 called=检测\nuser 后\nend e\ns -> 调 -> 后 -> e"
    story = move(Story(model).start(), model.replace("user 后", "user 后 role=前台"))
    assert story.returned("调").items == ["后"]
    assert refusal(Story(model).start(), model.replace("检测", "复检")) == "「调」调用的流程换了"


def test_data_keeps_its_values_and_what_is_declared_newly_begins_without_one() -> None:
    def version(*declared: str) -> Story:
        objects = "".join(f'<dataObject id="{name}"/>' for name in declared)
        inside = f'{objects}<startEvent id="ps"/><userTask id="T"/><userTask id="U"/>{flow("ps", "T", "U")}'
        return process(f'<subProcess id="P">{inside}</subProcess><userTask id="V"/>{flow("s", "P", "V", "e")}')

    story = version("d").start(n="outside").complete("T", d=1)
    move(story, version("n").process)
    [inside] = [scope.variables for scope in story.state.scopes.values() if scope.kind == "sub"]
    assert inside == {"d": 1, "n": None}
    assert story.complete("U", n=2, d=3).variables == {"n": "outside"}


def test_what_was_done_can_still_be_undone() -> None:
    model = (
        "start s\nuser 订\nboundary c on=订 compensate\nuser 退 undoes\nc ~> 退\nthrow 撤 compensate\nuser 问\nend e\n"
    )
    model += "s -> 订 -> 问 -> 撤 -> e"
    story = move(Story(model).start().complete("订"), model.replace("订", "预订"), 订="预订").complete("问")
    assert story.items == ["退"]
    assert refusal(story, model) == "正在补偿已经办过的环节，等补偿结束再迁移"
    without = "start s\nuser 问\nend e\ns -> 问 -> e"
    assert refusal(Story(model).start().complete("订"), without) == "「订」办过了，需要时要能补偿，新版本里没有它"


def test_a_step_that_is_stuck_is_tried_again_with_what_the_new_version_says() -> None:
    story = Story("start s\nxor x\nuser 后\nend e\ns -> x -> 后 : 大\nx -> e : 小\n后 -> e").start()
    assert story.state.incidents
    move(story, "start s\nxor x\nuser 后\nend e\ns -> x -> 后 : else\nx -> e : false\n后 -> e")
    assert story.retry().items == ["后"]
    model = "start s\nuser 办\nuser 后\nend e\ns -> 办\n办 -> 后 : 大\n办 -> e : 小\n后 -> e"
    done = Story(model).start().complete("办", 大=False, 小=False)
    move(done, model.replace("小", "true") + "\nboundary 晚 on=办 after=PT1H\n晚 -> e")
    assert not done.open and done.retry().outcome == "completed"


def test_a_suspended_instance_moves_and_its_new_timers_wait_for_it() -> None:
    story = Story(LINE).start().complete("填写")
    story.do(Suspend())
    move(story.later(hours=2), TIMED).later(hours=1)
    story.do(Resume())
    assert story.happened(TimerMoved)
    assert story.state.waits[story.wait("晚", "timer")].due_at == story.now + timedelta(hours=4)


def test_what_people_arranged_goes_along() -> None:
    renamed = LINE.replace("审批", "核准").replace("填写", "填单")
    story = Story(LINE).start().complete("填写").ask("审批", "before")
    move(story, renamed, 审批="核准", 填写="填单")
    assert story.items == ["核准"] and len(story.open) == 2
    back = Story(LINE).start().complete("填写").send_back("审批", "填写", straight=True)
    assert move(back, renamed, 审批="核准", 填写="填单").complete("填单").complete("核准").outcome == "completed"


def test_an_ended_instance_does_not_move() -> None:
    assert refusal(Story(LINE).start().cancel(), LINE) == "流程已经结束"


ID = re.compile(r'\b(id|sourceRef|targetRef|attachedToRef|default|\w+Ref)="([^"]+)"')


def renamed(text: str) -> Process:
    """The same process with other ids throughout."""
    return parse_bpmn(ID.sub(r'\1="\2_v2"', xml_of(text))).main


@SLOWLY
@given(shape=shapes(), data=st.data(), at=st.integers(0, 8))
def test_moving_to_a_process_with_other_ids_changes_nothing_but_the_ids(
    shape: Shape, data: st.DataObject, at: int
) -> None:
    """Nothing is lost or made, whenever it is done; moving to the same process changes nothing at all."""
    case = case_of(shape)
    other = renamed(case.text)
    story = Story(case.text).start(**case.variables)
    visits: Counter[str] = Counter()
    done = 0
    while story.state.status == "running":
        if done == at:
            before = story.state.to_json()
            assert move(story, case.text).state.to_json() == before
            assert len(story.last) == 1
            move(story, other, **{name: f"{name}_v2" for name in story.process.nodes})
            assert len(story.last) == 1
        wait = data.draw(st.sampled_from(sorted(story.state.waits.values(), key=lambda wait: wait.id)))
        node = wait.node.removesuffix("_v2")
        visits[node] += 1
        story.do(CompleteItem(wait.id, case.answers(node, visits[node])))
        done += 1
    assert (done, story.outcome) == (expected(shape), "completed")


def goes_on_to_the_end(shape: Shape, other: Shape, data: st.DataObject, at: int) -> None:
    """Move from one process to quite another whose ids happen to be alike: refused, or it ends like any instance."""
    case, target = case_of(shape), case_of(other)
    story = Story(case.text).start(**{**target.variables, **case.variables})
    visits: Counter[str] = Counter()
    done = 0
    while story.state.status == "running":
        assert story.open and not story.state.incidents and done < 400
        if done == at:
            plan = plan_migration(story.process, build(target.text))
            if obstacles(plan, story.state):
                return
            story.process, case = plan.new, target
            story.do(Migrate(plan))
        else:
            wait = data.draw(st.sampled_from(sorted(story.state.waits.values(), key=lambda wait: wait.id)))
            visits[wait.node] += 1
            story.do(CompleteItem(wait.id, case.answers(wait.node, visits[wait.node])))
        done += 1
    assert story.outcome == "completed"


@settings(SLOWLY, max_examples=40)
@given(shape=shapes(2), other=shapes(2), data=st.data(), at=st.integers(0, 4))
def test_wherever_an_instance_may_move_it_goes_on_to_the_end(
    shape: Shape, other: Shape, data: st.DataObject, at: int
) -> None:
    goes_on_to_the_end(shape, other, data, at)


@pytest.mark.long
@settings(SLOWLY, max_examples=2000)
@given(shape=shapes(2), other=shapes(2), data=st.data(), at=st.integers(0, 6))
def test_wherever_many_instances_may_move_they_go_on_to_the_end(
    shape: Shape, other: Shape, data: st.DataObject, at: int
) -> None:
    goes_on_to_the_end(shape, other, data, at)
