from __future__ import annotations

from typing import Any

import pytest

from bihuan.audit import verification
from bihuan.audit.log import record
from bihuan.audit.models import Entry
from bihuan.audit.verification import verify
from tests.audit.intruder import tamper


@pytest.fixture
def logged(db: None) -> None:
    for chain in ("case:1", "case:2"):
        for number in range(1, 6):
            record(actor_id=number, action="step", chain=chain, site_id=1, data={"number": number, "text": "完工"})


def test_an_untouched_log_is_whole(logged: None) -> None:
    assert verify() == []


def test_an_empty_log_is_whole(db: None) -> None:
    assert verify() == []


@pytest.mark.parametrize(
    "change",
    [
        'data = \'{"number":3,"text":"返工"}\'',
        "data = data || ' '",
        "data = 'not json'",
        "actor_id = 99",
        "actor_id = NULL",
        "site_id = 2",
        "action = 'other'",
        "at = '2020-01-01 00:00:00+00:00'",
        "hash = prev_hash",
    ],
)
def test_any_changed_field_is_found_at_its_entry(logged: None, change: str) -> None:
    tamper(f"UPDATE audit_entry SET {change} WHERE chain = 'case:1' AND seq = 3")
    assert [(problem.chain, problem.seq) for problem in verify()] == [("case:1", 3)]


def test_a_removed_entry_is_found_as_a_hole(logged: None) -> None:
    tamper("DELETE FROM audit_entry WHERE chain = 'case:2' AND seq = 2")
    (problem,) = verify()
    assert (problem.chain, problem.seq) == ("case:2", 2)
    assert "缺少第 2 条" in problem.reason


def test_a_hole_closed_by_renumbering_is_found(logged: None) -> None:
    tamper("DELETE FROM audit_entry WHERE chain = 'case:1' AND seq = 2")
    for seq in (3, 4, 5):
        tamper(f"UPDATE audit_entry SET seq = {seq - 1} WHERE chain = 'case:1' AND seq = {seq}")
    (problem,) = verify()
    assert (problem.seq, problem.reason) == (2, "与前一条记录衔接不上")


def test_an_entry_moved_to_another_chain_is_found_in_both(logged: None) -> None:
    tamper("UPDATE audit_entry SET chain = 'case:9', seq = 1 WHERE chain = 'case:1' AND seq = 5")
    assert [problem.chain for problem in verify()] == ["case:9"]


def test_an_entry_rewritten_with_a_fresh_hash_breaks_the_next_one(logged: None) -> None:
    third = next(entry for entry in verification.stored_entries("case:1") if entry.seq == 3)
    forged = verification.entry_hash(
        chain="case:1",
        seq=3,
        at=third.at,
        actor_id=99,
        action=third.action,
        site_id=third.site_id,
        data=third.data_text.encode(),
        prev_hash=third.prev_hash,
    )
    tamper(f"UPDATE audit_entry SET actor_id = 99, hash = '{forged}' WHERE chain = 'case:1' AND seq = 3")
    (problem,) = verify()
    assert (problem.seq, problem.reason) == (4, "与前一条记录衔接不上")


def test_only_the_first_break_of_each_chain_is_told(logged: None) -> None:
    tamper("UPDATE audit_entry SET actor_id = 99 WHERE seq IN (2, 4)")
    assert [(problem.chain, problem.seq) for problem in verify()] == [("case:1", 2), ("case:2", 2)]


def test_one_chain_can_be_checked_alone(logged: None) -> None:
    tamper("UPDATE audit_entry SET actor_id = 99 WHERE chain = 'case:1' AND seq = 2")
    assert verify("case:2") == []
    assert len(verify("case:1")) == 1


def test_a_long_log_is_read_in_batches(
    logged: None, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    monkeypatch.setattr(verification, "_BATCH", 3)
    with django_assert_num_queries(4):
        assert verify() == []


def test_a_tampered_entry_can_still_be_shown(logged: None) -> None:
    tamper("UPDATE audit_entry SET data = 'not json' WHERE chain = 'case:1' AND seq = 3")
    assert Entry.objects.get(chain="case:1", seq=3).data == {"unreadable": "not json"}
