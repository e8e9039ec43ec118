from __future__ import annotations

import argparse
import json
from datetime import timedelta

import pytest

from bihuan.audit.log import record
from bihuan.cli import audit
from bihuan.kernel import clock
from tests.audit.intruder import tamper


def call(*words: str) -> int:
    parser = argparse.ArgumentParser(prog="bihuan")
    audit.register(parser.add_subparsers(required=True))
    arguments = parser.parse_args(["audit", *words])
    code: int = arguments.run(arguments)
    return code


@pytest.fixture
def logged(db: None) -> None:
    for chain in ("case:1", "case:2"):
        for number in range(3):
            record(actor_id=1, action="step", chain=chain, data={"number": number})


def test_a_whole_log_says_what_was_checked(logged: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("verify") == 0
    assert capsys.readouterr().out == "已检查 2 条链、6 条记录：完整无误\n"


def test_a_touched_log_names_chain_and_entry_and_fails(logged: None, capsys: pytest.CaptureFixture[str]) -> None:
    tamper("UPDATE audit_entry SET actor_id = 9 WHERE chain = 'case:2' AND seq = 2")
    assert call("verify") == 1
    assert "case:2 第 2 条：内容与散列不符" in capsys.readouterr().out
    assert call("verify", "--chain", "case:1") == 0


def test_json_is_one_object_for_machines(logged: None, capsys: pytest.CaptureFixture[str]) -> None:
    tamper("DELETE FROM audit_entry WHERE chain = 'case:1' AND seq = 1")
    assert call("verify", "--json") == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["ok"] is False
    assert (answer["entries"], answer["chains"]) == (5, 2)
    assert [(problem["chain"], problem["seq"]) for problem in answer["problems"]] == [("case:1", 1)]


def test_a_sealed_log_with_its_tail_cut_off_fails(logged: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("seal") == 0
    anchor = capsys.readouterr().out.strip()
    assert call("verify", "--anchor", anchor) == 0
    tamper("DELETE FROM audit_entry WHERE chain = 'case:1' AND seq = 3")
    assert call("verify") == 1
    tamper("DELETE FROM audit_entry WHERE chain = 'audit:seal'")
    assert call("verify") == 0
    assert call("verify", "--anchor", anchor) == 1


def test_sealing_again_when_nothing_grew_prints_the_same_anchor(
    logged: None, capsys: pytest.CaptureFixture[str]
) -> None:
    with clock.frozen(clock.now() + timedelta(hours=1)):
        call("seal", "--json")
        call("seal", "--json")
    first, second = capsys.readouterr().out.splitlines()
    assert json.loads(first) == json.loads(second)
    assert json.loads(first)["anchor"].startswith("1:")


def test_nothing_to_seal_is_said(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("seal") == 0
    assert "无可封存" in capsys.readouterr().out


def test_what_is_no_anchor_is_a_usage_error(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("verify", "--anchor", "abc") == 2
    assert "锚点" in capsys.readouterr().err
