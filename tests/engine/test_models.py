"""Models as many tools write them, and as no tool should: each runs as the table says, or is refused with its place."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from bihuan.cli.main import main

MODELS = Path(__file__).parent / "models"
TABLE = yaml.safe_load((MODELS / "expected.yaml").read_text(encoding="utf-8"))
SECONDS = 5


def bihuan(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    """One command with `--json`: exit code and what it printed."""
    started = time.process_time()
    code = main(["bpmn", *arguments, "--json"])
    assert time.process_time() - started < SECONDS
    output = capsys.readouterr()
    assert "Traceback" not in output.out + output.err
    return code, json.loads(output.out)


def label(row: dict[str, Any]) -> str:
    return f"{row['file']} {row.get('state', '')}"


@pytest.mark.parametrize("row", TABLE["run"], ids=label)
def test_model_runs_as_the_table_says(row: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["run", str(MODELS / row["file"]), "--now", "2026-11-24T01:00:00+00:00"]
    if "answers" in row:
        answers = tmp_path / "answers.json"
        answers.write_text(json.dumps(row["answers"]), encoding="utf-8")
        arguments += ["--answers", str(answers)]
    if "variables" in row:
        arguments += ["--variables", json.dumps(row["variables"])]
    if "decisions" in row:
        arguments += ["--decisions", str(MODELS / row["decisions"])]
    for option in ("fire_timers", "auto"):
        if row.get(option):
            arguments.append("--" + option.replace("_", "-"))
    code, report = bihuan(capsys, *arguments)
    assert report["state"] == row["state"]
    assert code == (0 if row["state"] in ("completed", "waiting", "terminated") else 1)
    if "nodes" in row:
        assert report["nodes"] == row["nodes"].split()
    assert [f"{entry['kind']} {entry['node']}" for entry in report["open"]] == row.get("open", [])
    assert report["variables"] == row.get("ends_with", {})
    assert sorted({incident["node"] for incident in report["incidents"]}) == row.get("stuck_at", [])
    assert {called["process"]: called["state"] for called in report["called"]} == row.get("called", {})


@pytest.mark.parametrize("name", TABLE["checked_only"])
def test_model_has_no_problems(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, report = bihuan(capsys, "check", str(MODELS / name))
    assert (code, report["problems"]) == (0, [])


@pytest.mark.parametrize("name", [name for name in TABLE["checked_only"] if name.startswith("bytes_")])
def test_the_same_drawing_in_other_bytes_runs_the_same(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, expected = bihuan(capsys, "run", str(MODELS / "bpmnio_approval.bpmn"))
    _, report = bihuan(capsys, "run", str(MODELS / name))
    assert {**report, "file": ""} == {**expected, "file": ""}


@pytest.mark.parametrize("row", TABLE["refused"], ids=label)
def test_model_is_refused_with_its_place(row: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    file = str(MODELS / row["file"])
    for command in ("check", "run"):
        code, report = bihuan(capsys, command, file)
        assert (code, report["ok"]) == (1, False)
        first = report["problems"][0]
        assert (first["file"], first["line"]) == (file, row["line"])
        assert (first["element"], first["element_id"], first["code"]) == (row["element"], row["id"], row["code"])
        assert first["reason"]


def test_every_model_is_in_the_table() -> None:
    rows = [*TABLE["run"], *TABLE["refused"]]
    listed = {row["file"] for row in rows} | set(TABLE["checked_only"])
    files = {file.name for file in MODELS.iterdir() if not file.name.startswith(".")}
    assert listed == files - {"expected.yaml"}


def test_all_first_hand_problems_are_told_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    _, report = bihuan(capsys, "check", str(MODELS / "refused_many_problems.bpmn"))
    assert [(problem["line"], problem["element_id"], problem["code"]) for problem in report["problems"]] == [
        (5, "odd", "unsupported-element"),
        (6, "t", "unknown-element"),
        (10, "f1", "missing-reference"),
        (11, "f2", "bad-expression"),
    ]


HEAD = b'<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" id="d" targetNamespace="x">'
HUGE = {
    "elements": HEAD + b'<process id="p">' + b"<startEvent/>" * 60_000 + b"</process></definitions>",
    "depth": HEAD + b"<process>" * 100_000 + b"</process>" * 100_000 + b"</definitions>",
    "attribute": HEAD + b'<process id="' + b"p" * 12_000_000 + b'"/></definitions>',
    "bytes": b"<" * 25_000_000,
    "comment": b"<!--" + b"x" * 9_000_000 + b"-->" + HEAD + b"</definitions>",
    "attributes": HEAD + b"<process " + b" ".join(b'a%d="1"' % i for i in range(60_000)) + b"/></definitions>",
}


@pytest.mark.parametrize("name", HUGE)
def test_a_huge_file_is_refused_soon(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "huge.bpmn"
    file.write_bytes(HUGE[name])
    code, report = bihuan(capsys, "check", str(file))
    assert code == 1
    assert report["problems"]
