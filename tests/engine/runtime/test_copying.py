"""抄送 on the diagram: who is told, when, and what is refused. The people behind the words are the store's to find."""

from __future__ import annotations

from pathlib import Path

import pytest

from bihuan.cli.main import main
from bihuan.engine.definition import Span, check_bpmn, parse_bpmn
from bihuan.engine.definition.iso8601 import parse_duration
from bihuan.engine.runtime import CopyRequested
from tests.engine.runtime.models import xml_of
from tests.engine.runtime.story import Story


def cc(**said: str) -> str:
    """The line of a model that gives the element before it a copy."""
    text = " ".join(f"{name}='{value}'" for name, value in said.items())
    return f"| <extensionElements><bihuan:cc {text}/></extensionElements>"


def told(story: Story) -> list[tuple[str, object]]:
    """The nodes copied in the last step, and whom their expressions name."""
    return [(event.node, event.people) for event in story.happened(CopyRequested)]


def test_a_step_is_copied_when_it_is_done_or_opened() -> None:
    story = Story(f"start s\nuser A\n{cc(who='superior')}\nuser B\n{cc(who='role:boss', on='open')}\ns -> A -> B")
    assert told(story.start()) == []
    assert told(story.complete("A")) == [("A", None), ("B", None)]
    assert told(story.complete("B")) == []


def test_an_expression_names_people_and_a_condition_decides_whether_at_all() -> None:
    text = f"start s\nuser A\n{cc(who='=[boss, 7]', when='fee > 5000')}\nuser B\ns -> A -> B\nB -> A"
    story = Story(text).start(boss="wang", fee=100)
    assert told(story.complete("A")) == []
    assert told(story.complete("B", fee=6000)) == []
    assert told(story.complete("A")) == [("A", ["wang", 7])]


def test_what_cannot_be_worked_out_is_told_and_holds_up_nobody() -> None:
    story = Story(f"start s\nuser A\n{cc(who='superior', when='fee > 5000')}\nuser B\ns -> A -> B").start()
    story.complete("A")
    [event] = story.happened(CopyRequested)
    assert "fee" in event.failure
    assert story.items == ["B"]


def test_events_are_copied_as_they_happen_those_that_end_everything_too() -> None:
    text = (
        f"start s\nuser A\nboundary b on=A after=PT1H nonint\n{cc(who='superior')}\n"
        f"end e terminate\n{cc(who='starter')}\ns -> A -> e\nuser B\nb -> B"
    )
    story = Story(text).start()
    assert told(story.fire("b")) == [("b", None)]
    assert told(story.complete("A")) == [("e", None)]


def test_a_step_that_several_people_do_is_copied_once_as_it_opens_and_once_when_all_are_done() -> None:
    text = "start s\nuser A times=3\n| <extensionElements><bihuan:cc who='head' on='open'/><bihuan:cc who='head'/>"
    story = Story(f"{text}</extensionElements>\ns -> A")
    assert told(story.start()) == [("A", None)]
    assert told(story.complete("A")) + told(story.complete("A")) == []
    assert told(story.complete("A")) == [("A", None)]


def test_a_step_done_again_is_told_again_one_that_is_given_up_is_not() -> None:
    text = f"start s\nuser A\n{cc(who='head')}\nuser B\nboundary b on=B message=m\nuser C\ns -> A -> B\nb -> C"
    story = Story(text + f"\nuser D\n{cc(who='head')}\nB -> D").start()
    assert told(story.complete("A")) == [("A", None)]
    story.send_back("B", "A")
    assert told(story.complete("A")) == [("A", None)]
    story.send_back("B", "A", straight=True)
    assert told(story.complete("A")) == [("A", None)]
    assert told(story.message("b")) == []


def test_a_step_inside_a_sub_process_sees_what_is_known_there() -> None:
    text = "start s\nsub P each=parts item=part sequential {\nuser A\n" + cc(who="=part.keeper") + "\n}\ns -> P"
    story = Story(text).start(parts=[{"keeper": "li"}, {"keeper": "zhao"}])
    assert told(story.complete("A")) == [("A", "li")]
    assert told(story.complete("A")) == [("A", "zhao")]


def test_a_process_is_copied_as_it_begins_and_ends_but_not_if_it_is_stopped() -> None:
    rules = "<extensionElements><bihuan:cc who='head' on='open'/><bihuan:cc who='starter'/></extensionElements>"
    text = xml_of("start s\nuser A\ns -> A").replace('isExecutable="true">', f'isExecutable="true">{rules}')
    process = parse_bpmn(text).main
    story = Story(process)
    assert told(story.start()) == [("", None)]
    assert told(story.complete("A")) == [("", None)]
    assert told(Story(process).start().cancel()) == []


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("", "没有写给谁"),
        ("who='nobody:x'", "抄送的 who 没有「nobody」"),
        ("who='position:'", "后面还要写是哪一个"),
        ("who='chosen'", "不能用 chosen"),
        ("who='done:Z'", "「Z」不是这个流程里的人工任务"),
        ("who='=1 +'", "表达式"),
        ("who='head' on='later'", "on「later」不认识"),
        ("who='head' confirm='yes'", "confirm「yes」不认识"),
        ("who='head' remind='PT4H'", "也要写 confirm"),
        ("who='head' confirm='true' remind='4h'", "remind：“4h”不是时长"),
        ("who='head' confirm='true' remind='limit:'", "后面还要写是哪一个时限"),
        ("who='head' confirm='true' remind='-PT4H'", "要大于零"),
        ("who='head' confirm='true' remind='P999999Y'", "最长一年"),
        ("who='head' to='x'", "没有「to」这一项"),
        ("who='head' confirm='true' every='PT4H'", "也要写 remind"),
        ("who='head' confirm='true' remind='PT4H' times='0'", "1 到 20 的整数"),
        ("who='head' confirm='true' remind='PT4H' times='21'", "1 到 20 的整数"),
        ("who='head' confirm='true' remind='PT4H' every='soon'", "every：“soon”不是时长"),
        ("who='head' confirm='true' remind='PT1H' every='PT59S'", "至少隔一分钟"),
        ("who='head' confirm='true' remind='PT1S' times='2'", "至少隔一分钟"),
        ("who='head' escalate='P1D'", "写了 escalate，也要写 confirm"),
        ("who='head' confirm='true' escalateTo='superior'", "也要写 escalate"),
        ("who='head' confirm='true' escalate='P1D' escalateTo='boss'", "escalateTo「boss」不认识"),
        ("who='head' confirm='true' escalate='P1D' escalateTo='role:'", "escalateTo「role:」不认识"),
    ],
)
def test_a_wrong_copy_is_told_with_its_step_and_line(said: str, words: str) -> None:
    text = xml_of(f"start s\nuser A\n| <extensionElements>\n| <bihuan:cc {said}/></extensionElements>\ns -> A")
    [problem] = check_bpmn(text, source="m.bpmn")
    line = next(number for number, row in enumerate(text.splitlines(), 1) if "bihuan:cc" in row)
    assert (problem.element_id, problem.line) == ("A", line)
    assert words in problem.reason


@pytest.mark.parametrize(
    ("said", "every", "times"),
    [
        ("remind='P1Y'", None, 1),
        ("remind='PT4H' times='3'", "PT4H", 3),
        ("remind='PT4H' every='PT1H'", "PT1H", 20),
        ("remind='PT4H' every='PT1H' times='2'", "PT1H", 2),
    ],
)
def test_how_often_one_is_reminded_has_sensible_defaults(said: str, every: str | None, times: int) -> None:
    rule = f"<bihuan:cc who='head' confirm='true' {said}/>"
    process = parse_bpmn(xml_of(f"start s\nuser A\n| <extensionElements>{rule}</extensionElements>\ns -> A")).main
    [copy] = process.nodes["A"].copies
    assert (copy.every, copy.times) == (Span(parse_duration(every)) if every else None, times)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"start s\nxor g\n{cc(who='head')}\nuser A\ns -> g -> A", "网关上没有人办事"),
        (f"start s\n{cc(who='head', on='open')}\nuser A\ns -> A", "事件没有打开和办完之分"),
    ],
)
def test_a_copy_stands_only_where_something_is_done(text: str, words: str) -> None:
    assert words in "".join(problem.reason for problem in check_bpmn(xml_of(text), source="m.bpmn"))


def test_a_copy_written_as_an_attribute_is_not_overlooked() -> None:
    text = xml_of("start s\nuser A\ns -> A").replace("<userTask", "<userTask bihuan:cc='head'")
    assert "不能写成属性" in check_bpmn(text, source="m.bpmn")[0].reason


def test_a_rehearsal_says_who_would_be_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "m.bpmn"
    rules = (
        "<bihuan:cc who='role:boss' confirm='true'/><bihuan:cc who='=\"wang\"'/><bihuan:cc who='head' when='x > 1'/>"
    )
    file.write_text(xml_of(f"start s\nuser A name=估价\n| <extensionElements>{rules}</extensionElements>\ns -> A"))
    assert main(["bpmn", "run", str(file), "--auto"]) == 0
    said = capsys.readouterr().out
    assert "抄送：估价办完 → role:boss，要确认已阅" in said
    assert "抄送：估价办完 → wang" in said
    assert "抄送：估价办完，没有送出：" in said
