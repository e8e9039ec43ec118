"""`bihuan scenario run` as a person or a program calls it: exit codes, the JSON shape, the broken line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bihuan.cli.main import main
from bihuan.records.models import Case
from tests.web.visits import Centre, centre

__all__ = ["centre"]

STORY = """scenario: 一台车来店
given: {site: YL, clock: 2026-11-24 09:00}
steps:
  - {do: arrive, as: 保安/值班员, with: {plate: 示A70001, bay: 预检一号位}, save: 本次}
  - at: +40s
    as: 李晓
    task: 迎接问候
    with: {greeting: all}
    then:
      - open: 记录客户需求
"""
BROKEN = STORY.replace("- open: 记录客户需求", "- open: 洗车")
Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def at(text: str | bytes, name: str = "story.yaml") -> str:
        file = tmp_path / name
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(file)

    return at


def run(*words: str) -> int:
    return main(["scenario", "run", "--here", *words])


def run_json(capsys: pytest.CaptureFixture[str], *files: str) -> tuple[int, dict[str, Any]]:
    code = run(*files, "--json")
    return code, json.loads(capsys.readouterr().out)


def test_a_story_that_goes_as_told(centre: Centre, write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(write(STORY)) == 0
    assert capsys.readouterr().out == "✓ 一台车来店（2 步）\n1 个场景通过，0 个未通过\n"
    assert not Case.unscoped.exists(), "nothing may stay behind"


def test_a_broken_expectation_names_file_line_and_what_is_there(
    centre: Centre, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(BROKEN)
    assert run(file) == 1
    said = capsys.readouterr().out
    assert f"✗ 一台车来店\n  {file}:10: 应有待办“洗车”，实际：" in said and "记录客户需求" in said
    assert "0 个场景通过，1 个未通过" in said


def test_one_broken_story_does_not_keep_the_next_from_being_played(
    centre: Centre, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(write(f"{BROKEN}---\n{STORY}")) == 1
    assert "1 个场景通过，1 个未通过" in capsys.readouterr().out


def test_the_json_shape(centre: Centre, write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad, unreadable = write(STORY), write(BROKEN, "bad.yaml"), write("scenario: [", "none.yaml")
    code, report = run_json(capsys, good, bad, unreadable)
    assert code == 2 and set(report) == {"ok", "scenarios", "unreadable"} and report["ok"] is False
    first, second = report["scenarios"]
    assert set(first) == {"file", "name", "ok", "line", "problem", "steps"}
    assert (first["file"], first["ok"], first["line"], first["problem"]) == (good, True, None, None)
    assert first["steps"][1] == {
        "line": 5, "label": "李晓 complete 迎接问候", "at": "2026-11-24T09:00:40+08:00", "ok": True, "problem": None,
        "refused": None,
    }  # fmt: skip
    assert (second["ok"], second["line"]) == (False, 10) and second["problem"].startswith("应有待办“洗车”")
    assert [(entry["file"], entry["line"]) for entry in report["unreadable"]] == [(unreadable, 1)]


def test_verbose_tells_every_step_with_its_line_and_time(
    centre: Centre, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(write(STORY), "--verbose") == 0
    assert "第 5 行 11-24 09:00:40 李晓 complete 迎接问候" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("step", "line", "problem"),
    [
        ("{as: 李晓, task: 打蜡}", 11, "没有任务“打蜡”；现在的待办：记录客户需求"),
        ("{as: 孙悟空, task: 记录客户需求}", 11, "没有名为“孙悟空”的人或角色"),
        ("{do: dance}", 11, "不认识的动作“dance”；可用："),
        ("{at: soon}", 11, "看不懂的时间“soon”"),
        ("{at: 2026-11-01 09:00}", 11, "时间不能倒退"),
        ("{at: +999999999d}", 11, "太长"),
        ("{at: 0001-01-01 00:00}", 11, "步骤的写法不对"),
        ("{as: 李晓, task: 记录客户需求, with: {colour: red}}", 11, "没有字段“colour”；可用："),
        ("{as: 李晓, task: 记录客户需求, with: {phone: x}}", 11, "被拒绝："),
        ("{as: 赵强, task: 记录客户需求}", 11, "被拒绝："),
        ("{as: 李晓, task: 迎接问候, refused: 天气}", 11, "应以“天气”被拒绝，实际："),
        ("{case: 那次, then: {open: 预检}}", 11, "没有保存过名为“那次”的业务单"),
        ("{then: {weather: fine}}", 11, "不认识的检查“weather”；可用："),
        ("{then: {not_open: 记录客户需求}}", 11, "不应有待办“记录客户需求”"),
        ("{then: {only_open: 预检}}", 11, "应有待办“预检”，实际："),
        ("{then: {assignee: {记录客户需求: 王芳}}}", 11, "李晓"),
    ],
)
def test_what_goes_wrong_is_said_so_that_the_author_can_mend_it(
    centre: Centre, write: Write, capsys: pytest.CaptureFixture[str], step: str, line: int, problem: str
) -> None:
    code, report = run_json(capsys, write(f"{STORY}  - {step}\n"))
    told = report["scenarios"][0]
    assert (code, told["ok"]) == (1, False)
    assert told["line"] == line and problem in told["problem"], told["problem"]


def test_a_refusal_that_was_meant_is_no_break(centre: Centre, write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    step = "{do: arrive, as: 保安/值班员, with: {plate: 示A70001}, refused: 已经在店}"
    code, report = run_json(capsys, write(f"{STORY}  - {step}\n"))
    assert code == 0, report
    assert "已经在店" in report["scenarios"][0]["steps"][-1]["refused"]


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        ("scenario: a\nsteps:\n  - {at: +1m", 3, "YAML"),
        ("scenario: a\nsteps:\n  - &s {at: +1m}\n  - *s\n", 4, "不支持 YAML 引用"),
        ("scenario: a\nsteps:\n  - {weather: fine}\n", 3, "没有“weather”这个键"),
        ("scenario: a\nsteps:\n  - {with: {a: " + "[" * 5000 + "\n", 3, "嵌套超过"),
        (b"\x7fELF\x02\x01\x01\x00\x00", 1, "控制字符"),
        (b"\xff\xd8\xff\xe0", 1, "不是 UTF-8"),
        (b"- " * 1_500_000, 0, "超过 2 MB"),
        ("", 0, "没有场景"),
    ],
)
def test_an_unreadable_file_gets_a_message_with_its_line_and_exit_code_2(
    db: None, write: Write, capsys: pytest.CaptureFixture[str], content: str | bytes, line: int, reason: str
) -> None:
    file = write(content)
    assert run(file) == 2
    said = capsys.readouterr()
    assert f"✗ {file}:{line}: " in said.err and reason in said.err
    assert "1 个文件不能读" in said.out and "Traceback" not in said.err


def test_a_missing_file_and_an_unknown_pack(db: None, write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("/no/such/story.yaml") == 2
    assert "文件无法读取" in capsys.readouterr().err
    assert run(write(STORY.replace("given:", "pack: moon\ngiven:"))) == 2
    assert "moon" in capsys.readouterr().err


def test_a_site_that_is_not_there_is_named_at_the_given(
    centre: Centre, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    code, report = run_json(capsys, write(STORY.replace("site: YL", "site: XX")))
    assert (code, report["scenarios"][0]["line"]) == (1, 2)
    assert "没有代码为“XX”的门店" in report["scenarios"][0]["problem"]


def test_on_a_machine_of_its_own_it_brings_its_database_along(write: Write, tmp_path: Path) -> None:
    text = "scenario: 检查\nsteps:\n  - {do: arrive, as: 保安/值班员, with: {plate: 示A99999}, save: 本次}\n"
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "bihuan.config.settings"}
    environment.pop("BIHUAN_DB", None)
    words = [sys.executable, "-m", "bihuan.cli.main", "scenario", "run", write(text)]
    done = subprocess.run(
        words, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert "1 个场景通过" in done.stdout
    assert not list(tmp_path.glob("*.sqlite3"))
