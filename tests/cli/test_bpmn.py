"""`bihuan bpmn check` and `bihuan bpmn run` as a person or a program calls them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bihuan.cli.bpmn import problems_in
from bihuan.cli.main import FAMILIES, main, offered

MODELS = Path(__file__).parents[1] / "engine" / "models"
APPROVAL = str(MODELS / "bpmnio_approval.bpmn")


def run_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    code = main(["bpmn", *arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.fixture
def answers(tmp_path: Path) -> Any:
    def write(text: str, name: str = "answers.yaml") -> str:
        file = tmp_path / name
        file.write_text(text, encoding="utf-8")
        return str(file)

    return write


def test_check_prints_file_line_element_and_reason(capsys: pytest.CaptureFixture[str]) -> None:
    file = str(MODELS / "refused_choreography.bpmn")
    assert main(["bpmn", "check", file]) == 1
    first, second, last = capsys.readouterr().out.strip().split("\n")
    assert first == f"{file}:1: definitions d: 文件里没有流程"
    assert second == f"{file}:2: choreography c: 暂不支持编排（choreography）"
    assert last == "1 个文件，发现 2 个问题"


def test_check_of_several_files_tells_which_are_good(capsys: pytest.CaptureFixture[str]) -> None:
    bad = str(MODELS / "refused_empty.bpmn")
    code, report = run_json(capsys, "check", APPROVAL, bad, str(MODELS / "discount.dmn"))
    assert code == 1
    assert [entry["ok"] for entry in report["files"]] == [True, False, True]
    assert [problem["file"] for problem in report["problems"]] == [bad]


def test_advice_is_told_and_counts_only_if_asked_to(capsys: pytest.CaptureFixture[str]) -> None:
    file = str(MODELS / "complex_gateway.bpmn")
    code, report = run_json(capsys, "check", file)
    assert code == 0 and [advice["code"] for advice in report["advice"]] == ["gateway-without-choice"]
    assert main(["bpmn", "check", file]) == 0
    first, last = capsys.readouterr().out.strip().split("\n")
    assert first == f"{file}:5: complexGateway odd: 提醒：网关「古怪」没有多个入口，也没有多个出口，不起作用"
    assert last == "1 个文件，没有问题，1 个提醒"
    code, report = run_json(capsys, "check", "--strict", file)
    assert code == 1 and report["advice"] == [] and len(report["problems"]) == 1


def test_a_drawing_is_checked_and_walked_through_as_such_if_asked_to(capsys: pytest.CaptureFixture[str]) -> None:
    file = str(MODELS / "refused_timer_without_time.bpmn")
    assert main(["bpmn", "check", file]) == 1 and main(["bpmn", "check", "--drawing", file]) == 0
    capsys.readouterr()
    assert run_json(capsys, "run", "--drawing", "--auto", file)[1]["state"] == "completed"


@pytest.mark.parametrize("name", ["/no/such/file.bpmn", "/", "\x00"])
def test_a_file_that_cannot_be_opened_is_a_problem_not_a_crash(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, report = run_json(capsys, "check", name)
    assert code == 1
    assert report["problems"][0]["code"] == "unreadable"


def test_a_list_of_answers_serves_the_visits_in_turn(capsys: pytest.CaptureFixture[str], answers: Any) -> None:
    file = answers("任务 work:\n  - {passed: false}\n  - {passed: true}\n")
    code, report = run_json(capsys, "run", str(MODELS / "structure_cycle.bpmn"), "--answers", file)
    assert (code, report["state"]) == (0, "completed")
    assert report["nodes"] == ["s", "in", "work", "out", "in", "work", "out", "e"]


def test_answers_that_are_left_over_are_told(capsys: pytest.CaptureFixture[str], answers: Any) -> None:
    file = answers("审批: [{approved: false}, {approved: true}]\n通知申请人: {}\n没有这个: {}\n")
    _, report = run_json(capsys, "run", APPROVAL, "--answers", file)
    assert report["unused_answers"] == ["审批", "通知申请人", "没有这个"]


def test_decimals_stay_decimal(capsys: pytest.CaptureFixture[str], answers: Any) -> None:
    file = answers("审批: {approved: true, fee: 0.10, total: 1.005}\n")
    main(["bpmn", "run", APPROVAL, "--answers", file])
    assert "total = 1.005" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        ("- a\n- b\n", "a.yaml", "对照表"),
        ("审批: 12\n", "a.yaml", "「审批」的答案应是"),
        ("审批: {approved: [1\n", "a.yaml", "第 2 行看不懂"),
        ("a: &x [1]\nb: *x\n", "a.yaml", "引用"),
        ("a: !!python/object/apply:os.system ['x']\n", "a.yaml", "看不懂"),
        ('{"a": ', "a.json", "看不懂"),
        ("[" * 100_000, "a.json", "嵌套太深"),
        ("审批: {approved: {1: 2}}\n", "a.yaml", "应是文字"),
    ],
)
def test_answers_that_cannot_be_used_are_explained(
    text: str, name: str, words: str, capsys: pytest.CaptureFixture[str], answers: Any
) -> None:
    assert main(["bpmn", "run", APPROVAL, "--answers", answers(text, name)]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--answers", "/no/such/file"], "打不开"),
        (["--variables", "{"], "不是 JSON"),
        (["--variables", "[1]"], "JSON 对象"),
        (["--process", "Nope"], "没有流程「Nope」，有：Process_1"),
        (["--now", "gestern"], "时刻"),
    ],
)
def test_wrong_questions_are_answered_with_exit_code_2(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bpmn", "run", APPROVAL, *arguments]) == 2
    assert words in capsys.readouterr().err


def test_a_person_reads_nodes_open_items_and_end_state(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bpmn", "run", APPROVAL]) == 0
    assert capsys.readouterr().out == (
        "流程 Process_1「Process_1」：等待中\n"
        "经过的节点：\n  1. StartEvent_1 收到申请\n  2. Activity_0x1 审批\n"
        "还开着的事项：\n  任务 Activity_0x1 审批\n"
    )


def test_another_process_of_the_file_can_be_run(capsys: pytest.CaptureFixture[str]) -> None:
    _, report = run_json(capsys, "run", str(MODELS / "structure_call_activity.bpmn"), "--process", "quote")
    assert (report["process"], report["nodes"]) == ("quote", ["qs", "price"])


def test_time_moves_with_the_timers_that_are_fired(capsys: pytest.CaptureFixture[str]) -> None:
    file = str(MODELS / "structure_event_gateway.bpmn")
    _, waiting = run_json(capsys, "run", file, "--now", "2026-11-24T09:00:00+08:00")
    assert waiting["open"][1]["due_at"] == "2026-11-26T01:00:00+00:00"
    _, fired = run_json(capsys, "run", file, "--fire-timers")
    assert fired["nodes"][-1] == "silent"


def test_a_service_may_be_answered_with_failure_or_with_a_bpmn_error(
    capsys: pytest.CaptureFixture[str], answers: Any
) -> None:
    file = answers('Assign Approver: {}\nApprove Invoice: {approved: true}\narchive: {$fail: "磁盘满"}\n')
    code, report = run_json(
        capsys, "run", str(MODELS / "camunda7_invoice.bpmn"), "--answers", file, "--variables", '{"starter": "x"}'
    )
    assert (code, report["state"]) == (1, "incident")
    assert report["incidents"] == [{"node": "archive", "name": "Archive Invoice", "reason": "磁盘满", "missing": []}]


def test_a_variable_that_nobody_gave_is_named_with_the_way_to_give_it(capsys: pytest.CaptureFixture[str]) -> None:
    file = str(MODELS / "camunda7_invoice.bpmn")
    _, report = run_json(capsys, "run", file, "--auto", "--variables", '{"starter": "x"}')
    [incident] = report["incidents"]
    assert incident["missing"] == ["approved"]
    main(["bpmn", "run", file, "--auto", "--variables", '{"starter": "x"}'])
    assert "--variables '{\"approved\": …}'" in capsys.readouterr().out


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_model_never_ends_in_a_fault(data: st.DataObject, tmp_path: Path) -> None:
    names = ["camunda7_invoice.bpmn", "structure_sub_process.bpmn", "bytes_utf16_le.bpmn", "discount.dmn"]
    good = (MODELS / data.draw(st.sampled_from(names))).read_bytes()
    start = data.draw(st.integers(0, len(good)))
    end = data.draw(st.integers(start, min(len(good), start + 60)))
    file = tmp_path / "damaged.bpmn"
    file.write_bytes(good[:start] + data.draw(st.binary(max_size=12)) + good[end:])
    assert "internal" not in [problem.code for problem in problems_in(str(file))]


def test_check_starts_without_django() -> None:
    program = "import sys; from bihuan.cli.main import main; main(sys.argv[1:]); assert 'django' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", program, "bpmn", "check", APPROVAL], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_output_survives_a_terminal_without_chinese() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bihuan.cli.main", "bpmn", "run", APPROVAL],
        capture_output=True,
        check=False,
        env={"PYTHONIOENCODING": "ascii", "PATH": ""},
    )
    assert done.returncode == 0
    assert b"Activity_0x1" in done.stdout


def test_help_lists_every_family_without_loading_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    assert [family.name for family in offered() if family.name not in text] == []
    assert {family.name for family in offered()} <= {family.name for family in FAMILIES}


def test_an_unknown_command_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["frobnicate"])
    assert ended.value.code == 2
