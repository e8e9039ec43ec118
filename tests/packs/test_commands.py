"""`bihuan pack …`: what it prints and how it exits."""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import pytest

from bihuan.cli import pack as pack_commands
from bihuan.org.models import Site
from bihuan.packs.loading import pack_folder
from bihuan.processes.models import Definition

AUTO = pack_folder("auto_service")


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    pack_commands.register(parser.add_subparsers())
    arguments = parser.parse_args(["pack", *words])
    return int(arguments.run(arguments))


def test_check_of_a_good_pack_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", "auto_service") == 0
    assert capsys.readouterr().out == "没有问题\n"


def test_check_prints_file_line_place_and_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "auto_service"
    shutil.copytree(AUTO, folder)
    (folder / "scripts" / "greet.md").write_text("您好\n{谁}", encoding="utf-8")
    assert run("check", str(folder), "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert found == {
        "ok": False,
        "problems": [{"file": "scripts/greet.md", "reason": "没有占位词 {谁}", "line": 2, "place": ""}],
        "advice": [],
    }


def test_check_of_something_that_is_no_pack_fails_kindly(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", "no_such_pack") == 1
    assert "没有这个流程包" in capsys.readouterr().out


def test_layout_draws_a_file_again_the_same_way(tmp_path: Path) -> None:
    shipped = AUTO / "processes" / "suggestion.bpmn"
    target = tmp_path / "drawn.bpmn"
    assert run("layout", str(shipped), "--output", str(target)) == 0
    assert target.read_bytes() == shipped.read_bytes()


def test_layout_leaves_a_file_it_cannot_draw_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "broken.bpmn"
    broken.write_text("<html/>")
    assert run("layout", str(broken)) == 1
    assert broken.read_text() == "<html/>"
    assert "不是 BPMN" in capsys.readouterr().err


@pytest.mark.django_db
def test_install_with_demo_data_fills_an_empty_installation(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("install", "auto_service", "--seed", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] and told["seeded"]["customers"] == 40
    assert Site.objects.filter(code="YL").exists()
    assert Definition.objects.filter(key="service_visit").exists()
    assert run("install", "auto_service") == 0
    assert "新装 0 项，更新 0 项" in capsys.readouterr().out
